#!/usr/bin/env bash
# How fast this computer's GPUs are fed: the whole run, the forward pass alone and their ratio, for a network that works and for one
# that costs nothing. Says so where there is no GPU.
#
#   PYTHON=V/bin/python SLIDESTREAM_LIBTORCH_CUDA=.../torch/lib benches/gpu.sh CMU-1-Small-Region.svs
#
# PYTHON has torch, numpy, tifffile, imagecodecs and onnx (see benches/peers/peer_models.py); it makes the slide and the networks. The slide
# is 20,000 px of tissue; EDGE names another size, MODEL another package than colon-glands.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python3} edge=${EDGE:-20000} model=${MODEL:-colon-glands}
[ $# = 1 ] || { sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2; }
./setup
./slidestream --version >/dev/null # builds it
program=target/release/slidestream
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! why=$("$program" models check "$model" --device cuda 2>&1); then
  printf 'no figures: %s\n' "$(tail -n 1 <<<"$why")"
  exit 0
fi
command -v nvidia-smi >/dev/null && nvidia-smi --query-gpu=index,name,memory.total,driver_version --format=csv,noheader
count=$(command -v nvidia-smi >/dev/null && nvidia-smi --list-gpus | wc -l || echo 1)
"$python" benches/peers/make_slide.py "$1" "$work/slide.tif" "$edge"
"$python" benches/peers/peer_models.py "$1" "$work/networks" >/dev/null
for name in unet null; do
  "$program" models import "$work/networks/$name.pt" --trust-model --description "$work/networks/$name-torchscript.toml" "$work/$name" >/dev/null
done
devices=(cuda:0)
[ "$count" -lt 2 ] || devices+=("$(seq -s, -f 'cuda:%g' 0 $((count - 1)))")
echo "| network | devices | batch | precision | end to end, tiles/s | forward alone, tiles/s | ratio | peak MiB |"
echo "|---|---|---|---|---|---|---|---|"
for device in "${devices[@]}"; do
  for network in "$model" "$work/unet" "$work/null"; do
    for batch in 8 16 32; do
      "$program" bench "$work/slide.tif" --model "$network" --trust-model --device "$device" --batch "$batch" --mpp 0.5 \
        --whole-slide --max-tiles 2048 --quiet --json >"$work/figures.json" || continue
      "$python" - "$work/figures.json" "$(basename "$network")" "$device" <<'PY'
import json, sys
figures = json.load(open(sys.argv[1]))
whole, alone = figures["tiles_per_s"], figures["tiles"] / figures["forward_s"]
print(f"| {sys.argv[2]} | {sys.argv[3]} | {figures['batch']} | {figures['precision']} | {whole:.0f} | {alone:.0f} | {whole / alone:.2f} | {figures['peak_rss_mb']:.0f} |")
PY
    done
  done
done
