"""Between planes, Caffe's order, and lanes, channels last: blocks of pixels and channels turned over in registers."""

from typing import NamedTuple

import numpy as np

from .rows import Operand, place, row_kernel
from .vector import LANES, load, splat, store, transpose_block


class Layout(NamedTuple):
    """Images of ``channels`` planes of ``pixels``, and the same with ``width`` lanes to a pixel.

    Unit n parts + p is part p of image n: so many blocks of LANES pixels, of which the last may reach back into the
    one before it. An image of fewer pixels has one part.
    """

    planes: Operand
    lanes: Operand
    channels: int
    pixels: int
    width: int
    parts: int


@row_kernel(Layout, writes=("lanes",))
def to_lanes(arena, r, start, stop):
    """lanes[p, c] = planes[c, p], and 0 in lanes without a channel."""
    channels, pixels, width, parts = r.channels, r.pixels, r.width, r.parts
    blocks = (pixels + LANES - 1) // LANES
    for u in range(start, stop):
        n, part = u // parts, u % parts
        x, y = place(r.planes, n, start // parts), place(r.lanes, n, start // parts)
        if pixels >= LANES:
            for c in range(0, width, LANES):
                there = min(LANES, channels - c)
                for block in range(blocks * part // parts, blocks * (part + 1) // parts):
                    p = min(block * LANES, pixels - LANES)
                    transpose_block(arena, x + c * pixels + p, pixels, there, arena, y + p * width + c, width, LANES)
            continue
        for i in range(0, pixels * width, LANES):
            store(arena, y + i, splat(np.float32(0)))
        if pixels == 1:
            whole = channels - channels % LANES
            for c in range(0, whole, LANES):
                store(arena, y + c, load(arena, x + c))
            for c in range(whole, channels):
                arena[y + c] = arena[x + c]
        else:
            for p in range(pixels):
                for c in range(channels):
                    arena[y + p * width + c] = arena[x + c * pixels + p]


@row_kernel(Layout, writes=("planes",))
def to_planes(arena, r, start, stop):
    """planes[c, p] = lanes[p, c]."""
    channels, pixels, width, parts = r.channels, r.pixels, r.width, r.parts
    blocks = (pixels + LANES - 1) // LANES
    for u in range(start, stop):
        n, part = u // parts, u % parts
        x, y = place(r.lanes, n, start // parts), place(r.planes, n, start // parts)
        if pixels >= LANES:
            for c in range(0, channels, LANES):
                wanted = min(LANES, channels - c)
                for block in range(blocks * part // parts, blocks * (part + 1) // parts):
                    p = min(block * LANES, pixels - LANES)
                    transpose_block(arena, x + p * width + c, width, LANES, arena, y + c * pixels + p, pixels, wanted)
        elif pixels == 1:
            whole = channels - channels % LANES
            for c in range(0, whole, LANES):
                store(arena, y + c, load(arena, x + c))
            for c in range(whole, channels):
                arena[y + c] = arena[x + c]
        else:
            for c in range(channels):
                for p in range(pixels):
                    arena[y + c * pixels + p] = arena[x + p * width + c]
