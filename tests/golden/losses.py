"""Values of the losses in double precision, written independently of the program with numpy alone.

    python tests/golden/losses.py        prints the numbers of src/train/loss/tests.rs

Two cases: the golden vector of GenSelfDiff-HIS (1 x 2 x 4 x 4), and three classes on 2 x 3 x 12 x 9.
"""

import numpy as np

C1, BETA, SIGMA, RADIUS, LEAST = 0.01, 0.1, 1.5, 5, 1e-8


def windows(x):
    """Weighted mean over the 11 x 11 Gaussian window of every pixel of [H, W], cut off at the edge."""
    h, w = x.shape
    g = np.exp(-np.arange(-RADIUS, RADIUS + 1) ** 2 / (2 * SIGMA**2))
    out = np.zeros_like(x)
    for i in range(h):
        for j in range(w):
            total = mass = 0.0
            for a in range(max(0, i - RADIUS), min(h, i + RADIUS + 1)):
                for b in range(max(0, j - RADIUS), min(w, j + RADIUS + 1)):
                    weight = g[a - i + RADIUS] * g[b - j + RADIUS]
                    total += weight * x[a, b]
                    mass += weight
            out[i, j] = total / mass
    return out


def error(y, p, local):
    def standard(x):
        if not local:
            return (x - x.mean() + C1) / (x.std(ddof=1) + C1)
        mean = windows(x)
        variance = np.maximum(windows(x * x) - mean * mean, LEAST)
        return (x - mean + C1) / (np.sqrt(variance) + C1)

    return np.abs(standard(y) - standard(p))


def losses(y, p, weights=None, gamma=2.0, alpha=0.3, beta=0.7):
    """y one-hot, p probabilities, both [N, C, H, W]."""
    n, c, h, w = y.shape
    pixels = n * h * w
    ce = -(y * np.log(p)).sum() / pixels
    out = {"ce": ce}
    for mode in ("patch", "local"):
        total = count = weighted = hard = 0.0
        for i in range(n):
            for k in range(c):
                e = error(y[i, k], p[i, k], mode == "local")
                f = e > BETA * e.max()
                total += (e * f).sum()
                count += f.sum()
                weighted += (e * f * y[i, k] * -np.log(p[i, k])).sum()
                hard += (f * y[i, k]).sum()
        out["ss " + mode] = ce * total / count if mode == "patch" else weighted / hard
    weight = np.ones(c) if weights is None else np.array(weights)
    share = y * weight[None, :, None, None]
    out["focal"] = -(share * (1 - p) ** gamma * np.log(p)).sum() / share.sum()
    found = (y * p).sum((0, 2, 3))[1:]
    extra = ((1 - y) * p).sum((0, 2, 3))[1:]
    missed = (y * (1 - p)).sum((0, 2, 3))[1:]
    out["dice"] = 1 - ((2 * found + 1) / (2 * found + extra + missed + 1)).mean()
    out["tversky"] = 1 - ((found + 0.5) / (found + alpha * extra + beta * missed + 0.5)).mean()
    return out


def published():
    labels = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1]])
    p1 = (0.1 + 0.8 * np.arange(16) / 15).reshape(4, 4)
    return np.stack([labels == 0, labels == 1])[None].astype(float), np.stack([1 - p1, p1])[None]


def three_classes():
    """Labels and logits from sines, so that another language makes the same."""
    n, c, h, w = 2, 3, 12, 9
    i, k, u, v = np.meshgrid(np.arange(n), np.arange(c), np.arange(h), np.arange(w), indexing="ij")
    logits = 1.7 * np.sin(0.9 * u + 0.4 * v * (k + 1) + 1.3 * k + 2.1 * i)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (u[:, 0] // 3 + v[:, 0] // 4 + i[:, 0]) % 3
    return (labels[:, None] == k).astype(float), p


if __name__ == "__main__":
    for name, case in (("published", published()), ("three classes", three_classes())):
        print(name)
        for term, value in losses(*case).items():
            print(f"  {term:9} {value:.12f}")
    y, p = three_classes()
    print(f"three classes, weights 1, 2, 5: focal {losses(y, p, weights=[1, 2, 5])['focal']:.12f}")
