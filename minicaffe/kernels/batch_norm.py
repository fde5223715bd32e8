"""Batch normalisation on (N, C, S) arrays; units are channels, so nothing depends on where the cuts fall.

One channel of a usual blob stays in a core's cache between the passes. Sums are kept in float64. ``x`` and
``dy`` may be None where they lie in the output (``distinct``). Scalars have the arrays' type.
"""

import math

from ._jit import kernel


@kernel
def batch_statistics(start, stop, x, eps, mean, variance, inv_std):
    """mean and biased variance of each channel, in two passes; inv_std = 1 / sqrt(variance + eps)."""
    images, _, spatial = x.shape
    m = images * spatial
    for c in range(start, stop):
        total = 0.0
        for n in range(images):
            row = x[n, c]
            for i in range(spatial):
                total += row[i]
        centre = total / m
        total = 0.0
        for n in range(images):
            row = x[n, c]
            for i in range(spatial):
                difference = row[i] - centre
                total += difference * difference
        mean[c] = centre
        variance[c] = total / m
        inv_std[c] = 1.0 / math.sqrt(total / m + eps)


@kernel
def normalise(start, stop, x, mean, inv_std, y):
    """y = (x - mean) * inv_std."""
    images, _, spatial = y.shape
    for c in range(start, stop):
        centre, factor = mean[c], inv_std[c]
        for n in range(images):
            into = y[n, c]
            row = into if x is None else x[n, c]
            for i in range(spatial):
                into[i] = (row[i] - centre) * factor


@kernel
def batch_norm_backward(start, stop, dy, y, inv_std, dx):
    """dx = (dy - mean(dy) - y * mean(dy * y)) * inv_std, the means over each channel."""
    images, _, spatial = dx.shape
    m = images * spatial
    for c in range(start, stop):
        total, product = 0.0, 0.0
        for n in range(images):
            row, out = dx[n, c] if dy is None else dy[n, c], y[n, c]
            for i in range(spatial):
                total += row[i]
                product += row[i] * out[i]
        mean_dy, mean_product = dx.dtype.type(total / m), dx.dtype.type(product / m)
        factor = inv_std[c]
        for n in range(images):
            into, out = dx[n, c], y[n, c]
            row = into if dy is None else dy[n, c]
            for i in range(spatial):
                into[i] = (row[i] - mean_dy - out[i] * mean_product) * factor


@kernel
def scale_channels(start, stop, dy, inv_std, dx):
    """dx = dy * inv_std of the channel: the gradient where the statistics are given, not computed."""
    images, _, spatial = dx.shape
    for c in range(start, stop):
        factor = inv_std[c]
        for n in range(images):
            into = dx[n, c]
            row = into if dy is None else dy[n, c]
            for i in range(spatial):
                into[i] = row[i] * factor
