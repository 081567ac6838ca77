"""Reference values of src/diffusion/schedule.rs. Run: python tests/golden/noise_schedules.py (numpy)."""

import numpy as np

T = 1000
x = np.linspace(0, T, T + 1)
left = np.cos((x / T + 0.008) / 1.008 * np.pi / 2) ** 2
schedules = {
    "quadratic": np.linspace(1e-4**0.5, 0.02**0.5, T) ** 2,
    "linear": np.linspace(1e-4, 0.02, T),
    "cosine": np.minimum(1 - left[1:] / left[:-1], 0.999),
    "sigmoid": 1 / (1 + np.exp(-np.linspace(-6, 6, T))) * (0.02 - 1e-4) + 1e-4,
}
for name, beta in schedules.items():
    print(name, [f"{beta[t]:.12e}" for t in (0, 1, 500, 999)], f"{np.cumprod(1 - beta)[-1]:.12e}")
for steps in (50, 250, 2000, 5000):
    beta = np.linspace(1e-4**0.5, 0.02**0.5, steps) ** 2
    print("quadratic", steps, f"{np.cumprod(1 - beta)[-1]:.10e}")
beta = schedules["quadratic"]
abar = np.cumprod(1 - beta)
before = np.append(1, abar[:-1])
print("mean weight", np.mean(1 - abar))
print(
    "posterior of step 500",
    beta[500] * before[500] ** 0.5 / (1 - abar[500]),
    (1 - before[500]) * (1 - beta[500]) ** 0.5 / (1 - abar[500]),
    beta[500] * (1 - before[500]) / (1 - abar[500]),
)
