"""Unpacks what a CPU needs of the pinned OpenVINO wheel. Called by ./setup --openvino.

Usage: unpack_openvino.py WHEEL_FOLDER NATIVE_FOLDER
"""

import pathlib
import sys

from unpack import copy

# The runtime with its C interface, the plugin for CPUs, the reader of ONNX, and the threads; no other devices and formats.
WANTED = ("libopenvino.so", "libopenvino_c.so", "libopenvino_intel_cpu_plugin.so", "libopenvino_onnx_frontend.so",
          "libopenvino_ir_frontend.so", "libtbb.so", "libtbbbind", "libtbbmalloc.so", "libhwloc.so")


def member(name):
    folder, _, base = name.rpartition("/")
    if folder == "openvino/libs" and base.startswith(WANTED):
        return f"lib/{base}"
    _, found, inside = name.partition(".dist-info/licenses/")
    return f"licences/{inside}" if found else None


def main(wheels, native):
    copy(wheels, "openvino-*.whl", member, native / "openvino")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve())
