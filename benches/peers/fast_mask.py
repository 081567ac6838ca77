"""A whole slide through FAST: level 0 in patches of 256 px without overlap, one of our networks, the stitched mask as a TIFF pyramid.

    pip install pyfast numpy onnx      (and libusb, an OpenCL loader and libGL from the system)
    slidestream models export colon-glands colon-glands.onnx
    python benches/peers/fast_mask.py prepare colon-glands.onnx fixed.onnx
    python benches/peers/fast_mask.py run slide.tif fixed.onnx mask.tiff
"""

import json
import resource
import sys
import time

WINDOW = 256


def prepare(model, out):
    """Fixed sizes, and probabilities instead of logits, as FAST wants them."""
    import onnx

    graph = onnx.load(model)
    for value, channels in ((graph.graph.input[0], 3), (graph.graph.output[0], None)):
        for axis, size in zip(value.type.tensor_type.shape.dim, (1, channels, WINDOW, WINDOW)):
            if size:
                axis.dim_value = size
    last = graph.graph.output[0]
    graph.graph.node.append(onnx.helper.make_node("Softmax", [last.name], ["probabilities"], axis=1))
    last.name = "probabilities"
    onnx.save(graph, out)


def run(slide, model, out):
    begun = time.time()
    import fast

    fast.Reporter.setGlobalReportMethod(fast.Reporter.NONE)
    image = fast.WholeSlideImageImporter.create(slide)
    patches = fast.PatchGenerator.create(WINDOW, WINDOW, level=0).connect(image)
    network = fast.SegmentationNetwork.create(model, inferenceEngine="OpenVINO").connect(patches)
    network.setMeanAndStandardDeviation(127.5, 127.5)
    stitcher = fast.PatchStitcher.create().connect(network)
    finished = fast.RunUntilFinished.create().connect(stitcher)
    made = finished.runAndGetOutputData()
    fast.TIFFImagePyramidExporter.create(out).connect(made).run()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"program": "FAST", "wall_s": time.time() - begun, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_mib": usage.ru_maxrss / 1024}))


if __name__ == "__main__":
    {"prepare": prepare, "run": run}[sys.argv[1]](*sys.argv[2:])
