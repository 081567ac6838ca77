"""What a careful user of PyTorch writes: OpenSlide in a thread that reads ahead, a network in channels_last, one mask, and polygons by
OpenCV. With float32 it is the reference that other masks are compared with.

    pip install torch numpy openslide-python openslide-bin opencv-python-headless
    python benches/peers/torch_loop.py slide.tif unet.pth mask.npy objects.geojson bf16|f32 BATCH

Run it with GLIBC_TUNABLES=glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456:
memory that is given back after every batch costs a third of the time.
"""

import json
import pathlib
import queue
import sys
import threading

import cv2
import numpy
import openslide
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from peer_models import TILE, UNet  # noqa: E402


def main(path, weights, out, polygons, kind, batch):
    torch.set_num_threads(2)
    kind = {"bf16": torch.bfloat16, "f32": torch.float32}[kind]
    network = load(weights, kind)
    slide = openslide.OpenSlide(path)
    width, height = slide.dimensions
    places = [(x, y) for y in range(0, height, TILE) for x in range(0, width, TILE)]
    ahead = queue.Queue(maxsize=8)

    def read():
        for at in range(0, len(places), batch):
            some = places[at : at + batch]
            tiles = [numpy.asarray(slide.read_region(place, 0, (TILE, TILE)).convert("RGB")) for place in some]
            ahead.put((some, numpy.stack(tiles)))
        ahead.put(None)

    threading.Thread(target=read, daemon=True).start()
    mask = numpy.zeros((height + TILE, width + TILE), numpy.uint8)
    with torch.inference_mode():
        while (item := ahead.get()) is not None:
            some, tiles = item
            x = torch.from_numpy(tiles).permute(0, 3, 1, 2).to(kind) / 255
            found = network(x.contiguous(memory_format=torch.channels_last)).argmax(1).to(torch.uint8).numpy()
            for (left, top), tile in zip(some, found):
                mask[top : top + TILE, left : left + TILE] = tile
    mask = mask[:height, :width]
    numpy.save(out, mask)
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    with open(polygons, "w") as file:
        file.write('{"type":"FeatureCollection","features":[')
        for number, contour in enumerate(contours):
            ring = contour[:, 0].tolist()
            file.write("," * (number > 0) + json.dumps({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}}))
        file.write("]}")


def load(weights, kind):
    network = UNet()
    network.load_state_dict(torch.load(weights))
    network = network.eval().to(kind).to(memory_format=torch.channels_last)
    example = torch.zeros(1, 3, TILE, TILE, dtype=kind).contiguous(memory_format=torch.channels_last)
    return torch.jit.freeze(torch.jit.trace(network, example))


if __name__ == "__main__":
    main(*sys.argv[1:6], int(sys.argv[6]))
