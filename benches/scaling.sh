#!/usr/bin/env bash
# Time and memory for larger and larger slides that are tissue all over, with the U-Net of benches/peers/peer_models.py: a table, and a plot.
#
#   PYTHON=V/bin/python PLOT=scaling.png benches/scaling.sh CMU-1-Small-Region.svs [EDGE...]
#
# PYTHON has torch, numpy, tifffile, imagecodecs, onnx and matplotlib. EDGE is 4096, 8192, 20000 and 40000 if none is given; the last one takes
# a third of a GiB of disk and seven minutes. The plot is written to PLOT if that is named.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python3}
[ $# -ge 1 ] || { sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2; }
field=$1
shift
./setup --openvino
./slidestream --version >/dev/null # builds it
program=target/release/slidestream
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset OMP_NUM_THREADS OMP_WAIT_POLICY
"$python" benches/peers/peer_models.py "$field" "$work/networks" >/dev/null 2>&1
"$program" models import "$work/networks/unet.onnx" --description "$work/networks/unet-onnx.toml" "$work/unet" >/dev/null
[ $# -gt 0 ] || set -- 4096 8192 20000 40000
for edge in "$@"; do
  "$python" benches/peers/make_slide.py "$field" "$work/slide.tif" "$edge"
  "$python" benches/peers/measure.py "$edge" "$work/lines" "$program" segment "$work/slide.tif" --model "$work/unet" --mpp 0.5 \
    --whole-slide --quiet --out "$work/out" --force
  "$python" - "$work/out/slide.tif/manifest.json" >>"$work/manifests" <<'PY'
import json, sys
print(json.dumps(json.load(open(sys.argv[1]))))
PY
done
"$python" - "$work" "${PLOT:-}" <<'PY'
import json, sys

rows = []
for line, manifest in zip(open(f"{sys.argv[1]}/lines"), open(f"{sys.argv[1]}/manifests")):
    took, manifest = json.loads(line), json.loads(manifest)
    rows.append((int(took["program"]), manifest["tiles"]["total"], took["wall_s"], took["cpu_s"], took["peak_mib"], manifest["counts"]["objects"]))
print("| edge | tiles | wall s | CPU s | tiles/s | peak MiB | objects |\n|---|---|---|---|---|---|---|")
for edge, tiles, wall, cpu, peak, objects in rows:
    print(f"| {edge:,} | {tiles:,} | {wall:.1f} | {cpu:.1f} | {tiles / wall:.1f} | {peak:.0f} | {objects:,} |")
if not sys.argv[2]:
    sys.exit()
import matplotlib
matplotlib.use("Agg")
from matplotlib import pyplot

figure, (time, memory) = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
tiles = [row[1] for row in rows]
time.loglog(tiles, [row[2] for row in rows], "o-", color="#6a3d9a")
time.loglog(tiles, [rows[-1][2] * n / tiles[-1] for n in tiles], ":", color="grey", label="in proportion to tiles")
time.set(xlabel="tiles of 256 px", ylabel="whole process, seconds")
time.legend(frameon=False)
memory.semilogx(tiles, [row[4] for row in rows], "o-", color="#1f78b4")
memory.set(xlabel="tiles of 256 px", ylabel="peak memory, MiB", ylim=(0, 1.25 * max(row[4] for row in rows)))
for axes in (time, memory):
    axes.spines[["top", "right"]].set_visible(False)
for row in rows:
    time.annotate(f"{row[0] // 1000}k", (row[1], row[2]), xytext=(6, -10), textcoords="offset points")
    memory.annotate(f"{row[0] // 1000}k", (row[1], row[4]), xytext=(-6, 8), textcoords="offset points")
figure.savefig(sys.argv[2], dpi=110)
PY
