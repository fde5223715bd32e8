"""Winograd's transforms between tiles and images that lie channels last in an arena.

Intrinsics that work on one vector of channels of one tile. The image's pixel (h, w) lies at ``at + (h width + w)
step``; the tile's corner (``top``, ``left``) may lie outside, as may any of its pixels: those are zero where the image
is read, and left out where it is written. Element (i, j) of the transformed tile lies at ``tile + i down + j across``.
All places are offsets in ``arena``.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .transforms import apply, matrices
from .vector import INDEX, VECTOR, constant, pointer, read, splat_value, write

_N = types.intp


def _inside(builder, index, size):
    """0 <= index < size."""
    return builder.icmp_unsigned("<", index, size)


def _between(builder, rows: int, columns: int):
    """Memory for rows x columns vectors between two passes: a function of row and column that gives the address."""
    memory = cgutils.alloca_once(builder, ir.ArrayType(VECTOR, rows * columns))
    return lambda i, j: builder.gep(memory, [INDEX(0), builder.add(builder.mul(i, INDEX(columns)), j)])


def _pixel(builder, place, row, column):
    at, _, _, _, width, step = place
    return builder.add(at, builder.mul(builder.add(builder.mul(row, width), column), step))


def gather(matrix):
    """``f(arena, at, top, left, height, width, step, zeros, tile, down, across)``: tile = matrix X matrix'.

    X holds the image's pixels from the corner on; ``zeros`` is where as many zeros lie as a row of X has elements.
    """
    rows, columns = matrix.shape

    @intrinsic
    def f(typing, arena, at, top, left, height, width, step, zeros, tile, down, across):
        def generate(context, builder, signature, args):
            arena, *place, zeros, tile, down, across = args
            _, top, left, height, width, step = place
            cell = _between(builder, rows, columns)
            lines = []
            for i in range(columns):
                row = builder.add(top, INDEX(i))
                line = builder.select(_inside(builder, row, height), _pixel(builder, place, row, left), zeros)
                lines.append(builder.gep(arena, [line]))
            with cgutils.for_range(builder, INDEX(columns)) as loop:
                with builder.if_else(_inside(builder, builder.add(left, loop.index), width)) as (then, otherwise):
                    with then:
                        offset = builder.mul(loop.index, step)
                        values = [read(builder, pointer(builder, line, offset)) for line in lines]
                        for i, value in enumerate(apply(builder, matrix, values)):
                            builder.store(value, cell(INDEX(i), loop.index))
                    with otherwise:
                        for i in range(rows):
                            builder.store(constant(0), cell(INDEX(i), loop.index))
            with cgutils.for_range(builder, INDEX(rows)) as loop:
                line = builder.gep(arena, [builder.add(tile, builder.mul(loop.index, down))])
                values = [builder.load(cell(loop.index, INDEX(j))) for j in range(columns)]
                for j, value in enumerate(apply(builder, matrix, values)):
                    write(builder, value, pointer(builder, line, builder.mul(across, INDEX(j))))
            return context.get_dummy_value()

        return types.void(arena, *[_N] * 10), generate

    return f


def _scatter(builder, matrix, arena, tile, down, across, place, put):
    """``put(value, row, column)`` for the pixels inside the image of matrix T matrix', T the transformed tile.

    ``put`` is given pixels of the image, as LLVM values.
    """
    rows, columns = matrix.shape
    _, top, left, height, width, _ = place
    cell = _between(builder, rows, columns)
    with cgutils.for_range(builder, INDEX(columns)) as loop:
        line = builder.gep(arena, [builder.add(tile, builder.mul(loop.index, across))])
        values = [read(builder, pointer(builder, line, builder.mul(down, INDEX(i)))) for i in range(columns)]
        for i, value in enumerate(apply(builder, matrix, values)):
            builder.store(value, cell(INDEX(i), loop.index))
    with cgutils.for_range(builder, INDEX(rows)) as loop:
        row = builder.add(top, loop.index)
        with builder.if_then(_inside(builder, row, height)):
            values = [builder.load(cell(loop.index, INDEX(j))) for j in range(columns)]
            for j, value in enumerate(apply(builder, matrix, values)):
                column = builder.add(left, INDEX(j))
                with builder.if_then(_inside(builder, column, width)):
                    put(value, row, column)


def scatter_add(matrix):
    """``f(arena, tile, down, across, at, top, left, height, width, step)``: image += matrix T matrix'."""

    @intrinsic
    def f(typing, arena, tile, down, across, at, top, left, height, width, step):
        def generate(context, builder, signature, args):
            arena, tile, down, across, *place = args

            def put(value, row, column):
                target = pointer(builder, arena, _pixel(builder, place, row, column))
                write(builder, builder.fadd(read(builder, target), value), target)

            _scatter(builder, matrix, arena, tile, down, across, place, put)
            return context.get_dummy_value()

        return types.void(arena, *[_N] * 9), generate

    return f


def scatter(matrix):
    """``f(arena, tile, down, across, at, top, left, height, width, step, shift, residual, residual_step, floor)``.

    image = max(matrix T matrix' + shift + residual, floor): ``shift`` is the place of a vector, ``residual`` of an
    image of the same size with its own step, ``floor`` a float32. What is not a number stays so.
    """

    @intrinsic
    def f(typing, arena, tile, down, across, at, top, left, height, width, step, shift, residual, residual_step, floor):
        def generate(context, builder, signature, args):
            arena, tile, down, across, *place, shift, residual, residual_step, floor = args
            beside = [residual, *place[1:-1], residual_step]
            offset = read(builder, pointer(builder, arena, shift))
            least = splat_value(builder, floor)

            def put(value, row, column):
                other = read(builder, pointer(builder, arena, _pixel(builder, beside, row, column)))
                value = builder.fadd(builder.fadd(value, offset), other)
                value = builder.select(builder.fcmp_ordered("<", value, least), least, value)
                write(builder, value, pointer(builder, arena, _pixel(builder, place, row, column)))

            _scatter(builder, matrix, arena, tile, down, across, place, put)
            return context.get_dummy_value()

        return types.void(arena, *[_N] * 12, types.float32), generate

    return f


_three, _five = matrices(3), matrices(5)

gather_inputs_3, gather_inputs_5 = gather(_three.input), gather(_five.input)
gather_gradients_3, gather_gradients_5 = gather(_three.output.T), gather(_five.output.T)
scatter_outputs_3, scatter_outputs_5 = scatter(_three.output), scatter(_five.output)
scatter_gradients_3, scatter_gradients_5 = scatter_add(_three.input.T), scatter_add(_five.input.T)
