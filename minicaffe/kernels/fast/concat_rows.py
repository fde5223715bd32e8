"""Values side by side along the channels, and apart again; channels last."""

from typing import NamedTuple

import numpy as np

from .._jit import inline
from .rows import Operand, place, row_kernel
from .vector import LANES, load, splat, store

MOST = 4
"""Values that one step takes."""


class Slices(NamedTuple):
    """Up to MOST values a, b, c, d of so many channels each (0: none), which lie in y from channel ``first`` on.

    Each value's pixels have whole vectors of lanes, those of y ``lanes``.
    """

    a: Operand
    b: Operand
    c: Operand
    d: Operand
    y: Operand
    channels_a: int
    channels_b: int
    channels_c: int
    channels_d: int
    first: int
    lanes: int
    pixels: int
    parts: int


@inline
def _whole(channels):
    return -(-channels // LANES) * LANES


@inline
def _put(arena, x, channels, y, first, lanes, begin, end):
    """Pixels [begin, end) of x into y; lanes of x without a channel are written too where y has room for them."""
    own = _whole(channels)
    vectors = own if first + own <= lanes else channels // LANES * LANES
    for p in range(begin, end):
        source, to = x + p * own, y + p * lanes + first
        for i in range(0, vectors, LANES):
            store(arena, to + i, load(arena, source + i))
        for i in range(vectors, channels):
            arena[to + i] = arena[source + i]


@inline
def _take(arena, x, channels, y, first, lanes, begin, end):
    """Pixels [begin, end) of x from y; lanes of x without a channel become what y has there, or zeros."""
    own = _whole(channels)
    vectors = own if first + own <= lanes else channels // LANES * LANES
    for p in range(begin, end):
        to, source = x + p * own, y + p * lanes + first
        if vectors < own:
            store(arena, to + vectors, splat(np.float32(0)))
        for i in range(0, vectors, LANES):
            store(arena, to + i, load(arena, source + i))
        for i in range(vectors, channels):
            arena[to + i] = arena[source + i]


@row_kernel(Slices, writes=("y",))
def concat(arena, r, start, stop):
    """y = a, b, c, d side by side, after the steps of lower channels; a part is some of the pixels."""
    lanes, parts, pixels = r.lanes, r.parts, r.pixels
    second = r.first + r.channels_a
    third = second + r.channels_b
    fourth = third + r.channels_c
    padded = (r.first == 0) & (fourth + r.channels_d != lanes)
    for unit in range(start, stop):
        n, part, base = unit // parts, unit % parts, start // parts
        begin, end, y = pixels * part // parts, pixels * (part + 1) // parts, place(r.y, n, base)
        if padded:
            for p in range(begin, end):
                store(arena, y + (p + 1) * lanes - LANES, splat(np.float32(0)))
        _put(arena, place(r.a, n, base), r.channels_a, y, r.first, lanes, begin, end)
        _put(arena, place(r.b, n, base), r.channels_b, y, second, lanes, begin, end)
        _put(arena, place(r.c, n, base), r.channels_c, y, third, lanes, begin, end)
        _put(arena, place(r.d, n, base), r.channels_d, y, fourth, lanes, begin, end)


@row_kernel(Slices, writes=("a", "b", "c", "d"))
def concat_backward(arena, r, start, stop):
    """a, b, c, d = their slices of y; by whole images."""
    lanes, pixels = r.lanes, r.pixels
    second = r.first + r.channels_a
    third = second + r.channels_b
    fourth = third + r.channels_c
    for n in range(start, stop):
        y = place(r.y, n, start)
        _take(arena, place(r.a, n, start), r.channels_a, y, r.first, lanes, 0, pixels)
        _take(arena, place(r.b, n, start), r.channels_b, y, second, lanes, 0, pixels)
        _take(arena, place(r.c, n, start), r.channels_c, y, third, lanes, 0, pixels)
        _take(arena, place(r.d, n, start), r.channels_d, y, fourth, lanes, 0, pixels)
