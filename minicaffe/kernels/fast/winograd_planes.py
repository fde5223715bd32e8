"""Winograd's transform of inputs of few channels that lie in planes: neighbouring tiles share a vector.

A pixel takes FEW lanes, one for each channel, and LANES / FEW tiles that follow one another in a row of tiles lie side
by side in a vector, as they do in the transforms: there a tile has rows of FEW elements. The images' rows that a row of
tiles needs are first copied to a place with zeros around them.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .._jit import inline
from .layout import clear
from .linked import linked
from .rows import place
from .shallow import FEW
from .transforms import OUTPUTS, apply, matrices
from .vector import INDEX, LANES, VECTOR, constant, load, load_first, pointer, read, shuffle, store, store_first, write
from .winograd_parts import Winograd

TOGETHER = LANES // FEW
"""Tiles of a vector."""


def strip_line(across: int) -> int:
    """Elements of a row of the copy, for ``across`` tiles, a multiple of TOGETHER."""
    return across * OUTPUTS + LANES


def strip_size(channels: int, taps: int, across: int) -> int:
    """Elements of the copy."""
    return channels * (OUTPUTS + taps - 1) * strip_line(across)


def _turned(builder, rows):
    """FEW x FEW blocks turned over: lane FEW i + j of vector k becomes lane FEW i + k of vector j."""
    rows = list(rows)
    for half in (2, 1):
        for k in range(FEW):
            if not k & half:
                a, b = rows[k], rows[k | half]
                low = [j if not j & half else LANES + j - half for j in range(LANES)]
                high = [j + half if not j & half else LANES + j for j in range(LANES)]
                rows[k], rows[k | half] = shuffle(builder, a, b, low), shuffle(builder, a, b, high)
    return rows


def _gather(matrix):
    """``f(arena, at, line, plane, channels, tile, down, across)``: TOGETHER tiles = matrix X matrix'.

    ``at`` is the corner of the first; rows of a channel are ``line`` and channels ``plane`` elements apart.
    """
    size = len(matrix)

    @intrinsic
    def f(typing, arena, at, line, plane, channels, tile, down, across):
        def generate(context, builder, signature, args):
            arena, at, line, plane, channels, tile, down, across = args
            memory = cgutils.alloca_once(builder, ir.ArrayType(VECTOR, size * size))
            there = [builder.icmp_signed("<", INDEX(c), channels) for c in range(FEW)]
            offset = [builder.select(there[c], builder.mul(plane, INDEX(c)), INDEX(0)) for c in range(FEW)]

            def cell(i, j):
                return builder.gep(memory, [INDEX(0), builder.add(builder.mul(i, INDEX(size)), j)])

            with cgutils.for_range(builder, INDEX(size)) as loop:
                row = builder.add(at, builder.mul(line, loop.index))
                pixels = []
                for first in range(0, size, FEW):
                    values = []
                    for c in range(FEW):
                        value = read(
                            builder, pointer(builder, arena, builder.add(builder.add(row, offset[c]), INDEX(first)))
                        )
                        values.append(builder.select(there[c], value, constant(0)))
                    pixels += _turned(builder, values)
                for j, value in enumerate(apply(builder, matrix, pixels[:size])):
                    builder.store(value, cell(loop.index, INDEX(j)))
            with cgutils.for_range(builder, INDEX(size)) as loop:
                to = builder.add(tile, builder.mul(across, loop.index))
                values = [builder.load(cell(INDEX(i), loop.index)) for i in range(size)]
                for i, value in enumerate(apply(builder, matrix, values)):
                    write(builder, value, pointer(builder, arena, builder.add(to, builder.mul(down, INDEX(i)))))
            return context.get_dummy_value()

        return types.void(arena, *[types.intp] * 7), generate

    return f


_gather_3, _gather_5 = _gather(matrices(3).input), _gather(matrices(5).input)


@inline
def _copy_rows(arena, r, image, top, strip, line):
    """Rows of all channels from row ``top`` on, which may lie outside."""
    height, width, rows = r.height, r.width, r.taps + OUTPUTS - 1
    clear(arena, strip, strip + r.channels * rows * line)
    for c in range(r.channels):
        for i in range(max(0, -top), min(rows, height - top)):
            source, to = image + (c * height + top + i) * width, strip + (c * rows + i) * line + r.pad_w
            for j in range(0, width - LANES + 1, LANES):
                store(arena, to + j, load(arena, source + j))
            done = width // LANES * LANES
            store_first(arena, to + done, width - done, load_first(arena, source + done, width - done))


@linked(Winograd, 7)
def gather_planes(arena, r, start, first, last, g, tiled, plane, zeros):
    """Transformed tiles of x, which lies in planes; ``across`` is a multiple of TOGETHER, and so are tiles' numbers."""
    across, rows = r.across, r.taps + OUTPUTS - 1
    line, strip = across * OUTPUTS + LANES, r.work.base + r.strip
    for number in range(first, last, TOGETHER):
        column = number % across
        if number == first or column == 0:
            n, top = number // r.tiles, number % r.tiles // across * OUTPUTS - r.pad_h
            _copy_rows(arena, r, place(r.x, n, start), top, strip, line)
        at = strip + column * OUTPUTS
        if r.taps == 3:
            _gather_3(arena, at, line, rows * line, r.channels, tiled, rows * plane, plane)
        else:
            _gather_5(arena, at, line, rows * line, r.channels, tiled, rows * plane, plane)
        tiled += TOGETHER * r.row_in
