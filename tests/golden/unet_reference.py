"""Writes the golden files of src/nn: the network of GenSelfDiff-HIS (section III of the paper, and the parameter names
of its published state dictionary) and its deviations, written in PyTorch independently of the Rust code.

    pip install torch==2.11.0 numpy safetensors
    python tests/golden/unet_reference.py

Each file holds the weights (float16, exact: they were rounded before use), `golden.input` and `golden.output`
(float32), and `golden.steps` where the network has a time embedding.
"""

import math
import pathlib
import sys

import numpy
import safetensors.torch
import torch
from torch import nn
from torch.nn import functional as F


class Sinusoids(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.half = dim // 2

    def forward(self, steps):
        rates = torch.exp(torch.arange(self.half, dtype=torch.float64) * -(math.log(10000) / (self.half - 1)))
        angles = steps[:, None] * rates[None, :]
        return torch.cat((angles.sin(), angles.cos()), dim=-1)


class Block(nn.Module):
    def __init__(self, ins, outs, batch_norm):
        super().__init__()
        self.proj = nn.Conv2d(ins, outs, 3, padding=1)
        self.norm = nn.BatchNorm2d(outs) if batch_norm else nn.GroupNorm(8, outs)

    def forward(self, x):
        return F.silu(self.norm(self.proj(x)))


class ResBlock(nn.Module):
    def __init__(self, ins, outs, batch_norm, time):
        super().__init__()
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(time, outs)) if time else None
        self.block1 = Block(ins, outs, batch_norm)
        self.block2 = Block(outs, outs, batch_norm)
        self.res_conv = nn.Conv2d(ins, outs, 1) if ins != outs else nn.Identity()

    def forward(self, x, time):
        h = self.block1(x)
        if self.mlp is not None and time is not None:
            h = h + self.mlp(time)[:, :, None, None]
        return self.block2(h) + self.res_conv(x)


