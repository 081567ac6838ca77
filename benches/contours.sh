#!/usr/bin/env bash
# Outlines of 107,000 objects like nuclei on a mask of 16,384 x 16,384 pixels: here, OpenCV and GDAL, in turn; and whether GDAL's
# rings are ours, every corner of them.
#
#   PYTHON=V/bin/python benches/contours.sh
#
# PYTHON names an interpreter that has what benches/peers/contours.py asks for.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python3} rounds=${ROUNDS:-3} edge=16384
./setup
cargo bench --locked --no-run --bench contours 2>/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" benches/peers/contours.py make "$work/mask.raw" $edge
for _ in $(seq "$rounds"); do
  cargo bench --locked --quiet --bench contours -- --mask "$work/mask.raw" --edge $edge --rings "$work/rings.txt"
  "$python" benches/peers/contours.py opencv "$work/mask.raw" $edge
done
"$python" benches/peers/contours.py gdal "$work/mask.raw" $edge "$work/rings.txt"
