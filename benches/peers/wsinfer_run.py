"""The U-Net as WSInfer takes networks, and a slide through WSInfer: a class for each patch, here from the mean over its pixels; no mask.

    pip install wsinfer==0.6.1 'zarr<3'
    python benches/peers/wsinfer_run.py prepare unet.pth slide.tif FOLDER
    python benches/peers/wsinfer_run.py run FOLDER

WSInfer asks its model zoo on the network for a list before it does anything; that list is left empty here.
"""

import json
import pathlib
import sys

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from peer_models import TILE, UNet  # noqa: E402


class Mean(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x).mean((2, 3))


def prepare(weights, slide, folder):
    network = UNet().eval()
    network.load_state_dict(torch.load(weights))
    folder = pathlib.Path(folder)
    (folder / "slides").mkdir(parents=True, exist_ok=True)
    (folder / "slides" / pathlib.Path(slide).name).symlink_to(pathlib.Path(slide).resolve())
    torch.jit.freeze(torch.jit.trace(Mean(network).eval(), torch.zeros(1, 3, TILE, TILE))).save(folder / "model.pt")
    config = {
        "spec_version": "1.0", "architecture": "unet",
        "num_classes": 2, "patch_size_pixels": TILE, "spacing_um_px": 0.5, "class_names": ["background", "nucleus"],
        "transform": [{"name": "ToTensor"}],
    }
    (folder / "config.json").write_text(json.dumps(config))


def run(folder):
    torch.set_num_threads(2)
    import wsinfer_zoo.client

    wsinfer_zoo.client.load_registry = lambda *_: wsinfer_zoo.client.ModelRegistry(models={})
    from wsinfer.cli.cli import cli

    # Its detector takes for tissue what is above a threshold of saturation; here that is to be everything.
    cli([
        "run", "--wsi-dir", f"{folder}/slides", "--results-dir", f"{folder}/results", "--model-path", f"{folder}/model.pt",
        "--config", f"{folder}/config.json", "--batch-size", "8", "--num-workers", "1", "--seg-binary-threshold", "1",
    ])


if __name__ == "__main__":
    {"prepare": prepare, "run": run}[sys.argv[1]](*sys.argv[2:])
