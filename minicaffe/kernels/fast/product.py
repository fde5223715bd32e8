"""The register-blocked matrix product: C = A B or C += A B, on blocks of rows that lie anywhere in flat arrays.

A block of C stays in registers while one element of each row of A meets a row of B; ROWS rows and two vectors
of columns at a time, what is left by narrower variants, so that nothing beside C is written. The sums run over
the depth in order: the result depends on the sizes alone.
"""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .._jit import kernel
from .vector import INDEX, LANES, ROWS, VECTOR, constant, elements, multiply_add, pointer, read, splat_value, write

_WIDE = 2 * LANES


def _block(rows: int, vectors: int):
    """The product for ``rows`` rows and ``vectors`` vectors of columns; arguments as ``multiply`` without its sizes."""

    @intrinsic
    def block(typing, a, a_at, a_row, a_step, b, b_at, b_row, c, c_at, c_row, depth, accumulate):
        def generate(context, builder, signature, args):
            a, a_at, a_row, a_step, b, b_at, b_row, c, c_at, c_row, depth, accumulate = args
            kinds = signature.args
            a = builder.gep(elements(context, builder, kinds[0], a), [a_at])
            b = builder.gep(elements(context, builder, kinds[4], b), [b_at])
            c = builder.gep(elements(context, builder, kinds[7], c), [c_at])
            cells = [(m, v) for m in range(rows) for v in range(vectors)]
            sums = {cell: cgutils.alloca_once(builder, VECTOR) for cell in cells}
            places = {
                (m, v): pointer(builder, c, builder.add(builder.mul(c_row, INDEX(m)), INDEX(v * LANES)))
                for m, v in cells
            }
            with builder.if_else(accumulate) as (then, otherwise):
                with then:
                    for cell in cells:
                        builder.store(read(builder, places[cell]), sums[cell])
                with otherwise:
                    for cell in cells:
                        builder.store(constant(0), sums[cell])
            first = [builder.gep(a, [builder.mul(a_row, INDEX(m))]) for m in range(rows)]
            with cgutils.for_range(builder, depth) as loop:
                at, line = builder.mul(loop.index, a_step), builder.mul(loop.index, b_row)
                columns = [
                    read(builder, pointer(builder, b, builder.add(line, INDEX(v * LANES)))) for v in range(vectors)
                ]
                for m in range(rows):
                    x = splat_value(builder, builder.load(builder.gep(first[m], [at])))
                    for v in range(vectors):
                        total = multiply_add(builder, x, columns[v], builder.load(sums[m, v]))
                        builder.store(total, sums[m, v])
            for cell in cells:
                write(builder, builder.load(sums[cell]), places[cell])
            return context.get_dummy_value()

        n = types.intp
        return types.void(a, n, n, n, b, n, n, c, n, n, n, types.boolean), generate

    return block


_full_wide, _full = _block(ROWS, 2), _block(ROWS, 1)
_four_wide, _four = _block(4, 2), _block(4, 1)
_two_wide, _two = _block(2, 2), _block(2, 1)
_one_wide, _one = _block(1, 2), _block(1, 1)


@kernel
def multiply(a, a_at, a_row, a_step, b, b_at, b_row, c, c_at, c_row, rows, columns, depth, accumulate):
    """c[c_at + i c_row + j] (+)= sum over k of a[a_at + i a_row + k a_step] * b[b_at + k b_row + j].

    i < rows, j < columns (a multiple of LANES), k < depth; with ``accumulate`` False c is overwritten. Arrays are
    flat float32; c overlaps neither a nor b.
    """
    wide = columns - columns % _WIDE
    i = 0
    while i < rows:
        left = rows - i
        x, y = a_at + i * a_row, c_at + i * c_row
        if left >= ROWS:
            for j in range(0, wide, _WIDE):
                _full_wide(a, x, a_row, a_step, b, b_at + j, b_row, c, y + j, c_row, depth, accumulate)
            if wide < columns:
                _full(a, x, a_row, a_step, b, b_at + wide, b_row, c, y + wide, c_row, depth, accumulate)
            i += ROWS
        elif left >= 4:
            for j in range(0, wide, _WIDE):
                _four_wide(a, x, a_row, a_step, b, b_at + j, b_row, c, y + j, c_row, depth, accumulate)
            if wide < columns:
                _four(a, x, a_row, a_step, b, b_at + wide, b_row, c, y + wide, c_row, depth, accumulate)
            i += 4
        elif left >= 2:
            for j in range(0, wide, _WIDE):
                _two_wide(a, x, a_row, a_step, b, b_at + j, b_row, c, y + j, c_row, depth, accumulate)
            if wide < columns:
                _two(a, x, a_row, a_step, b, b_at + wide, b_row, c, y + wide, c_row, depth, accumulate)
            i += 2
        else:
            for j in range(0, wide, _WIDE):
                _one_wide(a, x, a_row, a_step, b, b_at + j, b_row, c, y + j, c_row, depth, accumulate)
            if wide < columns:
                _one(a, x, a_row, a_step, b, b_at + wide, b_row, c, y + wide, c_row, depth, accumulate)
            i += 1
