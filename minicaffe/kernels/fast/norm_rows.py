"""Batch normalisation and functions of each channel, forward: y = act((x - mean) * factor + offset + residual).

A *moments* buffer holds three vectors per channel block, side by side in pieces of ``width``: mean, 1 / std, and the
factor, gamma / std. Pad lanes of all of them are 0.
"""

from typing import NamedTuple

import numpy as np

from .._jit import inline
from .activation_vectors import activated
from .doubles import every, narrowed, square_root, widened
from .rows import Operand, place, row_kernel
from .vector import LANES, first_lanes, fused, load, splat, store

STAGE = 4096
"""Elements that are passed over again and again, a channel block at a time: a third of a first-level cache."""


class Statistics(NamedTuple):
    """Images of ``pixels`` of ``width`` lanes. ``moments``: ``width`` numbers each of an image's means less its
    centres, of its sums of squared deviations from the mean, and of the centres."""

    x: Operand
    moments: Operand
    pixels: int
    width: int


@row_kernel(Statistics, writes=("moments",))
def statistics(arena, r, start, stop):
    """Mean and sum of squared deviations of each channel over an image.

    The centre is the mean of the image's first pixels. Sums of deviations from it are put right at the end: what that
    costs in precision is bounded by the share of those pixels, however far the mean lies from 0.
    """
    pixels, width = r.pixels, r.width
    block = max(16, STAGE // width)
    zero = splat(np.float32(0))
    share = splat(np.float32(1.0 / pixels))
    for n in range(start, stop):
        x, means = place(r.x, n, start), place(r.moments, n, start)
        squares, centres = means + width, means + 2 * width
        for first in range(0, pixels, block):
            last = min(pixels, first + block)
            for c in range(0, width, LANES):
                if first == 0:
                    total = zero
                    for p in range(last):
                        total = total + load(arena, x + p * width + c)
                    store(arena, centres + c, total * splat(np.float32(1.0 / last)))
                    store(arena, means + c, zero)
                    store(arena, squares + c, zero)
                centre = load(arena, centres + c)
                sum_a, sum_b, square_a, square_b = zero, zero, zero, zero
                p = first
                while p + 1 < last:
                    a = load(arena, x + p * width + c) - centre
                    b = load(arena, x + (p + 1) * width + c) - centre
                    sum_a, sum_b = sum_a + a, sum_b + b
                    square_a, square_b = fused(a, a, square_a), fused(b, b, square_b)
                    p += 2
                if p < last:
                    a = load(arena, x + p * width + c) - centre
                    sum_a, square_a = sum_a + a, fused(a, a, square_a)
                store(arena, means + c, load(arena, means + c) + (sum_a + sum_b))
                store(arena, squares + c, load(arena, squares + c) + (square_a + square_b))
        for c in range(0, width, LANES):
            total = load(arena, means + c)
            shift = total * share
            store(arena, means + c, shift)
            store(arena, squares + c, load(arena, squares + c) - total * shift)


class Combine(NamedTuple):
    """``images`` images of ``pixels``; units are blocks of LANES channels.

    ``sums`` is what ``statistics`` made; of images of one pixel it is x itself. ``gamma`` is not read
    unless ``scaled``. The running sums are times ``fraction``, plus the new ones.
    """

    sums: Operand
    gamma: Operand
    moments: Operand
    running_mean: Operand
    running_variance: Operand
    running_factor: Operand
    images: int
    pixels: int
    channels: int
    width: int
    scaled: int
    eps: float
    fraction: float


@inline
def _mean(arena, at, pixels, width):
    """An image's means in float64."""
    mean = widened(load(arena, at))
    return mean + widened(load(arena, at + 2 * width)) if pixels > 1 else mean


@row_kernel(Combine, writes=("moments", "running_mean", "running_variance", "running_factor"))
def combine_statistics(arena, r, start, stop):
    """Moments of the whole batch in float64; running sums of the mean, the unbiased variance and 1."""
    images, pixels, width = r.images, r.pixels, r.width
    step = r.sums.step
    number = float(images * pixels)
    unbiased = number / (number - 1.0) if number > 1.0 else 1.0
    fraction = splat(np.float32(r.fraction))
    for u in range(start, stop):
        c = u * LANES
        there = min(LANES, r.channels - c)
        at = r.sums.base + c
        total = every(0.0)
        for n in range(images):
            total = total + _mean(arena, at + n * step, pixels, width)
        mean = total * every(1.0 / images)
        spread = every(0.0)
        for n in range(images):
            difference = _mean(arena, at + n * step, pixels, width) - mean
            spread = spread + difference * difference
        spread = spread * every(float(pixels))
        if pixels > 1:
            for n in range(images):
                spread = spread + widened(load(arena, at + n * step + width))
        variance = spread * every(1.0 / number)
        inverse = first_lanes(narrowed(every(1.0) / square_root(variance + every(r.eps))), there)
        centre = first_lanes(narrowed(mean), there)
        factor = inverse * load(arena, r.gamma.base + c) if r.scaled else inverse
        store(arena, r.moments.base + c, centre)
        store(arena, r.moments.base + width + c, inverse)
        store(arena, r.moments.base + 2 * width + c, factor)
        old = r.running_mean.base + c
        store(arena, old, fused(load(arena, old), fraction, centre))
        old = r.running_variance.base + c
        new = first_lanes(narrowed(variance * every(unbiased)), there)
        store(arena, old, fused(load(arena, old), fraction, new))
        if u == 0:
            old = r.running_factor.base
            arena[old] = arena[old] * np.float32(r.fraction) + np.float32(1)


class Stored(NamedTuple):
    """Units are blocks of LANES channels; ``gamma`` is not read unless ``scaled``."""

    running_mean: Operand
    running_variance: Operand
    running_factor: Operand
    gamma: Operand
    moments: Operand
    channels: int
    width: int
    scaled: int
    eps: float


@row_kernel(Stored, writes=("moments",))
def stored_statistics(arena, r, start, stop):
    """Moments from the running sums, which count as 0 where their factor is 0."""
    width = r.width
    factor = float(arena[r.running_factor.base])
    share = every(1.0 / factor if factor != 0.0 else 0.0)
    for u in range(start, stop):
        c = u * LANES
        there = min(LANES, r.channels - c)
        variance = widened(load(arena, r.running_variance.base + c)) * share
        inverse = first_lanes(narrowed(every(1.0) / square_root(variance + every(r.eps))), there)
        store(arena, r.moments.base + c, narrowed(widened(load(arena, r.running_mean.base + c)) * share))
        store(arena, r.moments.base + width + c, inverse)
        scaled = inverse * load(arena, r.gamma.base + c) if r.scaled else inverse
        store(arena, r.moments.base + 2 * width + c, scaled)


class Affine(NamedTuple):
    """``kind`` and ``slope`` say which activation follows; ``residual`` counts where ``added``.

    Units are images cut into ``parts``.
    """

    x: Operand
    mean: Operand
    factor: Operand
    offset: Operand
    residual: Operand
    y: Operand
    pixels: int
    width: int
    kind: int
    slope: float
    added: int
    parts: int


@row_kernel(Affine, writes=("y",))
def affine(arena, r, start, stop):
    """y = act((x - mean) * factor + offset + residual) of each channel."""
    pixels, width, parts, kind, added = r.pixels, r.width, r.parts, r.kind, r.added
    mean, factor, offset = r.mean.base, r.factor.base, r.offset.base
    slope = splat(np.float32(r.slope))
    block = max(8, STAGE // width)
    for u in range(start, stop):
        n, part = u // parts, u % parts
        x, y = place(r.x, n, start // parts), place(r.y, n, start // parts)
        residual = place(r.residual, n, start // parts)
        end = pixels * (part + 1) // parts
        for first in range(pixels * part // parts, end, block):
            last = min(end, first + block)
            for c in range(0, width, LANES):
                m, a, b = load(arena, mean + c), load(arena, factor + c), load(arena, offset + c)
                for p in range(first * width + c, last * width + c, width):
                    total = fused(load(arena, x + p) - m, a, b)
                    if added:
                        total = total + load(arena, residual + p)
                    store(arena, y + p, activated(kind, slope, total))
