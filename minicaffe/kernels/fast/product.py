"""The register-blocked matrix product: C = A B or C += A B, on blocks of rows that lie anywhere in flat arrays.

A block of C stays in registers while one element of each row of A meets a row of B; ROWS rows and two vectors
of columns at a time, what is left by narrower variants, so that nothing beside C is written.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .._jit import inline, kernel
from .vector import INDEX, LANES, ROWS, VECTOR, ask, constant, elements, multiply_add, pointer, read, splat_value, write

_WIDE = 2 * LANES


def _block(rows: int, vectors: int, steps: int = 1, adjacent: bool = False, asks: bool = False):
    """The product for ``rows`` rows and ``vectors`` vectors of columns; arguments as ``multiply`` without its sizes.

    With ``steps`` 2, the even and the odd part of the depth have sums of their own. ``adjacent``: for an a_row of 1.
    ``asks``: two more arguments, (at, step); beside element k of the depth the caches are asked for b[at + k step].
    """

    def generate(context, builder, signature, args):
        a, a_at, a_row, a_step, b, b_at, b_row, c, c_at, c_row, depth, accumulate, *asked = args
        kinds = signature.args
        a = builder.gep(elements(context, builder, kinds[0], a), [a_at])
        matrix = elements(context, builder, kinds[4], b)
        b = builder.gep(matrix, [b_at])
        c = builder.gep(elements(context, builder, kinds[7], c), [c_at])
        cells = [(m, v) for m in range(rows) for v in range(vectors)]
        sums = {(*cell, s): cgutils.alloca_once(builder, VECTOR) for cell in cells for s in range(steps)}
        places = {
            (m, v): pointer(builder, c, builder.add(builder.mul(c_row, INDEX(m)), INDEX(v * LANES))) for m, v in cells
        }
        with builder.if_else(accumulate) as (then, otherwise):
            with then:
                for cell in cells:
                    builder.store(read(builder, places[cell]), sums[(*cell, 0)])
            with otherwise:
                for cell in cells:
                    builder.store(constant(0), sums[(*cell, 0)])
        for cell in cells:
            for s in range(1, steps):
                builder.store(constant(0), sums[(*cell, s)])
        first = [builder.gep(a, [INDEX(m) if adjacent else builder.mul(a_row, INDEX(m))]) for m in range(rows)]

        def add(k, s):
            at, line = builder.mul(k, a_step), builder.mul(k, b_row)
            if asks:
                ask(builder, builder.gep(matrix, [builder.add(asked[0], builder.mul(k, asked[1]))]), 3)
            columns = [read(builder, pointer(builder, b, builder.add(line, INDEX(v * LANES)))) for v in range(vectors)]
            for m in range(rows):
                x = splat_value(builder, builder.load(builder.gep(first[m], [at])))
                for v in range(vectors):
                    total = multiply_add(builder, x, columns[v], builder.load(sums[m, v, s]))
                    builder.store(total, sums[m, v, s])

        with cgutils.for_range(builder, builder.udiv(depth, INDEX(steps))) as loop:
            k = builder.mul(loop.index, INDEX(steps))
            for s in range(steps):
                add(builder.add(k, INDEX(s)), s)
        if steps > 1:
            with builder.if_then(builder.trunc(depth, ir.IntType(1))):
                add(builder.sub(depth, INDEX(1)), 0)
        for cell in cells:
            total = builder.load(sums[(*cell, 0)])
            for s in range(1, steps):
                total = builder.fadd(total, builder.load(sums[(*cell, s)]))
            write(builder, total, places[cell])
        return context.get_dummy_value()

    n = types.intp

    def of(a, b, c, *asked):
        return types.void(a, n, n, n, b, n, n, c, n, n, n, types.boolean, *asked), generate

    if asks:

        @intrinsic
        def block(typing, a, a_at, a_row, a_step, b, b_at, b_row, c, c_at, c_row, depth, accumulate, soon, step):
            return of(a, b, c, n, n)

    else:

        @intrinsic
        def block(typing, a, a_at, a_row, a_step, b, b_at, b_row, c, c_at, c_row, depth, accumulate):
            return of(a, b, c)

    return block


_full_wide, _full, _full_deep = _block(ROWS, 2), _block(ROWS, 1), _block(ROWS, 1, steps=2)
_four_wide, _four, _four_deep = _block(4, 2), _block(4, 1), _block(4, 1, steps=2)
_three_wide, _three = _block(3, 2), _block(3, 1)
_two_wide, _two, _two_deep = _block(2, 2), _block(2, 1), _block(2, 1, steps=2)
_one_wide, _one, _one_deep = _block(1, 2), _block(1, 1), _block(1, 1, steps=2)
_tall = _block(2 * ROWS, 1, adjacent=True)
_full_asking = _block(ROWS, 2, asks=True)


@inline
def _multiply_wide(a, a_at, a_row, a_step, b, b_at, b_row, c, c_at, c_row, rows, columns, depth, accumulate):
    """``multiply`` for columns that are a multiple of two vectors."""
    i = 0
    while i < rows:
        left = rows - i
        x, y = a_at + i * a_row, c_at + i * c_row
        if left >= ROWS:
            for j in range(0, columns, _WIDE):
                _full_wide(a, x, a_row, a_step, b, b_at + j, b_row, c, y + j, c_row, depth, accumulate)
            i += ROWS
        elif left >= 4:
            for j in range(0, columns, _WIDE):
                _four_wide(a, x, a_row, a_step, b, b_at + j, b_row, c, y + j, c_row, depth, accumulate)
            i += 4
        elif left == 3:
            for j in range(0, columns, _WIDE):
                _three_wide(a, x, a_row, a_step, b, b_at + j, b_row, c, y + j, c_row, depth, accumulate)
            i += 3
        elif left >= 2:
            for j in range(0, columns, _WIDE):
                _two_wide(a, x, a_row, a_step, b, b_at + j, b_row, c, y + j, c_row, depth, accumulate)
            i += 2
        else:
            for j in range(0, columns, _WIDE):
                _one_wide(a, x, a_row, a_step, b, b_at + j, b_row, c, y + j, c_row, depth, accumulate)
            i += 1


@inline
def _multiply_narrow(a, a_at, a_row, a_step, b, b_at, b_row, c, c_at, c_row, rows, depth, accumulate):
    """``multiply`` for one vector of columns."""
    i = 0
    while i < rows:
        left = rows - i
        x, y = a_at + i * a_row, c_at + i * c_row
        if left >= 2 * ROWS and a_row == 1:
            _tall(a, x, a_row, a_step, b, b_at, b_row, c, y, c_row, depth, accumulate)
            i += 2 * ROWS
        elif left >= ROWS:
            _full(a, x, a_row, a_step, b, b_at, b_row, c, y, c_row, depth, accumulate)
            i += ROWS
        elif left >= 4:
            _four(a, x, a_row, a_step, b, b_at, b_row, c, y, c_row, depth, accumulate)
            i += 4
        elif left == 3:
            _three(a, x, a_row, a_step, b, b_at, b_row, c, y, c_row, depth, accumulate)
            i += 3
        elif left >= 2:
            _two(a, x, a_row, a_step, b, b_at, b_row, c, y, c_row, depth, accumulate)
            i += 2
        else:
            _one(a, x, a_row, a_step, b, b_at, b_row, c, y, c_row, depth, accumulate)
            i += 1


@inline
def _multiply_deep(a, a_at, a_row, b, b_at, b_row, c, c_at, c_row, rows, depth):
    """``multiply`` for one vector of columns and an a_step of 1: twice as many sums, to keep the processor busy."""
    i = 0
    while i < rows:
        left = rows - i
        x, y = a_at + i * a_row, c_at + i * c_row
        if left >= ROWS:
            _full_deep(a, x, a_row, 1, b, b_at, b_row, c, y, c_row, depth, False)
            i += ROWS
        elif left >= 4:
            _four_deep(a, x, a_row, 1, b, b_at, b_row, c, y, c_row, depth, False)
            i += 4
        elif left >= 2:
            _two_deep(a, x, a_row, 1, b, b_at, b_row, c, y, c_row, depth, False)
            i += 2
        else:
            _one_deep(a, x, a_row, 1, b, b_at, b_row, c, y, c_row, depth, False)
            i += 1


@kernel
def multiply(a, a_at, a_row, a_step, b, b_at, b_row, c, c_at, c_row, rows, columns, depth, accumulate):
    """c[c_at + i c_row + j] (+)= sum over k of a[a_at + i a_row + k a_step] * b[b_at + k b_row + j].

    i < rows, j < columns (a multiple of LANES), k < depth; with ``accumulate`` False c is overwritten. Arrays are
    flat float32; c overlaps neither a nor b. Each element's sum is in one order, whatever the number of rows; where
    a_row is 1, also wherever the depth is cut into calls that add.
    """
    wide = columns - columns % _WIDE
    if wide:
        _multiply_wide(a, a_at, a_row, a_step, b, b_at, b_row, c, c_at, c_row, rows, wide, depth, accumulate)
    if wide < columns:
        b_at, c_at = b_at + wide, c_at + wide
        if a_step == 1 and a_row != 1 and not accumulate:
            _multiply_deep(a, a_at, a_row, b, b_at, b_row, c, c_at, c_row, rows, depth)
        else:
            _multiply_narrow(a, a_at, a_row, a_step, b, b_at, b_row, c, c_at, c_row, rows, depth, accumulate)


@kernel
def multiply_asking(a, a_at, a_row, a_step, b, b_at, b_row, c, c_at, c_row, rows, depth, accumulate, soon, share, step):
    """``multiply`` for two vectors of columns; meanwhile the caches are asked for what will be needed soon.

    Beside element k of block number i, of ROWS rows, that is b[soon + i share + k step].
    """
    whole = rows - rows % ROWS
    for i in range(0, whole, ROWS):
        x, y = a_at + i * a_row, c_at + i * c_row
        _full_asking(a, x, a_row, a_step, b, b_at, b_row, c, y, c_row, depth, accumulate, soon, step)
        soon += share
    if whole < rows:
        x, y, rest = a_at + whole * a_row, c_at + whole * c_row, rows - whole
        multiply(a, x, a_row, a_step, b, b_at, b_row, c, y, c_row, rest, _WIDE, depth, accumulate)
