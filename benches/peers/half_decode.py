"""How far tiles that libjpeg-turbo decodes at half the size are from tiles decoded whole and averaged over 2 x 2 pixels.

    pip install numpy pillow tifffile
    python benches/peers/half_decode.py CMU-1-Small-Region.svs big4k.tif
"""

import io
import sys
import time

import numpy
import tifffile
from PIL import Image


def main(*slides):
    for path in slides:
        file = tifffile.TiffFile(path)
        page = file.pages[0]
        figures, whole_s, half_s = [], 0.0, 0.0
        for offset, count in list(zip(page.dataoffsets, page.databytecounts))[::3]:
            file.filehandle.seek(offset)
            raw = file.filehandle.read(count)
            data = page.jpegtables[:-2] + raw[2:] if page.jpegtables else raw
            begun = time.perf_counter()
            whole = Image.open(io.BytesIO(data))
            whole.load()
            whole_s += time.perf_counter() - begun
            begun = time.perf_counter()
            half = Image.open(io.BytesIO(data))
            half.draft("RGB", (half.width // 2, half.height // 2))
            half.load()
            half_s += time.perf_counter() - begun
            whole = numpy.asarray(whole.convert("RGB")).astype("f4")
            mean = whole.reshape(whole.shape[0] // 2, 2, whole.shape[1] // 2, 2, 3).mean((1, 3))
            off = abs(numpy.asarray(half).astype("f4") - mean)
            figures.append((off.mean(), (off > 4).mean(), off.max()))
        figures = numpy.array(figures)
        mean, far, most = figures[:, 0].mean(), figures[:, 1].mean(), figures[:, 2].max()
        print(f"{path}: {len(figures)} tiles, off by {mean:.2f} of 255 on average, by more than 4 in {100 * far:.1f} %, by {most:.0f} at most; {half_s / whole_s:.2f} of the time")


if __name__ == "__main__":
    main(*sys.argv[1:])
