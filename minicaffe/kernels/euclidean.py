"""Squared distance between two arrays, and its gradient. Units are blocks of ``BLOCK`` numbers."""

import numpy as np

from ._jit import kernel

BLOCK = 8192


@kernel
def euclidean_forward(start, stop, a, b, partial):
    """partial[k] = the sum of (a - b)^2 over block k, in float64."""
    for k in range(start, stop):
        total = 0.0
        for i in range(k * BLOCK, min(a.size, (k + 1) * BLOCK)):
            total += np.float64(a[i] - b[i]) ** 2
        partial[k] = total


@kernel
def euclidean_backward(start, stop, a, b, scale, diff):
    """diff = scale * (a - b)."""
    for i in range(start * BLOCK, min(a.size, stop * BLOCK)):
        diff[i] = scale * (a[i] - b[i])
