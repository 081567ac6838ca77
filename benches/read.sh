#!/usr/bin/env bash
# Reads two slides in windows of 256 px at stride 256 and 192 with 1 and 2 threads, here and in other readers in turn, and prints
# tiles per CPU second, medians.
#
#   PYTHON=V/bin/python benches/read.sh CMU-1-Small-Region.svs big.tif      (big.tif: benches/peers/make_slide.py)
#
# PYTHON names an interpreter that has what benches/peers/read.py asks for; a reader that fails is reported as such.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python3} rounds=${ROUNDS:-3}
[ $# -gt 0 ] || { sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2; }
./setup
cargo bench --locked --no-run --bench read 2>/dev/null
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
for slide in "$@"; do
  for stride in 256 192; do
    for threads in 1 2; do
      for _ in $(seq "$rounds"); do
        for reader in native openslide; do
          cargo bench --locked --quiet --bench read -- --slide "$slide" --stride "$stride" --threads "$threads" --reader "$reader" >>"$lines"
        done
        for reader in openslide vips cucim; do
          "$python" benches/peers/read.py --slide "$slide" --stride "$stride" --threads "$threads" --reader "$reader" >>"$lines" 2>/dev/null ||
            echo "failed: $reader on $slide" >&2
        done
      done
    done
  done
done
"$python" - "$lines" <<'PY'
import collections, json, statistics, sys
rows = collections.defaultdict(list)
for line in open(sys.argv[1]):
    row = json.loads(line)
    rows[row["slide"], row["stride"], row["threads"], row["reader"]].append(row)
print("| slide | stride | threads | reader | tiles per CPU s | tiles/s | ratio to ours |\n|---|---|---|---|---|---|---|")
for (slide, stride, threads, reader), found in rows.items():
    middle = lambda key: statistics.median(row[key] for row in found)
    ours = statistics.median(r["tiles_per_cpu_s"] for key, all in rows.items() for r in all if key[:3] == (slide, stride, threads) and key[3].startswith("slidestream native"))
    print(f"| {slide} | {stride} | {threads} | {reader} | {middle('tiles_per_cpu_s'):,.0f} | {middle('tiles_per_s'):,.0f} | {middle('tiles_per_cpu_s') / ours:.2f} |")
PY