def split_heads(x, heads=4):
    n, c, h, w = x.shape
    return [part.view(n, heads, c // 3 // heads, h * w) for part in x.chunk(3, dim=1)]


class LinearAttention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.to_qkv = nn.Conv2d(dim, 384, 1, bias=False)
        self.to_out = nn.Sequential(nn.Conv2d(128, dim, 1), nn.GroupNorm(1, dim))

    def forward(self, x):
        q, k, v = split_heads(self.to_qkv(x))
        q = q.softmax(dim=2) * 32**-0.5
        k = k.softmax(dim=3)
        context = torch.einsum("nhdp,nhep->nhde", k, v)
        out = torch.einsum("nhde,nhdp->nhep", context, q)
        return self.to_out(out.reshape(x.shape[0], 128, *x.shape[2:]))


class FullAttention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.to_qkv = nn.Conv2d(dim, 384, 1, bias=False)
        self.to_out = nn.Conv2d(128, dim, 1)

    def forward(self, x):
        q, k, v = split_heads(self.to_qkv(x))
        weights = torch.einsum("nhdi,nhdj->nhij", q * 32**-0.5, k).softmax(dim=-1)
        out = torch.einsum("nhij,nhdj->nhdi", weights, v)
        return self.to_out(out.reshape(x.shape[0], 128, *x.shape[2:]))


class PreNorm(nn.Module):
    def __init__(self, dim, fn):
        super().__init__()
        self.norm = nn.GroupNorm(1, dim)
        self.fn = fn

    def forward(self, x):
        return self.fn(self.norm(x))


class Residual(nn.Module):
    def __init__(self, fn):
        super().__init__()
        self.fn = fn

    def forward(self, x):
        return x + self.fn(x)


class Net(nn.Module):
    def __init__(self, dim, mults, outs, batch_norm, attention, full_skip, time_embedding):
        super().__init__()
        stem = dim // 3 * 2
        widths = [stem] + [dim * m for m in mults]
        time = 4 * dim if time_embedding else None
        self.full_skip = full_skip
        self.init_conv = nn.Conv2d(3, stem, 7, padding=3)
        if time_embedding:
            self.time_mlp = nn.Sequential(Sinusoids(dim), nn.Linear(dim, time), nn.GELU(), nn.Linear(time, time))

        def attend(width, kind=LinearAttention):
            return Residual(PreNorm(width, kind(width))) if attention else nn.Identity()

        def block(ins, outs):
            return ResBlock(ins, outs, batch_norm, time)

        self.downs = nn.ModuleList()
        for level, (a, b) in enumerate(zip(widths, widths[1:])):
            down = nn.Conv2d(b, b, 4, 2, 1) if level < len(mults) - 1 else nn.Identity()
            self.downs.append(nn.ModuleList([block(a, b), block(b, b), attend(b), down]))
        deep = widths[-1]
        self.mid_block1 = block(deep, deep)
        self.mid_attn = attend(deep, FullAttention)
        self.mid_block2 = block(deep, deep)
        self.ups = nn.ModuleList()
        for a, b in reversed(list(zip(widths[1:], widths[2:]))):
            up = nn.ConvTranspose2d(a, a, 4, 2, 1)
            self.ups.append(nn.ModuleList([block(2 * b, a), block(a, a), attend(a), up]))
        joined = 2 * widths[1] if full_skip else widths[1]
        self.final_conv = nn.ModuleList([ResBlock(joined, dim, batch_norm, None), nn.Conv2d(dim, outs, 1)])

    def forward(self, x, steps=None):
        time = self.time_mlp(steps) if steps is not None else None
        x = self.init_conv(x)
        skips = []
        for first, second, attend, down in self.downs:
            x = attend(second(first(x, time), time))
            skips.append(x)
            x = down(x)
        x = self.mid_block2(self.mid_attn(self.mid_block1(x, time)), time)
        for first, second, attend, up in self.ups:
            x = torch.cat((x, skips.pop()), dim=1)
            x = up(attend(second(first(x, time), time)))
        if self.full_skip:
            x = torch.cat((x, skips.pop()), dim=1)
        return self.final_conv[1](self.final_conv[0](x, None))


class Wrapped(nn.Module):
    """Gives every name the prefix `net.`"""

    def __init__(self, **spec):
        super().__init__()
        self.net = Net(**spec)


def golden(path, steps, **spec):
    torch.manual_seed(2023)
    model = Wrapped(**spec).eval()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            # Every gain, shift and statistic away from its default, so that none can be forgotten unseen.
            if name.endswith(("norm.weight", "to_out.1.weight", "running_var")):
                value.uniform_(0.5, 1.5)
            elif name.endswith(("norm.bias", "to_out.1.bias", "running_mean")):
                value.uniform_(-0.3, 0.3)
            if value.is_floating_point():
                value.copy_(value.half().float())
        x = torch.rand(2, 3, 32, 48)
        steps = torch.tensor(steps) if steps else None
        # In float64: the golden value is the exact one, not one library's rounding.
        output = model.double().net(x.double(), steps).float()
        tensors = {name: value.half() for name, value in model.state_dict().items() if value.is_floating_point()}
    tensors |= {"golden.input": x, "golden.output": output.contiguous()}
    if steps is not None:
        tensors["golden.steps"] = steps
    safetensors.torch.save_file(tensors, path)
    print(path.name, path.stat().st_size, "bytes, output", f"{output.std().item():.4f} std")


if __name__ == "__main__":
    print("python", sys.version.split()[0], "torch", torch.__version__, "numpy", numpy.__version__)
    folder = pathlib.Path(__file__).parent
    sizes = dict(dim=16, mults=(1, 2, 3))
    golden(folder / "unet_published.safetensors", [0, 637], outs=3, batch_norm=False, attention=True,
           full_skip=False, time_embedding=True, **sizes)
    golden(folder / "unet_local.safetensors", None, outs=3, batch_norm=True, attention=False,
           full_skip=True, time_embedding=False, **sizes)
