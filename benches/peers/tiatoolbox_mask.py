"""A whole slide through TIAToolbox's SemanticSegmentor, to Zarr.

    pip install tiatoolbox==2.1.3
    python benches/peers/tiatoolbox_mask.py slide.tif unet.pth FOLDER
"""

import pathlib
import sys

import numpy
import torch
from tiatoolbox.models.engine.io_config import IOSegmentorConfig
from tiatoolbox.models.engine.semantic_segmentor import SemanticSegmentor
from tiatoolbox.models.models_abc import ModelABC

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from peer_models import TILE, UNet  # noqa: E402


class Adapter(ModelABC):
    def __init__(self, weights):
        super().__init__()
        self.network = UNet().eval()
        self.network.load_state_dict(torch.load(weights))

    def forward(self, x):
        return self.network(x)

    @staticmethod
    def infer_batch(model, batch_data, *, device):
        x = batch_data.to(device=device, dtype=torch.float32).permute(0, 3, 1, 2) / 255
        with torch.inference_mode():
            return torch.softmax(model(x), 1).permute(0, 2, 3, 1).cpu().numpy()

    @staticmethod
    def preproc(image):
        return image

    def postproc(self, image):
        return numpy.argmax(image, axis=-1)


def main(slide, weights, folder):
    torch.set_num_threads(2)
    here = [{"units": "baseline", "resolution": 1.0}]
    config = IOSegmentorConfig(
        input_resolutions=here, output_resolutions=here, patch_input_shape=(TILE, TILE), patch_output_shape=(TILE, TILE), stride_shape=(TILE, TILE)
    )
    segmentor = SemanticSegmentor(model=Adapter(weights), batch_size=8, num_workers=0, device="cpu", verbose=False)
    # TIAToolbox wants a mask of where to look; all of it, as everybody else.
    mask = numpy.ones((64, 64), numpy.uint8)
    print(segmentor.run([slide], masks=[mask], ioconfig=config, patch_mode=False, save_dir=folder, output_type="zarr", overwrite=True, auto_get_mask=False))


if __name__ == "__main__":
    main(*sys.argv[1:])
