"""Fréchet and kernel distances from numpy and scipy, for src/metrics/generative/tests.rs.

    python tests/golden/generative.py        prints the numbers
"""

import numpy as np
import scipy.linalg


def features(images, dims, phase, scale):
    """From sines, so that another language makes the same; rounded to float32 as features are."""
    i, j = np.meshgrid(np.arange(images), np.arange(dims), indexing="ij")
    value = scale * np.sin(0.7 * i * (j + 1) + 1.9 * j + phase) + 0.1 * j + 0.05 * phase
    return value.astype(np.float32).astype(np.float64)


def frechet(a, b):
    sa, sb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(sa @ sb)
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(sa + sb - 2 * root.real)


def kernel(a, b):
    k = lambda x, y: (x @ y.T / x.shape[1] + 1) ** 3
    n, m = len(a), len(b)
    aa, bb = k(a, a), k(b, b)
    return (aa.sum() - np.trace(aa)) / n / (n - 1) + (bb.sum() - np.trace(bb)) / m / (m - 1) - 2 * k(a, b).mean()


if __name__ == "__main__":
    for n, m, d in ((40, 30, 5), (6, 8, 9)):
        a, b = features(n, d, 0.0, 1.0), features(m, d, 1.0, 1.3)
        print(f"{n} and {m} images of {d} features: Frechet {frechet(a, b):.9f}, kernel {kernel(a, b):.9f}")
