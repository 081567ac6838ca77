"""A whole slide through FAST: level 0 in patches of 256 px without overlap, a network as ONNX, the stitched mask as a TIFF pyramid.

    pip install pyfast numpy onnx      (and libusb, libGL, and OpenCL with a device such as pocl from the system)
    python benches/peers/fast_mask.py prepare unet.onnx fixed.onnx
    python benches/peers/fast_mask.py run slide.tif fixed.onnx mask.tiff

Two more arguments are the mean and the deviation that pixels are normalised with: 0 and 255 if left out.
"""

import sys

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


def run(slide, model, out, mean=0, deviation=255):
    import fast

    fast.Reporter.setGlobalReportMethod(fast.Reporter.NONE)
    image = fast.WholeSlideImageImporter.create(slide)
    patches = fast.PatchGenerator.create(WINDOW, WINDOW, level=0).connect(image)
    network = fast.SegmentationNetwork.create(model, inferenceEngine="OpenVINO").connect(patches)
    network.setMeanAndStandardDeviation(float(mean), float(deviation))
    stitcher = fast.PatchStitcher.create().connect(network)
    finished = fast.RunUntilFinished.create().connect(stitcher)
    made = finished.runAndGetOutputData()
    fast.TIFFImagePyramidExporter.create(out).connect(made).run()


if __name__ == "__main__":
    {"prepare": prepare, "run": run}[sys.argv[1]](*sys.argv[2:])
