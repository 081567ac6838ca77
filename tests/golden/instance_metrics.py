"""Writes instance_metrics.json: AJI, AJI+ and panoptic quality of small label maps, computed with numpy and scipy from
the definitions (pixel masks, no run lengths), to check src/metrics/instance.rs against.

    pip install numpy scipy && python3 tests/golden/instance_metrics.py
"""
import json
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment


def tables(truth, prediction):
    t, p = np.unique(truth[truth > 0]), np.unique(prediction[prediction > 0])
    inter = np.array([[np.sum((truth == a) & (prediction == b)) for b in p] for a in t]).reshape(len(t), len(p))
    union = np.array([[np.sum((truth == a) | (prediction == b)) for b in p] for a in t]).reshape(len(t), len(p))
    areas = lambda labels, ids: np.array([np.sum(labels == i) for i in ids])
    return inter, union, areas(truth, t), areas(prediction, p)


def aji(truth, prediction, one_to_one):
    inter, union, t_area, p_area = tables(truth, prediction)
    if len(t_area) + len(p_area) == 0:
        return None
    if len(t_area) == 0 or len(p_area) == 0:
        return 0.0
    iou = inter / union
    if one_to_one:
        rows, columns = linear_sum_assignment(-iou)
    else:
        rows, columns = np.arange(len(t_area)), np.argmax(iou, axis=1)
    keep = iou[rows, columns] > 0
    rows, columns = rows[keep], columns[keep]
    total_inter, total_union = inter[rows, columns].sum(), union[rows, columns].sum()
    total_union += t_area[np.setdiff1d(np.arange(len(t_area)), rows)].sum()
    total_union += p_area[np.setdiff1d(np.arange(len(p_area)), columns)].sum()
    return float(total_inter / total_union)


def quality(truth, prediction):
    inter, union, t_area, p_area = tables(truth, prediction)
    if len(t_area) + len(p_area) == 0:
        return None
    iou = (inter / union)[inter / union > 0.5] if inter.size else np.array([])
    dq = 2 * len(iou) / (len(t_area) + len(p_area))
    sq = float(iou.mean()) if len(iou) else 0.0
    return [float(dq), sq, float(dq * sq)]


def squares(*boxes):
    labels = np.zeros((16, 16), np.int64)
    for label, (y, x, h, w) in boxes:
        labels[y:y + h, x:x + w] = label
    return labels


def voronoi(rng, count, jitter, seeds=None):
    seeds = rng.uniform(0, 24, (count, 2)) if seeds is None else seeds + rng.normal(0, jitter, seeds.shape)
    y, x = np.mgrid[:24, :24]
    distance = np.hypot(y[..., None] - seeds[:, 0], x[..., None] - seeds[:, 1])
    labels = distance.argmin(-1) + 1
    labels[distance.min(-1) > 3.5] = 0
    return labels, seeds


def cases():
    one = squares((1, (2, 2, 4, 4)))
    yield "both empty", squares(), squares()
    yield "nothing found", one, squares()
    yield "nothing there", squares(), one
    yield "equal", squares((1, (0, 0, 4, 4)), (2, (0, 4, 4, 4))), squares((9, (0, 0, 4, 4)), (3, (0, 4, 4, 4)))
    yield "touching objects merged", squares((1, (0, 0, 4, 4)), (2, (0, 4, 4, 6))), squares((1, (0, 0, 4, 10)))
    yield "one object split in two", squares((1, (0, 0, 4, 10))), squares((1, (0, 0, 4, 6)), (2, (0, 6, 4, 4)))
    yield "two truths share one best prediction", squares((1, (0, 0, 4, 5)), (2, (0, 5, 4, 5)), (3, (8, 8, 3, 3))), \
        squares((1, (0, 1, 4, 8)), (2, (0, 9, 4, 1)), (4, (12, 0, 2, 2)))
    yield "iou of exactly one half is no match", squares((1, (0, 0, 4, 4))), squares((1, (0, 0, 4, 8)))
    yield "just above one half", squares((1, (0, 0, 4, 4))), squares((1, (0, 0, 4, 7)))
    yield "labels above 65535", squares((70_000, (0, 0, 4, 4)), (4_000_000_000, (6, 6, 5, 5))), \
        squares((4_000_000_000, (0, 1, 4, 4)), (65_536, (6, 5, 5, 5)))
    rng = np.random.default_rng(20)
    for number in range(6):
        truth, seeds = voronoi(rng, 14, 0)
        prediction, _ = voronoi(rng, 14, 1.2, seeds)
        prediction[prediction == 3] = 0
        prediction[prediction == 5] = 4
        yield f"cells {number}", truth, prediction


rows = []
for name, truth, prediction in cases():
    rows.append({
        "name": name, "truth": truth.ravel().tolist(), "prediction": prediction.ravel().tolist(),
        "aji": aji(truth, prediction, False), "aji_plus": aji(truth, prediction, True),
        "quality": quality(truth, prediction),
    })
text = "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]\n"
Path(__file__).with_name("instance_metrics.json").write_text(text)
