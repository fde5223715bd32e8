"""Matrix products of few steps: what the rows meet stays in registers, and there is no loop over the depth.

The general product (``product``) begins and ends a loop for each block of rows, which takes as long as the sums if
these are short.
"""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .._jit import inline
from .vector import INDEX, LANES, ROWS, constant, elements, multiply_add, pointer, read, splat_value, write


def _rows(depth: int, vectors: int, a_row: int):
    """``f(arena, a, b, b_row, c, c_row, rows)``: c[i] = sum over k < depth of a[i, k] b[k], all at once."""

    @intrinsic
    def f(typing, arena, a, b, b_row, c, c_row, rows):
        def generate(context, builder, signature, args):
            arena, a, b, b_row, c, c_row, rows = args
            base = elements(context, builder, signature.args[0], arena)
            line = [builder.add(b, builder.mul(b_row, INDEX(k))) for k in range(depth)]
            weights = [
                [read(builder, pointer(builder, base, builder.add(line[k], INDEX(v * LANES)))) for v in range(vectors)]
                for k in range(depth)
            ]

            def block(first, count):
                source = builder.gep(base, [builder.add(a, builder.mul(first, INDEX(a_row)))])
                sums = [[constant(0)] * vectors for _ in range(count)]
                for k in range(depth):
                    for m in range(count):
                        number = builder.load(builder.gep(source, [INDEX(m * a_row + k)]))
                        x = splat_value(builder, number)
                        sums[m] = [multiply_add(builder, x, w, total) for w, total in zip(weights[k], sums[m])]
                for m in range(count):
                    to = builder.add(c, builder.mul(builder.add(first, INDEX(m)), c_row))
                    for v in range(vectors):
                        write(builder, sums[m][v], pointer(builder, base, builder.add(to, INDEX(v * LANES))))

            blocks = builder.sdiv(rows, INDEX(ROWS))
            with cgutils.for_range(builder, blocks) as loop:
                block(builder.mul(loop.index, INDEX(ROWS)), ROWS)
            with cgutils.for_range(builder, rows, builder.mul(blocks, INDEX(ROWS))) as loop:
                block(loop.index, 1)
            return context.get_dummy_value()

        n = types.intp
        return types.void(arena, n, n, n, n, n, n), generate

    return f


_sixteen = _rows(16, 1, 16)


@inline
def is_shallow(a_row, depth, columns):
    """Whether ``multiply_shallow`` takes it."""
    return LANES == 16 and a_row == 16 and depth == 16 and columns == LANES  # else registers are too few


@inline
def multiply_shallow(arena, a, b, b_row, c, c_row, rows):
    """c[i, j] = sum over k < 16 of a[i, k] b[k, j], in the order of k; rows of a follow one another."""
    _sixteen(arena, a, b, b_row, c, c_row, rows)
