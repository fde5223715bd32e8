"""Winograd's transform of inputs of few channels that lie in planes: neighbouring tiles share a vector.

A pixel takes FEW lanes, one for each channel, and TOGETHER tiles that follow one another in a row of tiles lie side by
side in a vector.
"""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .few_lanes import FEW, table
from .transforms import apply, matrices
from .vector import INDEX, LANES, between, pointer, read, read_where, transposed, write


def _gather(matrix):
    """``f(arena, x, top, left, height, width, channels, tiles, stage)``: TOGETHER tiles = matrix X matrix'.

    ``tiles`` takes a vector for each point. (top, left) is the corner of the first in an image at ``x``; pixels outside
    are zeros. Of the FEW channels, those that are not there hold what the first does.
    """
    size = len(matrix)

    @intrinsic
    def f(typing, arena, x, top, left, height, width, channels, tiles, stage):
        def generate(context, builder, signature, args):
            arena, x, top, left, height, width, channels, tiles, stage = args
            cell = table(builder, arena, stage, size, size)
            planes = []
            for c in range(FEW):
                number = builder.select(builder.icmp_signed("<", INDEX(c), channels), INDEX(c), INDEX(0))
                planes.append(builder.add(x, builder.mul(builder.mul(height, width), number)))

            with cgutils.for_range(builder, INDEX(size)) as loop:
                row = builder.add(top, loop.index)
                end = builder.select(builder.icmp_unsigned("<", row, height), width, INDEX(0))
                offset = builder.add(builder.mul(row, width), left)
                pixels = []
                for first in range(0, size, FEW):
                    there = between(builder, builder.add(left, INDEX(first)), end)
                    places = [builder.add(builder.add(plane, offset), INDEX(first)) for plane in planes]
                    pixels += transposed(
                        builder, [read_where(builder, pointer(builder, arena, at), there) for at in places]
                    )
                for j, value in enumerate(apply(builder, matrix, pixels[:size])):
                    write(builder, value, cell(loop.index, j))
            with cgutils.for_range(builder, INDEX(size)) as loop:
                to = builder.add(tiles, builder.mul(loop.index, INDEX(LANES)))
                values = [read(builder, cell(i, loop.index)) for i in range(size)]
                for i, value in enumerate(apply(builder, matrix, values)):
                    write(builder, value, pointer(builder, arena, builder.add(to, INDEX(i * size * LANES))))
            return context.get_dummy_value()

        return types.void(arena, *[types.intp] * 8), generate

    return f


gather_3, gather_5 = _gather(matrices(3).input), _gather(matrices(5).input)
