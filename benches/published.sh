#!/usr/bin/env bash
# What group normalisation and attention cost in the published network (width 64): forward passes of tiles of 256 px with and without them, in
# both engines.
#
#   PYTHON=V/bin/python benches/published.sh CMU-1-Small-Region.svs
#
# PYTHON has torch and safetensors (see benches/peers/published.py).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python3}
[ $# = 1 ] || { sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2; }
./setup --openvino
./slidestream --version >/dev/null # builds it
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset OMP_NUM_THREADS OMP_WAIT_POLICY
"$python" benches/peers/published.py "$work"
echo "| network | engine | forward, ms a tile | peak MiB |"
echo "|---|---|---|---|"
for engine in libtorch openvino; do
  for name in group-attention group-plain batch-attention batch-plain; do
    target/release/slidestream bench "$1" --model "$work/$name" --engine $engine --whole-slide --max-tiles 16 --quiet --json >"$work/figures.json"
    "$python" - "$work/figures.json" $name $engine <<'PY'
import json, sys
figures = json.load(open(sys.argv[1]))
print(f"| {sys.argv[2]} | {sys.argv[3]} | {1000 * figures['forward_s'] / figures['tiles']:.0f} | {figures['peak_rss_mb']:.0f} |")
PY
  done
done
