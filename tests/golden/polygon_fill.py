"""Pixels that scikit-image's draw.polygon gives polygons of whole numbers, as the published MoNuSeg script drew them.

    python tests/golden/polygon_fill.py > tests/golden/polygon_fill.json

numpy 2, scikit-image 0.26 (any version from 0.16 on draws the same).
"""

import json
import random

import numpy as np
from skimage.draw import polygon

draw = random.Random(7)
cases = []
for number in range(48):
    height, width = draw.randint(6, 24), draw.randint(6, 24)
    corners = draw.randint(3, 9)
    xy = [[draw.randint(-3, width + 2), draw.randint(-3, height + 2)] for _ in range(corners)]
    xs, ys = zip(*xy)
    if max(xs) <= 0 or max(ys) <= 0 or min(xs) >= width or min(ys) >= height:
        continue
    mask = np.zeros((height, width), np.uint8)
    mask[polygon(np.array(ys), np.array(xs), mask.shape)] = 1
    flat = np.concatenate([[0], mask.ravel(), [0]]).astype(int)
    edges = np.flatnonzero(np.diff(flat))
    runs = [[int(a), int(b - a)] for a, b in edges.reshape(-1, 2)]
    cases.append({"width": width, "height": height, "xy": xy, "runs": runs})
print("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]")
