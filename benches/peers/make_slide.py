"""A pyramidal TIFF of H&E of any size: a real field mirrored over and over, in JPEG tiles of 256 px (quality 80, 4:2:0), levels of 1/4.

    pip install numpy tifffile imagecodecs
    python benches/peers/make_slide.py CMU-1-Small-Region.svs big.tif 20000
"""

import sys

import numpy
import tifffile

TILE = 256


def main(source, out, edge):
    edge = int(edge)
    field = tifffile.imread(source, key=0)
    mirrored = numpy.concatenate([field, field[::-1]])
    mirrored = numpy.concatenate([mirrored, mirrored[:, ::-1]], axis=1)
    options = {
        "tile": (TILE, TILE), "photometric": "rgb", "compression": "jpeg", "compressionargs": {"level": 80},
        "subsampling": (2, 2), "resolutionunit": "CENTIMETER", "metadata": None,
    }
    with tifffile.TiffWriter(out, bigtiff=True) as writer:
        size, by, level = edge, 1, mirrored
        while True:
            def tiles(level=level, size=size):
                for y in range(0, size, TILE):
                    for x in range(0, size, TILE):
                        rows = numpy.arange(y, y + TILE) % level.shape[0]
                        columns = numpy.arange(x, x + TILE) % level.shape[1]
                        yield level[rows[:, None], columns]

            density = 1e4 / (0.5 * by)
            writer.write(tiles(), shape=(size, size, 3), dtype="uint8", resolution=(density, density), subfiletype=int(by > 1), **options)
            if size <= 1024:
                return
            even = level[: level.shape[0] // 4 * 4, : level.shape[1] // 4 * 4].astype("u2")
            level = even.reshape(even.shape[0] // 4, 4, even.shape[1] // 4, 4, 3).mean(axis=(1, 3)).round().astype("u1")
            size, by = -(-size // 4), by * 4


if __name__ == "__main__":
    main(*sys.argv[1:])
