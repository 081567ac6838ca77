#!/usr/bin/env bash
# The same slide, tiles and network (a U-Net of 7.76 M parameters) as whole processes, in turn: slidestream with both engines and without polygons,
# FAST, a loop of PyTorch and OpenSlide, TIAToolbox and WSInfer; then the same for a network that costs nothing, and for colon-glands.
#
#   PYTHON=V/bin/python FAST=F/bin/python TIATOOLBOX=T/bin/python WSINFER=W/bin/python benches/peers/run.sh CMU-1-Small-Region.svs
#
# PYTHON has torch, numpy, tifffile, imagecodecs, onnx, zarr, openslide-python, openslide-bin and opencv-python-headless; the others what the
# scripts beside this one ask for. What is not named or fails is reported. The slide is 4096 px of tissue made of the file given, 256 tiles of
# 256 px without overlap. ROUNDS of each, 3 if not given; the table has medians.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=${PYTHON:-python3} rounds=${ROUNDS:-3} here=benches/peers
[ $# = 1 ] || { sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2; }
./setup --openvino
./slidestream --version >/dev/null # builds it
program=target/release/slidestream
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset OMP_NUM_THREADS OMP_WAIT_POLICY
"$python" $here/make_slide.py "$1" "$work/slide.tif" 4096
"$python" $here/peer_models.py "$1" "$work/networks" >/dev/null 2>&1
for name in unet null; do
  "$program" models import "$work/networks/$name.onnx" --description "$work/networks/$name-onnx.toml" "$work/$name-onnx" >/dev/null
  "$program" models import "$work/networks/$name.pt" --trust-model --description "$work/networks/$name-torchscript.toml" "$work/$name-torchscript" >/dev/null
  "$python" $here/fast_mask.py prepare "$work/networks/$name.onnx" "$work/$name-fixed.onnx"
done
"$program" models export colon-glands "$work/glands.onnx" >/dev/null
"$python" $here/fast_mask.py prepare "$work/glands.onnx" "$work/glands-fixed.onnx"
[ -z "${WSINFER:-}" ] || "$WSINFER" $here/wsinfer_run.py prepare "$work/networks/unet.pth" "$work/slide.tif" "$work/wsinfer"

measure() { # NAME LINES COMMAND...
  "$python" $here/measure.py "$@"
}
segment() { # NAME LINES MODEL OUT OPTIONS...
  local name=$1 lines=$2 model=$3 out=$work/$4
  shift 4
  rm -rf "$out"
  measure "$name" "$lines" "$program" segment "$work/slide.tif" --model "$model" --trust-model --whole-slide --tile 256 --halo 0 --quiet --out "$out" "$@"
}
peer() { # NAME LINES INTERPRETER COMMAND...: what is not named is left out
  if [ -z "$3" ]; then echo "$1 is not named, so it is left out" >&2; else measure "$@"; fi
}
# Memory that PyTorch gives back after every batch costs it a third of its time.
tuned=glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456
loop() { # NAME KIND BATCH MASK
  GLIBC_TUNABLES=$tuned measure "$1" "$work/unet.lines" "$python" $here/torch_loop.py "$work/slide.tif" "$work/networks/unet.pth" "$work/$4" "$work/loop.geojson" "$2" "$3"
}
for _ in $(seq "$rounds"); do
  segment "slidestream, OpenVINO" "$work/unet.lines" "$work/unet-onnx" ours --mpp 0.5
  segment "slidestream, OpenVINO, mask alone" "$work/unet.lines" "$work/unet-onnx" alone --mpp 0.5 --outputs classes
  segment "slidestream, OpenVINO, float32" "$work/unet.lines" "$work/unet-onnx" exact --mpp 0.5 --precision f32
  segment "slidestream, libtorch, TorchScript in float32" "$work/unet.lines" "$work/unet-torchscript" script --mpp 0.5
  peer "FAST, OpenVINO" "$work/unet.lines" "${FAST:-}" $here/fast_mask.py run "$work/slide.tif" "$work/unet-fixed.onnx" "$work/fast.tiff"
  loop "PyTorch loop, bf16, batch 1" bf16 1 loop.npy
  loop "PyTorch loop, bf16, batch 8" bf16 8 loop.npy
  loop "PyTorch loop, float32, batch 1" f32 1 reference.npy
  peer "TIAToolbox, batch 8" "$work/unet.lines" "${TIATOOLBOX:-}" $here/tiatoolbox_mask.py "$work/slide.tif" "$work/networks/unet.pth" "$work/tiatoolbox"
  rm -rf "$work/wsinfer/results"
  peer "WSInfer, batch 8" "$work/unet.lines" "${WSINFER:-}" $here/wsinfer_run.py run "$work/wsinfer"
  segment "slidestream, null" "$work/null.lines" "$work/null-onnx" null --mpp 0.5
  peer "FAST, null" "$work/null.lines" "${FAST:-}" $here/fast_mask.py run "$work/slide.tif" "$work/null-fixed.onnx" "$work/null.tiff"
  segment "slidestream, colon-glands, OpenVINO" "$work/glands.lines" colon-glands glands --mpp 1.0 --engine openvino
  segment "slidestream, colon-glands, libtorch" "$work/glands.lines" colon-glands glands-torch --mpp 1.0 --engine libtorch
  peer "FAST, colon-glands" "$work/glands.lines" "${FAST:-}" $here/fast_mask.py run "$work/slide.tif" "$work/glands-fixed.onnx" "$work/glands.tiff" 127.5 127.5
done
[ -z "${FAST:-}" ] || "$FAST" -c 'import importlib.metadata as m; print("FAST", m.version("pyfast"))'
[ -z "${TIATOOLBOX:-}" ] || "$TIATOOLBOX" -c 'import importlib.metadata as m; print("TIAToolbox", m.version("tiatoolbox"), "PyTorch", m.version("torch"))'
[ -z "${WSINFER:-}" ] || "$WSINFER" -c 'import importlib.metadata as m; print("WSInfer", m.version("wsinfer"), "PyTorch", m.version("torch"))'
"$python" -c 'import importlib.metadata as m; print("PyTorch", m.version("torch"), "openslide-python", m.version("openslide-python"), "OpenCV", m.version("opencv-python-headless"))'
classes() { echo "$work/$1/slide.tif/classes.tif"; }
"$python" $here/table.py "$work/unet.lines" 256 "$work/reference.npy" "slidestream, OpenVINO=$(classes ours)" \
  "slidestream, OpenVINO, mask alone=$(classes alone)" "slidestream, OpenVINO, float32=$(classes exact)" \
  "slidestream, libtorch, TorchScript in float32=$(classes script)" "FAST, OpenVINO=$work/fast.tiff" \
  "PyTorch loop, bf16, batch 1=$work/loop.npy" "PyTorch loop, bf16, batch 8=$work/loop.npy" \
  "PyTorch loop, float32, batch 1=$work/reference.npy" "TIAToolbox, batch 8=$work/tiatoolbox/slide.zarr"
"$python" $here/table.py "$work/null.lines" 256 "$(classes null)" "slidestream, null=$(classes null)" "FAST, null=$work/null.tiff"
"$python" $here/table.py "$work/glands.lines" 256 "$(classes glands-torch)" "slidestream, colon-glands, OpenVINO=$(classes glands)" \
  "slidestream, colon-glands, libtorch=$(classes glands-torch)" "FAST, colon-glands=$work/glands.tiff"
