"""Where OpenVINO's time goes in one forward pass of a network, in bf16 on two threads, by its own counters: milliseconds by kind of node, then
the ten slowest nodes.

    pip install openvino==2026.4.1 numpy
    slidestream models export NAME network.onnx
    python benches/peers/openvino_profile.py network.onnx [EDGE]
"""

import collections
import sys
import time

import numpy
import openvino


def main(path, edge=256):
    core = openvino.Core()
    model = core.read_model(path)
    model.reshape({model.inputs[0]: [1, 3, int(edge), int(edge)]})
    settings = {"INFERENCE_PRECISION_HINT": "bf16", "INFERENCE_NUM_THREADS": 2, "NUM_STREAMS": 1, "PERF_COUNT": True, "ENABLE_CPU_PINNING": False}
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    pixels = numpy.random.default_rng(7).random((1, 3, int(edge), int(edge)), numpy.float32)
    for _ in range(3):
        begun = time.perf_counter()
        request.infer([pixels])
        took = time.perf_counter() - begun
    nodes = [(node.real_time.total_seconds() * 1000, node.node_type, node.exec_type, node.node_name) for node in request.profiling_info]
    kinds = collections.Counter()
    for milliseconds, kind, how, _ in nodes:
        kinds[f"{kind} {how}"] += milliseconds
    print(f"{took * 1000:9.2f} whole pass")
    for kind, milliseconds in kinds.most_common():
        if milliseconds >= 0.1:
            print(f"{milliseconds:9.2f} {kind}")
    print()
    for milliseconds, kind, how, name in sorted(nodes, reverse=True)[:10]:
        print(f"{milliseconds:9.2f} {kind} {how} {name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
