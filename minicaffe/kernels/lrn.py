"""Local response normalisation; both regions differ only in the box that is summed.

    scale = k + (alpha / box size) * box(x^2)            y = x * scale^-beta
    dx = dy * scale^-beta - (2 * alpha * beta / box size) * x * box(dy * y / scale)

``box`` sums ``size`` neighbouring channels, or size x size neighbours of a plane (rows, then columns), with zeros
outside.
"""

import math

from ._jit import inline, kernel

COLUMNS = 512
"""Positions of one unit of ``box_across``."""


@kernel
def square(start, stop, x, out):
    """out = x * x; units are elements."""
    for i in range(start, stop):
        out[i] = x[i] * x[i]


def blocks(area: int) -> int:
    """The units of ``box_across`` for each n."""
    return -(-area // COLUMNS)


@kernel
def box_across(start, stop, x, size, out):
    """Sum over channels within size // 2 of arrays (N, C, P); units are (n, COLUMNS positions)."""
    _, channels, area = x.shape
    blocks = -(-area // COLUMNS)
    half = size // 2
    for unit in range(start, stop):
        n, first = unit // blocks, unit % blocks * COLUMNS
        last = min(area, first + COLUMNS)
        for c in range(channels):
            to = out[n, c, first:last]
            to[:] = 0
            for other in range(max(0, c - half), min(channels, c + half + 1)):
                source = x[n, other, first:last]
                for j in range(to.size):
                    to[j] += source[j]


@kernel
def box_rows(start, stop, x, size, out):
    """Sum over rows within size // 2 of arrays (planes, H, W); units are planes."""
    _, height, width = x.shape
    half = min(size // 2, height - 1)
    for plane in range(start, stop):
        source, to = x[plane].reshape(-1), out[plane].reshape(-1)
        to[:] = source
        for shift in range(width, (half + 1) * width, width):
            for j in range(to.size - shift):
                to[j] += source[j + shift]
            for j in range(to.size - shift):
                to[j + shift] += source[j]


@kernel
def box_columns(start, stop, x, size, out):
    """Sum over columns within size // 2 of arrays (planes, H, W); units are planes."""
    _, height, width = x.shape
    half = min(size // 2, width - 1)
    for plane in range(start, stop):
        for i in range(height):
            source, to = x[plane, i], out[plane, i]
            to[:] = source
            for shift in range(1, half + 1):
                for j in range(width - shift):
                    to[j] += source[j + shift]
                for j in range(width - shift):
                    to[j + shift] += source[j]


@inline
def _power(scale, beta):
    """scale^beta; the usual beta of 3/4 by square roots, which run in vectors."""
    if beta == 0.75:
        root = math.sqrt(scale)
        return root * math.sqrt(root)
    return scale**beta


@kernel
def normalise(start, stop, x, k, alpha, beta, sums, scale, y):
    """scale = k + alpha * sums; y = x * scale^-beta; units are elements. ``sums`` None: they lie in scale."""
    scale = scale[start:stop]
    sums = scale if sums is None else sums[start:stop]
    for i in range(stop - start):
        scale[i] = k + alpha * sums[i]
    for i in range(stop - start):
        y[start + i] = x[start + i] / _power(scale[i], beta)


@kernel
def ratio(start, stop, dy, y, scale, out):
    """out = dy * y / scale; units are elements."""
    for i in range(start, stop):
        out[i] = dy[i] * y[i] / scale[i]


@kernel
def gradient(start, stop, x, dy, scale, beta, factor, sums, dx):
    """dx = dy * scale^-beta - factor * x * sums (the box sums of ``ratio``); units are elements.

    ``sums`` None: they lie in dx.
    """
    dx = dx[start:stop]
    sums = dx if sums is None else sums[start:stop]
    for i in range(stop - start):
        dx[i] = dy[start + i] / _power(scale[start + i], beta) - factor * x[start + i] * sums[i]
