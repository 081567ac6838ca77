#!/usr/bin/env bash
# All but the network: a slide of 20,000 px through one 1 x 1 convolution, with masks, polygons, measurements and picture; and how soon
# `info` answers, and the U-Net of benches/peers/peer_models.py for the first time.
#
#   PYTHON=V/bin/python benches/feed.sh CMU-1-Small-Region.svs [EDGE]
#
# PYTHON has torch, numpy, tifffile, imagecodecs and onnx. The slide is made of the file given. ROUNDS of each, 3 if not given.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python3} rounds=${ROUNDS:-3}
[ $# -ge 1 ] || { sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2; }
./setup --openvino
./slidestream --version >/dev/null # builds it
program=target/release/slidestream
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset OMP_NUM_THREADS OMP_WAIT_POLICY
"$python" benches/peers/peer_models.py "$1" "$work/networks" >/dev/null 2>&1
"$python" benches/peers/make_slide.py "$1" "$work/slide.tif" "${2:-20000}"
import() { # NAME PACKAGE SMALLEST: the network as a package that drops objects of less than SMALLEST square micrometres
  sed "s/min_area_um2 = 0.0/min_area_um2 = $3/" "$work/networks/$1-onnx.toml" >"$work/$2.toml"
  "$program" models import "$work/networks/$1.onnx" --description "$work/$2.toml" "$work/$2" >/dev/null
}
import null all 0.0
import null nuclei 5.0
import unet unet 0.0
figures() { # LABEL MODEL OPTIONS...
  "$program" segment "$work/slide.tif" --model "$work/$2" --mpp 0.5 --tile 256 --halo 0 --quiet --force --out "$work/out" "${@:3}"
  "$python" - "$1" "$work/out/slide.tif/manifest.json" <<'PY'
import json, sys
manifest = json.load(open(sys.argv[2]))
timings, tiles = manifest["timings"], manifest["tiles"]["total"]
stages = ("reading_s", "forward_s", "vectorizing_s", "stitching_s", "writing_s")
parts = ", ".join(f"{stage[:-2]} {1000 * timings[stage] / tiles:.2f}" for stage in stages)
print(f"{sys.argv[1]}: {manifest['tiles_per_s']:.0f} tiles/s, {manifest['counts']['objects']:,} objects, first answer {manifest['phases']['to_first_answer_s']:.2f} s after the start; ms a tile of each stage: {parts}")
PY
}
for _ in $(seq "$rounds"); do
  figures "1 x 1 convolution, objects from 5 square micrometres" nuclei --whole-slide
  figures "1 x 1 convolution, all specks" all --whole-slide
done
"$python" benches/peers/make_slide.py "$1" "$work/slide.tif" 4096
for _ in $(seq "$rounds"); do
  figures "U-Net, 4096 px, tissue" unet
  "$python" benches/peers/measure.py info "$work/info.lines" "$program" info "$work/slide.tif"
done
cat "$work/info.lines"
