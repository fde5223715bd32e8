"""A distance that is squared near 0 and absolute beyond; units are blocks of ``BLOCK`` numbers.

d = inside * (a - b); ``inside`` and ``outside`` may be None for ones. The bend is at 1 / sigma^2.
"""

import numpy as np

from ._jit import kernel

BLOCK = 8192


@kernel
def smooth_l1_forward(start, stop, a, b, inside, outside, sigma2, partial):
    """partial[k] = the sum over block k of outside * f, f = sigma2 d^2 / 2 up to the bend, then |d| - 0.5 / sigma2."""
    for k in range(start, stop):
        total = 0.0
        for i in range(k * BLOCK, min(a.size, (k + 1) * BLOCK)):
            d = np.float64(a[i] - b[i]) * (1.0 if inside is None else inside[i])
            far = abs(d) >= 1.0 / sigma2
            value = abs(d) - 0.5 / sigma2 if far else 0.5 * sigma2 * d * d
            total += value * (1.0 if outside is None else outside[i])
        partial[k] = total


@kernel
def smooth_l1_backward(start, stop, a, b, inside, outside, sigma2, scale, diff):
    """diff = scale * inside * outside * (sigma2 d where |d| < 1 / sigma2, else its sign)."""
    for i in range(start * BLOCK, min(a.size, stop * BLOCK)):
        weight = scale
        d = np.float64(a[i] - b[i])
        if inside is not None:
            d *= inside[i]
            weight *= inside[i]
        if outside is not None:
            weight *= outside[i]
        slope = sigma2 * d
        slope = 1.0 if slope >= 1.0 else (-1.0 if slope <= -1.0 else slope)
        diff[i] = weight * slope
