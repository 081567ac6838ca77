"""Writes evaluation_metrics.json: what `slidestream evaluate` measures, computed by other means, to check
src/metrics/{segmentation,surface,glas,calibration,compat,bootstrap}.rs against.

Distances come from scipy (cdist over point lists, directed_hausdorff) and skimage (hausdorff_distance), F1 at several
IoU and the GlaS figures from pixel masks, object by object, as Sirinukunwattana et al. 2017 and the challenge's own
program define them. Calibration, bootstrap and the figures of single patches are plain numpy.

    pip install numpy scipy scikit-image && python3 tests/golden/evaluation_metrics.py
"""
import json
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.spatial.distance import cdist, directed_hausdorff
from skimage.metrics import hausdorff_distance

TOLERANCE_PX = 2.0
rng = np.random.default_rng(11)


def ratio(a, b):
    return float(a / b) if b else None


def pixels(t, p):
    t, p = t > 0, p > 0
    tp, fp, fn, tn = (t & p).sum(), (~t & p).sum(), (t & ~p).sum(), (~t & ~p).sum()
    return {
        "dice": ratio(2 * tp, 2 * tp + fp + fn),
        "iou": ratio(tp, tp + fp + fn),
        "precision": ratio(tp, tp + fp),
        "recall": ratio(tp, tp + fn),
        "specificity": ratio(tn, tn + fp),
    }


def boundary(mask):
    inside = ndimage.binary_erosion(mask, ndimage.generate_binary_structure(2, 1), border_value=0)
    return np.argwhere(mask & ~inside)


def surface(t, p):
    t, p = t > 0, p > 0
    diagonal = float(np.hypot(*t.shape))
    if not t.any() and not p.any():
        return None
    if not t.any() or not p.any():
        return {"hd": diagonal, "hd95": diagonal, "assd": diagonal, "surface_dice": 0.0, "one_sided": True}
    a, b = boundary(t), boundary(p)
    d = cdist(a, b)
    ab, ba = d.min(axis=1), d.min(axis=0)
    hd = max(directed_hausdorff(a, b)[0], directed_hausdorff(b, a)[0])
    draw = lambda points: np.isin(np.arange(t.size), np.ravel_multi_index(points.T, t.shape)).reshape(t.shape)
    assert abs(hd - max(ab.max(), ba.max())) < 1e-9 and abs(hd - hausdorff_distance(draw(a), draw(b))) < 1e-9
    return {
        "hd": float(hd),
        "hd95": float(max(np.percentile(ab, 95), np.percentile(ba, 95))),
        "assd": float((ab.sum() + ba.sum()) / (len(ab) + len(ba))),
        "surface_dice": float(((ab <= TOLERANCE_PX).sum() + (ba <= TOLERANCE_PX).sum()) / (len(ab) + len(ba))),
        "one_sided": False,
    }


def objects(labels):
    return [labels == i for i in np.unique(labels) if i != 0]


def f1_at(t, p, threshold):
    ts, ps = objects(t), objects(p)
    if not ts and not ps:
        return None
    hits = sum((a & b).sum() / (a | b).sum() > threshold for a in ts for b in ps)
    return float(2 * hits / (len(ts) + len(ps)))


def counterpart(one, others):
    """Number of the object of largest overlap, the first of equals; None without any."""
    overlap = [int((one & o).sum()) for o in others]
    return int(np.argmax(overlap)) if overlap and max(overlap) > 0 else None


def mask_hausdorff(a, b):
    return max(directed_hausdorff(np.argwhere(a), np.argwhere(b))[0], directed_hausdorff(np.argwhere(b), np.argwhere(a))[0])


def glas(t, p):
    ts, ps = objects(t), objects(p)
    if not ts and not ps:
        return None
    found = 0
    for one in ps:
        at = counterpart(one, ts)
        found += at is not None and (one & ts[at]).sum() / ts[at].sum() > 0.5
    dice_sides, hausdorff_sides = [], []
    for mine, others in ((ts, ps), (ps, ts)):
        area = sum(one.sum() for one in mine)
        dice = hausdorff = 0.0
        for one in mine:
            at = counterpart(one, others)
            weight = one.sum() / area
            if at is not None:
                dice += weight * 2 * (one & others[at]).sum() / (one.sum() + others[at].sum())
            if others:
                distance = mask_hausdorff(one, others[at]) if at is not None else min(mask_hausdorff(one, o) for o in others)
                hausdorff += weight * distance
        dice_sides.append(dice)
        hausdorff_sides.append(hausdorff)
    both = bool(ts) and bool(ps)
    return {
        "f1": float(2 * found / (len(ts) + len(ps))),
        "dice": float(sum(dice_sides) / 2),
        "hausdorff": float(sum(hausdorff_sides) / 2) if both else float(np.hypot(*t.shape)),
    }


