#!/usr/bin/env bash
# Times a step of pre-training here and in PyTorch, in turn, from the same weights, images and noise, and prints a table:
# images/s, their ratio, peak memory, and how far the losses differ.
#
#   benches/train_step.sh                            CPU, 128 and 256 px, batch 2 and 4
#   DEVICE=cuda BATCHES="8 32" benches/train_step.sh
#
# PYTHON names an interpreter that has torch, numpy and safetensors: python3 -m venv V && V/bin/pip install torch==2.11.0 numpy safetensors
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python3} device=${DEVICE:-cpu} rounds=${ROUNDS:-3} steps=${STEPS:-6}
"$python" -c 'import torch, safetensors' 2>/dev/null || {
  echo "train_step: $python has no torch or no safetensors; set PYTHON (the comment at the top says how)" >&2
  exit 1
}
./setup
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
cargo bench --locked --no-run --bench train_step 2>/dev/null
ours() { cargo bench --locked --quiet --bench train_step -- "$@"; }
ours --write-state "$state"
for px in ${EDGES:-128 256}; do
  for batch in ${BATCHES:-2 4}; do
    for precision in f32 bf16; do
      for _ in $(seq "$rounds"); do
        setting=(--state "$state" --px "$px" --batch "$batch" --precision "$precision" --steps "$steps" --device "$device")
        ours "${setting[@]}" >>"$state/lines"
        "$python" benches/peers/train_step.py "${setting[@]}" >>"$state/lines"
      done
    done
  done
done
"$python" - "$state/lines" <<'PY'
import collections, json, statistics, sys

runs = collections.defaultdict(lambda: collections.defaultdict(list))
for line in open(sys.argv[1]):
    run = json.loads(line)
    runs[run["px"], run["batch"], run["precision"]][run["engine"]].append(run)
print("| px | batch | precision | slidestream images/s | PyTorch images/s | ratio | peak MiB | PyTorch's | losses differ by |")
print("|---|---|---|---|---|---|---|---|---|")
for (px, batch, precision), by in runs.items():
    ours, theirs = by["slidestream"], by["pytorch"]
    speed = lambda side: statistics.median(run["images_per_s"] for run in side)
    memory = lambda side: max(run["peak_rss_mb"] for run in side)
    pairs = zip(ours[0]["losses"], theirs[0]["losses"])
    worst = max(abs(a - b) / abs(b) for a, b in pairs)
    print(f"| {px} | {batch} | {precision} | {speed(ours):.3g} | {speed(theirs):.3g} | {speed(ours) / speed(theirs):.2f} "
          f"| {memory(ours)} | {memory(theirs)} | {worst:.1e} |")
PY
