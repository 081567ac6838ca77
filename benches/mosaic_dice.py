"""Dice of the glands of a segmented mosaic against its ground truth: 0 glass, 1 other tissue, 2 gland, at 4 micrometres a pixel.

    pip install numpy pillow tifffile imagecodecs
    slidestream segment ebhi_mosaic_dev.svs --model colon-glands --out DIR
    python benches/mosaic_dice.py DIR/ebhi_mosaic_dev.svs/classes.tif ebhi_mosaic_dev_gt_4umpp.png [BACKGROUND]

Every class but BACKGROUND, 0 if not given, is gland. Once over the whole slide, and once over its tissue alone, without what is found on glass. The class map is reduced to the truth's size by the majority of each block's pixels.
"""

import sys

import numpy
import tifffile
from PIL import Image

Image.MAX_IMAGE_PIXELS = None


def main(classes, truth, background=0):
    found = tifffile.imread(classes) != int(background)
    truth = numpy.asarray(Image.open(truth))
    tissue, truth = truth != 0, truth == 2
    factor = round(found.shape[0] / truth.shape[0])
    height, width = truth.shape
    room = numpy.zeros((height * factor, width * factor), bool)
    part = found[: height * factor, : width * factor]
    room[: part.shape[0], : part.shape[1]] = part
    share = room.reshape(height, factor, width, factor).mean(axis=(1, 3))
    found = share >= 0.5
    print(f"{factor} x {factor} pixels of the map a pixel of the truth")
    report("whole slide", found, truth)
    report("tissue", found & tissue, truth)


def report(where, found, truth):
    both = (found & truth).sum()
    dice, precision, recall = 2 * both / (found.sum() + truth.sum()), both / found.sum(), both / truth.sum()
    print(f"{where}: Dice {dice:.4f}, precision {precision:.4f}, recall {recall:.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
