"""The two networks that all programs are compared with: a plain U-Net of 7,763,074 parameters and one 1x1 convolution.

    pip install torch numpy tifffile imagecodecs onnx
    python benches/peers/peer_models.py CMU-1-Small-Region.svs FOLDER

The U-Net learns in 60 quick steps to mark dark hematoxylin, so that its masks look like nuclei; the convolution marks pixels of
little red and stands for a network that costs nothing. FOLDER gets each as ONNX (logits; all sizes but the channels open),
TorchScript and parameters, and a description for `slidestream models import`.
"""

import pathlib
import sys

import numpy
import tifffile
import torch
from torch import nn

TILE = 256
DESCRIPTION = """format = 1
name = "{name}"
version = "1"
title = "{title}"
task = "regions"
license = "Apache-2.0"

[network]
kind = "{kind}"
{stride}
[input]
mpp = 0.5
tile_px = 256
halo_px = 0
range = [0.0, 1.0]

[[classes]]
name = "Background"
role = "background"
color = [240, 240, 240]

[[classes]]
name = "Nucleus"
role = "object"
color = [200, 0, 0]

[postprocessing]
min_area_um2 = 0.0
max_hole_um2 = 0.0
"""


def block(into, out):
    layers = []
    for channels in (into, out):
        layers += [nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Two convolutions a level, 32 to 512 channels, transposed convolutions on the way up."""

    def __init__(self, width=32, levels=4):
        super().__init__()
        sizes = [width << level for level in range(levels + 1)]
        self.down = nn.ModuleList(block(into, out) for into, out in zip([3, *sizes], sizes))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(2 * size, size, 2, 2) for size in reversed(sizes[:-1]))
        self.up = nn.ModuleList(block(2 * size, size) for size in reversed(sizes[:-1]))
        self.last = nn.Conv2d(width, 2, 1)

    def forward(self, x):
        seen = []
        for layer in self.down:
            x = layer(x if not seen else nn.functional.max_pool2d(x, 2))
            seen.append(x)
        seen.pop()
        for enlarge, layer in zip(self.enlarge, self.up):
            x = layer(torch.cat([enlarge(x), seen.pop()], 1))
        return self.last(x)


def train(network, field, steps=60, batch=4):
    pixels = torch.from_numpy(field).permute(2, 0, 1).float() / 255
    density = -torch.log10(pixels.clamp(min=1 / 255))
    # Ruifrok and Johnston's unmixing row for hematoxylin, applied to optical density.
    hematoxylin = 1.88 * density[0] - 0.07 * density[1] - 0.60 * density[2]
    wanted = (hematoxylin > hematoxylin.mean() + hematoxylin.std()).long()
    rng = numpy.random.default_rng(7)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for step in range(steps):
        places = [(rng.integers(pixels.shape[1] - TILE), rng.integers(pixels.shape[2] - TILE)) for _ in range(batch)]
        x = torch.stack([pixels[:, y : y + TILE, x : x + TILE] for y, x in places])
        y = torch.stack([wanted[y : y + TILE, x : x + TILE] for y, x in places])
        loss = nn.functional.cross_entropy(network(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 19:
            print(f"step {step + 1}: loss {loss.item():.3f}", flush=True)


def write(network, name, title, folder):
    network.eval()
    example = torch.zeros(1, 3, TILE, TILE)
    axes = {0: "n", 2: "h", 3: "w"}
    torch.onnx.export(
        network, example, folder / f"{name}.onnx", opset_version=17, dynamo=False,
        input_names=["pixels"], output_names=["logits"], dynamic_axes={"pixels": axes, "logits": axes},
    )
    torch.jit.freeze(torch.jit.trace(network, example)).save(folder / f"{name}.pt")
    torch.save(network.state_dict(), folder / f"{name}.pth")
    for kind, stride in (("onnx", "stride = 16\n"), ("torchscript", "")):
        text = DESCRIPTION.format(name=f"{name}-{kind}", title=title, kind=kind, stride=stride)
        (folder / f"{name}-{kind}.toml").write_text(text)


def main(slide, folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(7)
    unet = UNet()
    print(sum(parameter.numel() for parameter in unet.parameters()), "parameters")
    train(unet, tifffile.imread(slide, key=0)[..., :3])
    write(unet, "unet", "Dark hematoxylin, for comparisons of speed", folder)
    null = nn.Conv2d(3, 2, 1)
    with torch.no_grad():
        null.weight.zero_()
        null.weight[1, 0] = -20.0
        null.bias[:] = torch.tensor([0.0, 20.0 * 0.35])
    write(null, "null", "Pixels of little red, for measuring all but the network", folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
