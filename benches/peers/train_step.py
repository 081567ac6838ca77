"""One step of pre-training with PyTorch, for comparison with `cargo bench --bench train_step`: the same network, weights,
images, noise, steps and loss. Prints a line of JSON. benches/train_step.sh runs both in turn.

    pip install torch==2.11.0 numpy safetensors
    python benches/peers/train_step.py --state DIR --px 128 --batch 2 --precision bf16 --steps 6
"""

import argparse
import json
import pathlib
import resource
import statistics
import sys
import time

import safetensors.torch
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/golden"))
from unet_reference import Net  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=pathlib.Path, required=True)
    for name in ("--px", "--batch", "--steps"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--precision", choices=("f32", "bf16"), required=True)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)

    net = Net(64, (1, 2, 4, 8), 3, False, True, False, True)
    weights = safetensors.torch.load_file(args.state / "weights.safetensors")
    net.load_state_dict({name.removeprefix("net."): tensor for name, tensor in weights.items()})
    # The reference computes the angles in float64 and leaves them so.
    net.time_mlp[0].register_forward_hook(lambda module, inputs, output: output.float())
    net = net.to(args.device).to(memory_format=torch.channels_last)
    data = safetensors.torch.load_file(args.state / f"{args.px}.safetensors")
    images = data["images"][: args.batch].to(args.device)
    noise = data["noise"][: args.batch].to(args.device)

    beta = torch.linspace(1e-4**0.5, 0.02**0.5, 1000, dtype=torch.float64) ** 2
    left = torch.cumprod(1 - beta, 0).to(args.device)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)
    losses, seconds = [], []
    for step in range(args.steps):
        t = data["t"][step, : args.batch].long().to(args.device)
        began = time.perf_counter()
        share = left[t].view(-1, 1, 1, 1)
        noised = (share.sqrt().float() * images + (1 - share).sqrt().float() * noise)
        noised = noised.contiguous(memory_format=torch.channels_last)
        optimizer.zero_grad()
        with torch.autocast(args.device.split(":")[0], torch.bfloat16, enabled=args.precision == "bf16"):
            answer = net(noised, t)
        error = (answer.float() - noise).square().mean(dim=(1, 2, 3))
        loss = (error * (1 - left[t]).float()).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - began)
    middle = statistics.median(seconds[1:])
    print(
        json.dumps(
            {
                "engine": "pytorch",
                "px": args.px,
                "batch": args.batch,
                "precision": args.precision,
                "device": args.device,
                "threads": torch.get_num_threads(),
                "seconds": middle,
                "images_per_s": args.batch / middle,
                "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "losses": losses,
            }
        )
    )


if __name__ == "__main__":
    main()
