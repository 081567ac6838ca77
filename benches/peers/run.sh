#!/usr/bin/env bash
# The same slide, tiles and network as whole processes, in turn: FAST (OpenVINO), and slidestream with both of its engines.
#
#   PYTHON=V/bin/python FAST=F/bin/python benches/peers/run.sh CMU-1-Small-Region.svs
#
# PYTHON has numpy, tifffile, imagecodecs and onnx; FAST has pyfast and numpy (see benches/peers/fast_mask.py). The slide is 4096 px of
# tissue made of the file given; 256 tiles of 256 px without overlap. FAST writes a mask; slidestream the mask, polygons, measurements and a picture.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=${PYTHON:-python3} fast=${FAST:-python3} rounds=${ROUNDS:-3}
[ $# = 1 ] || { sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2; }
./setup --openvino
cargo build --release --locked --quiet --bin slidestream
program=target/release/slidestream
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" benches/peers/make_slide.py "$1" "$work/slide.tif" 4096
"$program" models export colon-glands "$work/model.onnx" >/dev/null
"$python" benches/peers/fast_mask.py prepare "$work/model.onnx" "$work/fixed.onnx"
for _ in $(seq "$rounds"); do
  "$fast" benches/peers/fast_mask.py run "$work/slide.tif" "$work/fixed.onnx" "$work/mask.tiff" 2>/dev/null |
    grep -o '{"program.*' >>"$work/lines" || echo "FAST failed" >&2
  for engine in openvino libtorch; do
    rm -rf "$work/out"
    "$python" - "$program" segment "$work/slide.tif" --model colon-glands --mpp 1.0 --whole-slide --tile 256 --halo 0 \
      --engine $engine --quiet --out "$work/out" >>"$work/lines" <<'PY'
import json, resource, subprocess, sys, time
begun = time.time()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
name = "slidestream, " + sys.argv[sys.argv.index("--engine") + 1]
print(json.dumps({"program": name, "wall_s": time.time() - begun, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_mib": usage.ru_maxrss / 1024}))
PY
  done
done
"$python" - "$work/lines" <<'PY'
import collections, json, statistics, sys
rows = collections.defaultdict(list)
for line in open(sys.argv[1]):
    row = json.loads(line)
    rows[row["program"]].append(row)
middle = {name: {key: statistics.median(row[key] for row in found) for key in ("wall_s", "cpu_s", "peak_mib")} for name, found in rows.items()}
ours = middle["slidestream, openvino"]["wall_s"]
print("| program | wall s | CPU s | peak MiB | tiles/s, whole process | wall, ratio to ours |\n|---|---|---|---|---|---|")
for name, row in middle.items():
    print(f"| {name} | {row['wall_s']:.2f} | {row['cpu_s']:.1f} | {row['peak_mib']:.0f} | {256 / row['wall_s']:.1f} | {row['wall_s'] / ours:.2f} |")
PY
