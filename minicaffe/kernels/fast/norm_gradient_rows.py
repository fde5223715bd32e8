"""Batch normalisation and per-channel affine functions of lanes, backward: y = act((x - mean) * factor + offset).

g, the gradient before the activation, is worked out wherever it is needed: from y, or for ReLU from x.
"""

from typing import NamedTuple

import numpy as np

from .activation_vectors import NONE, RELU, through
from .doubles import every, narrowed, widened
from .norm_rows import STAGE
from .rows import Operand, place, row_kernel
from .vector import LANES, first_lanes, fused, load, splat, store


class AffineSums(NamedTuple):
    """``sums``: each image's sums of g, then those of g (x - mean).

    ``y`` is read for Sigmoid and TanH, and for ReLU where something was ``added`` before it; then g goes to ``masked``.
    """

    x: Operand
    y: Operand
    dy: Operand
    mean: Operand
    factor: Operand
    offset: Operand
    sums: Operand
    masked: Operand
    pixels: int
    width: int
    kind: int
    slope: float
    added: int


@row_kernel(AffineSums, writes=("sums", "masked"))
def affine_sums_of_images(arena, r, start, stop):
    """Sums over an image, of each channel."""
    pixels, width, kind, added = r.pixels, r.width, r.kind, r.added
    mean, factor, offset = r.mean.base, r.factor.base, r.offset.base
    slope, zero = splat(np.float32(r.slope)), splat(np.float32(0))
    block = max(8, STAGE // width)
    for n in range(start, stop):
        x, dy, y = place(r.x, n, start), place(r.dy, n, start), place(r.y, n, start)
        sums, masked = place(r.sums, n, start), place(r.masked, n, start)
        for first in range(0, pixels, block):
            last = min(pixels, first + block)
            for c in range(0, width, LANES):
                m, a, b = load(arena, mean + c), load(arena, factor + c), load(arena, offset + c)
                total, product = zero, zero
                for p in range(first * width + c, last * width + c, width):
                    g, centred = load(arena, dy + p), load(arena, x + p) - m
                    if added:
                        g = through(RELU, slope, g, load(arena, y + p))
                        store(arena, masked + p, g)
                    elif kind == RELU:
                        g = through(RELU, slope, g, fused(centred, a, b))
                    elif kind != NONE:
                        g = through(kind, slope, g, load(arena, y + p))
                    total, product = total + g, fused(g, centred, product)
                if first > 0:
                    total = total + load(arena, sums + c)
                    product = product + load(arena, sums + width + c)
                store(arena, sums + c, total)
                store(arena, sums + width + c, product)


class CombineSums(NamedTuple):
    """Units are blocks of LANES channels; ``inverse`` is 1 / std.

    ``means``: mean(g), then mean(g (x - mean)) / variance, for ``affine_gradient``.
    """

    sums: Operand
    inverse: Operand
    means: Operand
    dgamma: Operand
    dbeta: Operand
    images: int
    pixels: int
    channels: int
    width: int
    wants_gamma: int
    wants_beta: int


@row_kernel(CombineSums, writes=("means", "dgamma", "dbeta"))
def combine_sums(arena, r, start, stop):
    """dgamma += sum(g (x - mean)) / std, dbeta += sum(g) where wanted; and the means. In float64."""
    images, width, step = r.images, r.width, r.sums.step
    share = every(1.0 / float(images * r.pixels))
    for u in range(start, stop):
        c = u * LANES
        there = min(LANES, r.channels - c)
        at = r.sums.base + c
        total, product = every(0.0), every(0.0)
        for n in range(images):
            total = total + widened(load(arena, at + n * step))
            product = product + widened(load(arena, at + n * step + width))
        inverse = widened(load(arena, r.inverse.base + c))
        means = r.means.base + c
        store(arena, means, first_lanes(narrowed(total * share), there))
        store(arena, means + width, first_lanes(narrowed(product * share * inverse * inverse), there))
        if r.wants_gamma:
            old = r.dgamma.base + c
            store(arena, old, load(arena, old) + first_lanes(narrowed(product * inverse), there))
        if r.wants_beta:
            old = r.dbeta.base + c
            store(arena, old, load(arena, old) + first_lanes(narrowed(total), there))


class AffineGradient(NamedTuple):
    """``means`` is read where ``centred``, from batch statistics; x there, and for ReLU."""

    x: Operand
    y: Operand
    dy: Operand
    mean: Operand
    factor: Operand
    offset: Operand
    means: Operand
    dx: Operand
    pixels: int
    width: int
    kind: int
    slope: float
    centred: int
    parts: int


@row_kernel(AffineGradient, writes=("dx",))
def affine_gradient(arena, r, start, stop):
    """dx = g * factor, g less both means where ``centred``: the gradient through mean and variance of the batch.

    The factor comes last, so that what cancels leaves nothing to multiply: a batch of one number has dx = 0.
    """
    pixels, width, parts, kind, centred = r.pixels, r.width, r.parts, r.kind, r.centred
    mean, factor, offset, means = r.mean.base, r.factor.base, r.offset.base, r.means.base
    slope = splat(np.float32(r.slope))
    block = max(8, STAGE // width)
    for u in range(start, stop):
        n, part = u // parts, u % parts
        x, y = place(r.x, n, start // parts), place(r.y, n, start // parts)
        dy, dx = place(r.dy, n, start // parts), place(r.dx, n, start // parts)
        end = pixels * (part + 1) // parts
        for first in range(pixels * part // parts, end, block):
            last = min(end, first + block)
            for c in range(0, width, LANES):
                m, a, b = load(arena, mean + c), load(arena, factor + c), load(arena, offset + c)
                low, high = first * width + c, last * width + c
                if centred:
                    mean_g, mean_product = load(arena, means + c), load(arena, means + width + c)
                    for p in range(low, high, width):
                        g, difference = load(arena, dy + p), load(arena, x + p) - m
                        if kind == RELU:
                            g = through(RELU, slope, g, fused(difference, a, b))
                        elif kind != NONE:
                            g = through(kind, slope, g, load(arena, y + p))
                        store(arena, dx + p, ((g - mean_g) - difference * mean_product) * a)
                else:
                    for p in range(low, high, width):
                        g = load(arena, dy + p)
                        if kind == RELU:
                            g = through(RELU, slope, g, fused(load(arena, x + p) - m, a, b))
                        elif kind != NONE:
                            g = through(kind, slope, g, load(arena, y + p))
                        store(arena, dx + p, g * a)
