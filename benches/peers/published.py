"""Model packages of the published network (GenSelfDiff-HIS, width 64), whole and without group normalisation or attention, with random
weights: what these two cost. For benches/published.sh.

    pip install torch safetensors
    python benches/peers/published.py FOLDER
"""

import hashlib
import pathlib
import sys

import safetensors.torch
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tests" / "golden"))
from unet_reference import Wrapped  # noqa: E402

MODEL = """format = 1
name = "{name}"
version = "1"
title = "The published network, random weights"
task = "regions"
license = "Apache-2.0"

[network]
kind = "unet"
dim = 64
multipliers = [1, 2, 4, 8]
normalisation = "{normalisation}"
attention = {attention}
full_resolution_skip = false
time_embedding = true

[input]
mpp = 0.5
tile_px = 256
halo_px = 0
range = [-1.0, 1.0]

[[classes]]
name = "Background"
role = "background"
color = [255, 255, 255]

[[classes]]
name = "Gland"
role = "object"
color = [0, 120, 200]

[weights]
file = "weights.safetensors"
sha256 = "{sha256}"
"""


def main(folder):
    for batch_norm in (False, True):
        for attention in (True, False):
            name = f"{'batch' if batch_norm else 'group'}-{'attention' if attention else 'plain'}"
            torch.manual_seed(7)
            network = Wrapped(dim=64, mults=(1, 2, 4, 8), outs=2, batch_norm=batch_norm, attention=attention, full_skip=False, time_embedding=True)
            tensors = {key: value.half().contiguous() for key, value in network.state_dict().items() if value.is_floating_point()}
            place = pathlib.Path(folder) / name
            place.mkdir(parents=True)
            safetensors.torch.save_file(tensors, place / "weights.safetensors")
            sha256 = hashlib.sha256((place / "weights.safetensors").read_bytes()).hexdigest()
            normalisation = "batch" if batch_norm else "group"
            (place / "model.toml").write_text(MODEL.format(name=name, normalisation=normalisation, attention=str(attention).lower(), sha256=sha256))


if __name__ == "__main__":
    main(*sys.argv[1:])
