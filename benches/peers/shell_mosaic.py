"""SHELL's glands of a whole slide, as a class map that benches/mosaic_dice.py measures.

    pip install numpy tifffile imagecodecs onnxruntime torch==2.11.0 monai lavlab-shell==0.9.1
    python benches/peers/shell_mosaic.py ebhi_mosaic_dev.svs model_v1.onnx classes.tif slide
    python benches/mosaic_dice.py classes.tif ebhi_mosaic_dev_gt_4umpp.png

Stains are estimated and separated by SHELL's own code, over the whole slide as SHELL does (`slide`; it must be small enough for
memory) or for every window by itself (`window`), which is fairer to a mosaic of fields that were stained differently. The network
runs in ONNX Runtime on windows of 1,024 pixels that overlap by half and answer for their middle. Whatever is neither stroma nor
background is gland (class 1 of the map): SHELL's epithelium and lumen within its own tissue mask. Nothing is tuned.
"""

import sys
import time

import numpy
import onnxruntime
import tifffile
from shell.transforms import apply_eho_chunked, detect_background, estimate_stain_params

WINDOW, STEP = 1024, 512


def separated(rgb, background):
    """Concentrations of the stains as float32, each channel stretched over the image to 0 to 1, as SHELL does."""
    eho = apply_eho_chunked(rgb, **estimate_stain_params(rgb, background)).astype("f4")
    lows, highs = eho.min(axis=(0, 1)), eho.max(axis=(0, 1))
    return (eho - lows) / (highs - lows + 1e-8)


def main(slide, model, out, stains):
    began = time.time()
    rgb = tifffile.imread(slide, key=0)
    tissue = ~detect_background(rgb)
    rim = (WINDOW - STEP) // 2
    edge = ((rim, WINDOW), (rim, WINDOW))
    if stains == "slide":
        pixels = numpy.pad(separated(rgb, ~tissue).astype("f2"), (*edge, (0, 0)), mode="reflect")
        print(f"stains: {time.time() - began:.0f} s")
    else:
        pixels = numpy.pad(rgb, (*edge, (0, 0)), mode="reflect")
        glass = numpy.pad(~tissue, edge, mode="reflect")
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    height, width = tissue.shape
    gland = numpy.zeros((height, width), numpy.uint8)
    count = 0
    for top in range(0, height, STEP):
        for left in range(0, width, STEP):
            part = tissue[top : top + STEP, left : left + STEP]
            if part.mean() < 0.01:
                continue
            here = numpy.s_[top : top + WINDOW, left : left + WINDOW]
            window = pixels[here].astype("f4") if stains == "slide" else separated(pixels[here], glass[here])
            answer = session.run(None, {name: window.transpose(2, 0, 1)[None]})[0][0]
            inner = answer[:, rim : rim + STEP, rim : rim + STEP].argmax(axis=0)[: part.shape[0], : part.shape[1]]
            gland[top : top + STEP, left : left + STEP] = (inner != 2) & part
            count += 1
            if count % 25 == 0:
                print(f"{count} windows, {time.time() - began:.0f} s", flush=True)
    tifffile.imwrite(out, gland, compression="zlib")
    print(f"{count} windows in {time.time() - began:.0f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