def runs(labels):
    flat = labels.ravel()
    starts = np.flatnonzero(np.r_[True, flat[1:] != flat[:-1]])
    lengths = np.diff(np.r_[starts, flat.size])
    return [[int(flat[s]), int(n)] for s, n in zip(starts, lengths)]


def case(name, t, p):
    return {
        "name": name, "width": t.shape[1], "height": t.shape[0], "truth": runs(t), "prediction": runs(p),
        "pixels": pixels(t, p), "surface": surface(t, p), "glas": glas(t, p),
        "f1": [f1_at(t, p, threshold) for threshold in (0.5, 0.6, 0.7, 0.8, 0.9)],
    }


def disc(shape, cy, cx, r):
    y, x = np.ogrid[: shape[0], : shape[1]]
    return (y - cy) ** 2 + (x - cx) ** 2 <= r * r


def cells(shape, count):
    labels = np.zeros(shape, np.int64)
    for i in range(count):
        labels[disc(shape, rng.integers(0, shape[0]), rng.integers(0, shape[1]), rng.integers(2, 6))] = i + 1
    return labels


def cases():
    s = (30, 44)
    empty = np.zeros(s, np.int64)
    square = empty.copy(); square[8:20, 10:22] = 1
    half = empty.copy(); half[8:14, 10:22] = 5
    touching = empty.copy(); touching[5:15, 5:15] = 1; touching[5:15, 15:25] = 2
    merged = empty.copy(); merged[5:15, 5:25] = 9
    ring = np.where(disc(s, 15, 20, 11) & ~disc(s, 15, 20, 5), 3, 0)
    full = np.where(disc(s, 15, 20, 11), 3, 0)
    large = np.where(disc(s, 12, 12, 6), 70000, 0) + np.where(disc(s, 20, 34, 5), 4_000_000_000, 0)
    moved = np.where(disc(s, 13, 14, 6), 65536, 0) + np.where(disc(s, 20, 33, 4), 131072, 0)
    apart = np.where(disc(s, 6, 6, 4), 1, 0) + np.where(disc(s, 22, 37, 4), 2, 0)
    lonely = np.where(disc(s, 22, 20, 3), 1, 0) + np.where(disc(s, 23, 36, 4), 2, 0)
    edge = empty.copy(); edge[0:9, 0:44] = 1
    inner = empty.copy(); inner[2:9, 3:40] = 1
    out = [
        case("both empty", empty, empty),
        case("nothing found", square, empty),
        case("nothing there", empty, square),
        case("equal", touching, touching),
        case("exactly half of an object is no match", square, half),
        case("numbers above 65535", large, moved),
        case("a hole filled", ring, full),
        case("a hole too much", full, ring),
        case("touching objects merged", touching, merged),
        case("one object split", merged, touching),
        case("an object without counterpart", apart, lonely),
        case("objects cut by the edge", edge, inner),
    ]
    for i in range(5):
        t = cells(s, 7 + i)
        p = np.roll(t, (int(rng.integers(-2, 3)), int(rng.integers(-2, 3))), (0, 1))
        p[p == rng.integers(1, 8)] = 0
        p[disc(s, rng.integers(0, s[0]), rng.integers(0, s[1]), 4)] = 99
        out.append(case(f"cells {i}", t, p))
    return out


def calibration(classes, count):
    logits = rng.normal(0, 2, (classes, count))
    planes = np.round(255 * np.exp(logits) / np.exp(logits).sum(0)).astype(np.int64)
    truth = np.where(rng.random(count) < 0.7, planes.argmax(0), rng.integers(0, classes, count))
    p = planes / planes.sum(0)
    confidence, right = p.max(0), planes.argmax(0) == truth
    bins = np.clip(np.ceil(confidence * 15).astype(int) - 1, 0, 14)
    ece = sum(abs(right[bins == b].sum() - confidence[bins == b].sum()) for b in range(15)) / count
    brier = ((p - (np.arange(classes)[:, None] == truth)) ** 2).sum(0).mean() / 2
    return {"classes": classes, "planes": planes.ravel().tolist(), "truth": truth.tolist(), "ece": float(ece), "brier": float(brier)}


