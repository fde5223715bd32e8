"""PReLU of lanes: y = x where x > 0, else slope x, with a slope for each channel, or one where ``shared``."""

from typing import NamedTuple

import numpy as np

from .._jit import inline
from .doubles import every, narrowed, widened
from .rows import Operand, place, row_kernel
from .vector import LANES, first_lanes, fused, load, smaller, splat, store, where_positive


@inline
def _slope(arena, at, shared, c):
    return splat(arena[at]) if shared else load(arena, at + c)


class PRelu(NamedTuple):
    """Images of ``pixels`` of ``width`` lanes, each cut into ``parts``."""

    x: Operand
    slope: Operand
    y: Operand
    pixels: int
    width: int
    shared: int
    parts: int


@row_kernel(PRelu, writes=("y",))
def prelu(arena, r, start, stop):
    """y = x where x > 0, else slope x."""
    pixels, width, parts, shared = r.pixels, r.width, r.parts, r.shared
    for u in range(start, stop):
        n, part = u // parts, u % parts
        x, y = place(r.x, n, start // parts), place(r.y, n, start // parts)
        first, last = pixels * part // parts * width, pixels * (part + 1) // parts * width
        for c in range(0, width, LANES):
            slope = _slope(arena, r.slope.base, shared, c)
            for p in range(first + c, last + c, width):
                value = load(arena, x + p)
                store(arena, y + p, where_positive(value, value, slope * value))


class PReluGradient(NamedTuple):
    """``sums``: each image's sums of dy min(x, 0), a number for each lane. What is not wanted is not written."""

    dy: Operand
    x: Operand
    slope: Operand
    dx: Operand
    sums: Operand
    pixels: int
    width: int
    shared: int
    wants_x: int
    wants_slope: int


@row_kernel(PReluGradient, writes=("dx", "sums"))
def prelu_gradient(arena, r, start, stop):
    """dx = dy where x > 0, else slope dy; and the sums. Units are images."""
    pixels, width, shared, wants_x, wants_slope = r.pixels, r.width, r.shared, r.wants_x, r.wants_slope
    zero = splat(np.float32(0))
    for n in range(start, stop):
        dy, x = place(r.dy, n, start), place(r.x, n, start)
        dx, sums = place(r.dx, n, start), place(r.sums, n, start)
        for c in range(0, width, LANES):
            slope, total = _slope(arena, r.slope.base, shared, c), zero
            for p in range(c, pixels * width + c, width):
                g, value = load(arena, dy + p), load(arena, x + p)
                if wants_slope:
                    total = fused(g, smaller(zero, value), total)
                if wants_x:
                    store(arena, dx + p, where_positive(value, g, slope * g))
            if wants_slope:
                store(arena, sums + c, total)


class SlopeSums(NamedTuple):
    """Units are blocks of LANES channels, or where ``shared`` there is one."""

    sums: Operand
    dslope: Operand
    images: int
    channels: int
    shared: int


@row_kernel(SlopeSums, writes=("dslope",))
def slope_sums(arena, r, start, stop):
    """dslope += the sum over all images, and where ``shared`` over all channels. In float64."""
    images, step = r.images, r.sums.step
    for u in range(start, stop):
        old = r.dslope.base + u * LANES
        if r.shared:
            total = 0.0
            for n in range(images):
                for c in range(r.channels):
                    total += arena[r.sums.base + n * step + c]
            arena[old] = np.float32(arena[old] + total)
        else:
            sums, there = every(0.0), min(LANES, r.channels - u * LANES)
            for n in range(images):
                sums = sums + widened(load(arena, r.sums.base + n * step + u * LANES))
            store(arena, old, load(arena, old) + first_lanes(narrowed(sums), there))
