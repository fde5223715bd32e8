"""Local response normalisation; both regions differ only in the box that is summed.

    scale = k + (alpha / box size) * box(x^2)            y = x * scale^-beta
    dx = dy * scale^-beta - (2 * alpha * beta / box size) * x * box(dy * y / scale)

``box`` sums ``size`` neighbouring channels, or size x size neighbours of a plane, with zeros outside.
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
def box_within(start, stop, x, size, out):
    """Sum over rows and columns within size // 2 of arrays (planes, H, W); units are planes."""
    _, height, width = x.shape
    half = size // 2
    for plane in range(start, stop):
        for i in range(height):
            to = out[plane, i]
            to[:] = 0
            for row in range(max(0, i - half), min(height, i + half + 1)):
                source = x[plane, row]
                for shift in range(-min(half, width - 1), min(half, width - 1) + 1):
                    for j in range(max(0, -shift), width - max(0, shift)):
                        to[j] += source[j + shift]


@inline
def _power(scale, beta):
    """scale^beta; the usual beta of 3/4 by square roots, which run in vectors."""
    if beta == 0.75:
        root = math.sqrt(scale)
        return root * math.sqrt(root)
    return scale**beta


@kernel
def normalise(start, stop, x, k, alpha, beta, scale, y):
    """scale = k + alpha * scale (the box sums); y = x * scale^-beta; units are elements."""
    for i in range(start, stop):
        scale[i] = k + alpha * scale[i]
        y[i] = x[i] / _power(scale[i], beta)


@kernel
def ratio(start, stop, dy, y, scale, out):
    """out = dy * y / scale; units are elements."""
    for i in range(start, stop):
        out[i] = dy[i] * y[i] / scale[i]


@kernel
def gradient(start, stop, x, dy, scale, beta, factor, dx):
    """dx = dy * scale^-beta - factor * x * dx (the box sums of ``ratio``); units are elements."""
    for i in range(start, stop):
        dx[i] = dy[i] / _power(scale[i], beta) - factor * x[i] * dx[i]
