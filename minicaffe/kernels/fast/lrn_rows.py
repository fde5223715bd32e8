"""Local response normalisation of images channels last; formulas in ``kernels/lrn.py``.

Across channels, the squares of a block of pixels are laid out with zeros between the pixels, so that a box is the sum
of shifted vectors. Within a channel, a box is a sum over neighbouring pixels. Nothing but x is kept for the gradient:
scales are worked out again.
"""

from typing import NamedTuple

import numpy as np

from .._jit import inline
from .rows import Operand, place, row_kernel
from .vector import LANES, fused, load, root, splat, store

BLOCK = 16
"""Pixels that are laid out together, across channels."""


class Normalise(NamedTuple):
    """x and y hold ``channels`` channels in ``lanes``; ``size`` is the box's side, ``alpha`` already divided."""

    x: Operand
    y: Operand
    work: Operand
    height: int
    width: int
    channels: int
    lanes: int
    size: int
    k: float
    alpha: float
    beta: float
    parts: int


class NormaliseGradient(NamedTuple):
    """As ``Normalise``, with the gradients dy and dx; ``factor`` is 2 alpha beta."""

    x: Operand
    dy: Operand
    dx: Operand
    work: Operand
    height: int
    width: int
    channels: int
    lanes: int
    size: int
    k: float
    alpha: float
    beta: float
    factor: float


