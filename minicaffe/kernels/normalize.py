"""Division by the L2 norm over channels, on (images, channels, inner) arrays; sums are float64."""

from ._jit import kernel

BLOCK = 512
"""Places of one unit in ``channel_products``."""


@kernel
def channel_products(start, stop, a, b, scale, total):
    """total[n, i] = the sum over channels c of scale[c] * a[n, c, i] * b[n, c, i]; ``scale`` may be None.

    ``scale`` holds a number per channel, or one. Units are blocks of places: ceil(inner / BLOCK) for each image.
    """
    _, channels, inner = a.shape
    blocks = (inner + BLOCK - 1) // BLOCK
    for u in range(start, stop):
        n, first = u // blocks, u % blocks * BLOCK
        last = min(inner, first + BLOCK)
        for i in range(first, last):
            total[n, i] = 0.0
        for c in range(channels):
            factor = 1.0
            if scale is not None:
                factor = float(scale[c if scale.size > 1 else 0])
            one, two = a[n, c], b[n, c]
            for i in range(first, last):
                total[n, i] += factor * one[i] * two[i]


@kernel
def normalize_forward(start, stop, x, norm, scale, y):
    """y = x * scale[c] / norm[n, i]; units are rows: (image, channel) pairs."""
    _, channels, inner = x.shape
    for r in range(start, stop):
        n, c = r // channels, r % channels
        factor, source, into, by = scale[c if scale.size > 1 else 0], x[n, c], y[n, c], norm[n]
        for i in range(inner):
            into[i] = source[i] * factor / by[i]


@kernel
def normalize_backward(start, stop, dy, x, norm, dot, scale, dx):
    """dx = scale[c] * dy / norm[n, i] - x * dot[n, i]; units are rows."""
    _, channels, inner = x.shape
    for r in range(start, stop):
        n, c = r // channels, r % channels
        factor, into, by = scale[c if scale.size > 1 else 0], dx[n, c], norm[n]
        one, two, three = dy[n, c], x[n, c], dot[n]
        for i in range(inner):
            into[i] = factor * one[i] / by[i] - two[i] * three[i]


@kernel
def normalize_scale_sums(start, stop, dy, x, norm, total):
    """total[c] = the sum of dy * x / norm over channel c; units are channels."""
    images, _, inner = x.shape
    for c in range(start, stop):
        sum_ = 0.0
        for n in range(images):
            one, two, by = dy[n, c], x[n, c], norm[n]
            for i in range(inner):
                sum_ += one[i] * two[i] / by[i]
        total[c] = sum_