def patch_figures(t, p, classes):
    """As GenSelfDiff-HIS measured a patch: class 0 left out, absent classes count 1, rows taken for points."""
    iou, f1, hd = [], [], []
    for k in range(1, classes):
        a, b = t == k, p == k
        tp, fp, fn = (a & b).sum(), (~a & b).sum(), (a & ~b).sum()
        iou.append(tp / (tp + fp + fn) if tp + fp + fn else 1.0)
        f1.append(2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 1.0)
        hd.append(max(directed_hausdorff(a, b)[0], directed_hausdorff(b, a)[0]))
    inter = union = 0
    unused = {k: (p == k).sum() for k in range(1, classes) if (p == k).any()}
    every = dict(unused)
    for k in [k for k in range(1, classes) if (t == k).any()]:
        scores = {j: ((t == k) & (p == j)).sum() / ((t == k) | (p == j)).sum() for j in every}
        best = max(scores, key=lambda j: (scores[j], -j)) if scores else None
        if best is None or scores[best] == 0:
            union += (t == k).sum()
            continue
        inter += ((t == k) & (p == best)).sum()
        union += ((t == k) | (p == best)).sum()
        unused.pop(best, None)
    union += sum(unused.values())
    aji = inter / union if union else 1.0
    return [float(np.mean(iou)), float(np.mean(f1)), float(np.mean(hd)), float(aji)]


def compat():
    s = (256, 256)
    base = disc(s, 128, 128, 60)
    table = {
        "ten rows down": (base, np.roll(base, 10, 0)),
        "ten columns right": (base, np.roll(base, 10, 1)),
        "radius 50": (base, disc(s, 128, 128, 50)),
        "a far blob": (base, base | disc(s, 20, 20, 3)),
        "none against all": (np.zeros(s, bool), np.ones(s, bool)),
    }
    rows = []
    for name, (a, b) in table.items():
        true = mask_hausdorff(a, b) if a.any() else None
        rows.append({"name": name, "compat_hd": patch_figures(a * 1, b * 1, 2)[2], "true_hd": true})
    t, p = np.zeros((56, 41), np.int64), np.zeros((56, 41), np.int64)
    for k in (1, 2, 3, 1, 2):
        t[disc(t.shape, rng.integers(0, 56), rng.integers(0, 41), 9)] = k
    p[:] = np.roll(t, (2, -3), (0, 1))
    p[disc(t.shape, 30, 20, 8)] = 3
    patches = [
        patch_figures(t[y : y + 16, x : x + 16], p[y : y + 16, x : x + 16], 4)
        for y in range(0, 56 - 15, 4) for x in range(0, 41 - 15, 4)
    ]
    return {
        "table": rows,
        "many": {
            "width": 41, "height": 56, "classes": 4, "edge": 16, "stride": 4, "truth": runs(t), "prediction": runs(p),
            "patches": len(patches), "figures": np.mean(patches, axis=0).tolist(),
        },
    }


def bootstrap():
    groups = np.repeat(np.arange(12), [1, 4, 2, 3, 6, 2, 1, 5, 2, 2, 3, 4])
    values = np.clip(rng.normal(0.7, 0.05, groups.size) + rng.normal(0, 0.1, 12)[groups], 0, 1)
    sums, counts = np.bincount(groups, values), np.bincount(groups)
    draws = rng.integers(0, 12, (400_000, 12))
    means = sums[draws].sum(1) / counts[draws].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {"groups": groups.tolist(), "values": values.tolist(), "mean": float(values.mean()), "low": float(low), "high": float(high)}


lines = [json.dumps(c, separators=(",", ":")) for c in cases()]
more = {
    "calibration": [calibration(2, 400), calibration(4, 300)],
    "compat": compat(),
    "bootstrap": bootstrap(),
}
text = '{"tolerance_px":%s,"cases":[\n%s\n],\n' % (TOLERANCE_PX, ",\n".join(lines))
text += ",\n".join(f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in more.items()) + "}\n"
(Path(__file__).parent / "evaluation_metrics.json").write_text(text)