def border(size: int) -> int:
    """Zeros between two pixels."""
    return -(-(size // 2) // LANES) * LANES


def work_across(size: int, lanes: int) -> int:
    """Elements of ``work`` for both kernels across channels: squares, scales and their powers of a block."""
    return BLOCK * (lanes + border(size)) + border(size) + LANES + 2 * BLOCK * lanes


def work_within(height: int, width: int, lanes: int, gradient: bool) -> int:
    """Elements of ``work`` within channels: scales and powers of a row, and an image where ``gradient``."""
    return (2 + gradient * height) * width * lanes


@inline
def _powers(arena, source, size, beta, to):
    """Numbers to the power ``beta``; the usual 3/4 by square roots."""
    if beta == 0.75:
        for i in range(0, size, LANES):
            half = root(load(arena, source + i))
            store(arena, to + i, half * root(half))
    else:
        for i in range(size):
            arena[to + i] = arena[source + i] ** np.float32(beta)


@inline
def _surround(arena, at, channels, lanes, border):
    """Zeros behind the channels of a pixel that has just been laid out."""
    nothing = splat(np.float32(0))
    if channels < lanes:
        store(arena, at + channels, nothing)
    for i in range(at + lanes, at + lanes + border, LANES):
        store(arena, i, nothing)


@inline
def _around(arena, at, half):
    """The sum of 2 half + 1 shifted vectors."""
    total = load(arena, at - half)
    for i in range(at - half + 1, at + half + 1):
        total = total + load(arena, i)
    return total


@inline
def _scales_across(arena, r, x, pixels, squares, border, scales):
    """Scales of a block of pixels; ``squares`` is where the first pixel is laid out."""
    lanes, channels, half = r.lanes, r.channels, r.size // 2
    k, alpha = splat(np.float32(r.k)), splat(np.float32(r.alpha))
    for p in range(pixels):
        at = squares + p * (lanes + border)
        for i in range(0, lanes, LANES):
            value = load(arena, x + p * lanes + i)
            store(arena, at + i, value * value)
        _surround(arena, at, channels, lanes, border)
    for p in range(pixels):
        for i in range(0, lanes, LANES):
            total = _around(arena, squares + p * (lanes + border) + i, half)
            store(arena, scales + p * lanes + i, fused(alpha, total, k))


@inline
def _prepare(arena, work, border):
    """Zeros before the first pixel of a block; returns where that is laid out."""
    for i in range(work, work + border, LANES):
        store(arena, i, splat(np.float32(0)))
    return work + border


@row_kernel(Normalise, writes=("y", "work"))
def lrn_across(arena, r, start, stop):
    """y = x * scale^-beta; a part is some of the pixels."""
    lanes, area, parts, gap = r.lanes, r.height * r.width, r.parts, -(-(r.size // 2) // LANES) * LANES
    for unit in range(start, stop):
        n, part, begin = unit // parts, unit % parts, start // parts
        x, y = place(r.x, n, begin), place(r.y, n, begin)
        squares = _prepare(arena, place(r.work, n, begin), gap)
        scales = squares + BLOCK * (lanes + gap) + LANES
        end = area * (part + 1) // parts
        for first in range(area * part // parts, end, BLOCK):
            pixels, at = min(BLOCK, end - first), first * lanes
            _scales_across(arena, r, x + at, pixels, squares, gap, scales)
            _powers(arena, scales, pixels * lanes, r.beta, scales)
            for i in range(0, pixels * lanes, LANES):
                store(arena, y + at + i, load(arena, x + at + i) / load(arena, scales + i))


@row_kernel(NormaliseGradient, writes=("dx", "work"))
def lrn_across_backward(arena, r, start, stop):
    """dx = dy * scale^-beta - factor * x * box(dy * y / scale)."""
    lanes, channels, area, half = r.lanes, r.channels, r.height * r.width, r.size // 2
    gap, factor = -(-half // LANES) * LANES, splat(np.float32(-r.factor))
    for n in range(start, stop):
        squares = _prepare(arena, place(r.work, n, start), gap)
        scales = squares + BLOCK * (lanes + gap) + LANES
        powers = scales + BLOCK * lanes
        for first in range(0, area, BLOCK):
            pixels, at = min(BLOCK, area - first), first * lanes
            x, dy, dx = place(r.x, n, start) + at, place(r.dy, n, start) + at, place(r.dx, n, start) + at
            _scales_across(arena, r, x, pixels, squares, gap, scales)
            _powers(arena, scales, pixels * lanes, r.beta, powers)
            for p in range(pixels):
                to = squares + p * (lanes + gap)
                for i in range(p * lanes, (p + 1) * lanes, LANES):
                    share = load(arena, dy + i) / load(arena, powers + i)
                    store(arena, to + i - p * lanes, share * load(arena, x + i) / load(arena, scales + i))
                    store(arena, dx + i, share)
                _surround(arena, to, channels, lanes, gap)
            for p in range(pixels):
                for i in range(0, lanes, LANES):
                    total, to = _around(arena, squares + p * (lanes + gap) + i, half), p * lanes + i
                    store(arena, dx + to, fused(factor * load(arena, x + to), total, load(arena, dx + to)))


@inline
def _scales_within(arena, r, x, row, scales):
    """Scales of a row of pixels."""
    lanes, width, half = r.lanes, r.width, r.size // 2
    k, alpha = splat(np.float32(r.k)), splat(np.float32(r.alpha))
    top, bottom = max(0, row - half), min(r.height, row + half + 1)
    for j in range(width):
        left, right = max(0, j - half), min(width, j + half + 1)
        for lane in range(0, lanes, LANES):
            total = splat(np.float32(0))
            for i in range(top, bottom):
                for at in range((i * width + left) * lanes + lane, (i * width + right) * lanes + lane, lanes):
                    value = load(arena, x + at)
                    total = fused(value, value, total)
            store(arena, scales + j * lanes + lane, fused(alpha, total, k))


@row_kernel(Normalise, writes=("y", "work"))
def lrn_within(arena, r, start, stop):
    """y = x * scale^-beta; a part is some of the rows."""
    line, height, parts = r.width * r.lanes, r.height, r.parts
    for unit in range(start, stop):
        n, part, begin = unit // parts, unit % parts, start // parts
        x, y, scales = place(r.x, n, begin), place(r.y, n, begin), place(r.work, n, begin)
        for row in range(height * part // parts, height * (part + 1) // parts):
            _scales_within(arena, r, x, row, scales)
            _powers(arena, scales, line, r.beta, scales)
            for i in range(0, line, LANES):
                store(arena, y + row * line + i, load(arena, x + row * line + i) / load(arena, scales + i))


@row_kernel(NormaliseGradient, writes=("dx", "work"))
def lrn_within_backward(arena, r, start, stop):
    """dx = dy * scale^-beta - factor * x * box(dy * y / scale)."""
    lanes, width, height, half = r.lanes, r.width, r.height, r.size // 2
    line, factor = width * lanes, splat(np.float32(-r.factor))
    for n in range(start, stop):
        x, dy, dx = place(r.x, n, start), place(r.dy, n, start), place(r.dx, n, start)
        scales = place(r.work, n, start)
        powers, ratios = scales + line, scales + 2 * line
        for row in range(height):
            _scales_within(arena, r, x, row, scales)
            _powers(arena, scales, line, r.beta, powers)
            for i in range(0, line, LANES):
                at = row * line + i
                share = load(arena, dy + at) / load(arena, powers + i)
                store(arena, ratios + at, share * load(arena, x + at) / load(arena, scales + i))
                store(arena, dx + at, share)
        for row in range(height):
            top, bottom = max(0, row - half), min(height, row + half + 1)
            for j in range(width):
                left, right = max(0, j - half), min(width, j + half + 1)
                for lane in range(0, lanes, LANES):
                    total = splat(np.float32(0))
                    for i in range(top, bottom):
                        for at in range((i * width + left) * lanes + lane, (i * width + right) * lanes + lane, lanes):
                            total = total + load(arena, ratios + at)
                    to = (row * width + j) * lanes + lane
                    store(arena, dx + to, fused(factor * load(arena, x + to), total, load(arena, dx + to)))
