"""Pixels of a mask of four ellipses that are still 255 after one and two turns through JPEG of quality 95 (libjpeg-turbo,
as in OpenCV), which is what the published scripts for GlaS keep. Writes jpeg_masks.json.

    python3 tests/golden/jpeg_masks.py      (numpy, pillow)
"""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

EDGE = 256
ELLIPSES = [(60, 70, 40, 30), (180, 60, 30, 45), (70, 190, 50, 25), (190, 185, 38, 38)]

y, x = np.mgrid[:EDGE, :EDGE].astype(float)
mask = np.zeros((EDGE, EDGE), bool)
for cx, cy, a, b in ELLIPSES:
    mask |= ((x - cx) / a) ** 2 + ((y - cy) / b) ** 2 <= 1

grey, left = (255 * mask).astype(np.uint8), []
for _ in range(2):
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "JPEG", quality=95)
    grey = np.array(Image.open(io.BytesIO(file.getvalue())))
    left.append(int(((grey == 255) & mask).sum()))

golden = {"edge": EDGE, "object": int(mask.sum()), "left": left}
Path(__file__).with_suffix(".json").write_text(json.dumps(golden) + "\n")
