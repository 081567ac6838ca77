"""The table of benches/peers/run.sh: medians, and how much of the reference's mask each program found.

    python benches/peers/table.py LINES TILES REFERENCE NAME=MASK...

Masks are NumPy files, TIFFs or Zarr folders of class numbers; class 1 counts.
"""

import collections
import json
import pathlib
import statistics
import sys

import numpy


def mask_of(path):
    path = pathlib.Path(path)
    if path.suffix == ".npy":
        return numpy.load(path) == 1
    if path.suffix == ".zarr":
        import zarr

        return numpy.asarray(zarr.open(str(path), mode="r")["predictions"]).squeeze() == 1
    import tifffile

    return tifffile.imread(path, key=0).squeeze() == 1


def main(lines, tiles, reference, *masks):
    rows = collections.defaultdict(list)
    for line in open(lines):
        row = json.loads(line)
        rows[row["program"]].append(row)
    wanted = mask_of(reference)
    found = dict(entry.split("=", 1) for entry in masks)
    ours = statistics.median(row["wall_s"] for row in next(iter(rows.values())))
    print("| program | wall s | CPU s | peak MiB | tiles/s, whole process | wall, ratio to ours | mask IoU with float32 |")
    print("|---|---|---|---|---|---|---|")
    for name, several in rows.items():
        wall, cpu, peak = (statistics.median(row[key] for row in several) for key in ("wall_s", "cpu_s", "peak_mib"))
        iou = "no mask"
        if name in found and pathlib.Path(found[name]).exists():
            mask = mask_of(found[name])
            rows_, columns = (min(a, b) for a, b in zip(mask.shape, wanted.shape))
            mask, want = mask[:rows_, :columns], wanted[:rows_, :columns]
            iou = f"{(mask & want).sum() / max((mask | want).sum(), 1):.4f}"
        print(f"| {name} | {wall:.2f} | {cpu:.1f} | {peak:.0f} | {int(tiles) / wall:.1f} | {wall / ours:.2f} | {iou} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
