"""Matrix products whose operands lie anywhere: what convolutions without a transform are made of.

``gather_products`` takes the addresses of ROWS rows of A from a *record*, int64 numbers in the arena: a block of
output pixels, each with one input pixel per tap of the window. ``gather_sums`` is its counterpart for weight
gradients: the sum runs over pixels, which lie in *runs*. Blocks of results stay in registers until they are complete.
"""

from __future__ import annotations

import contextlib

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .._jit import kernel
from .rows import ARENA
from .vector import INDEX, LANES, ROWS, VECTOR, ask, constant, multiply_add, pointer, read, splat_value, write

PANEL = 2 * LANES
"""Columns of a panel of weights."""

HEADER = 1 + 2 * ROWS
"""Numbers of a record before its taps: how many taps, where to write each row, where to read its residual."""

TAP = 1 + ROWS
"""Numbers of a tap: the place of its weights in a panel, then the address of each row's input."""

RUN = 3
"""Numbers of a run of pixels: where A begins, where B begins, how many pixels. One more is read than there are."""

SHIFT, RESIDUAL, RELU = 1, 2, 4
"""What happens to a result before it is written."""

_I64 = ir.IntType(64)


@intrinsic
def set_number(typing, arena, at, i, value):
    """Write ``value`` to the i-th of the int64 numbers that begin at ``arena[at]``."""

    def generate(context, builder, signature, args):
        arena, at, i, value = args
        builder.store(value, builder.gep(_numbers(builder, arena, at), [i]), align=4)
        return context.get_dummy_value()

    return types.void(ARENA, types.intp, types.intp, types.int64), generate


@intrinsic
def get_number(typing, arena, at, i):
    """The i-th of the int64 numbers that begin at ``arena[at]``."""

    def generate(context, builder, signature, args):
        return _number(builder, _numbers(builder, args[0], args[1]), args[2])

    return types.int64(ARENA, types.intp, types.intp), generate


def _numbers(builder, arena, at):
    return builder.bitcast(builder.gep(arena, [at]), ir.PointerType(_I64))


def _number(builder, numbers, i):
    return builder.load(builder.gep(numbers, [i if isinstance(i, ir.Value) else _I64(i)]), align=4)


PIXEL_LIST = 3 * ROWS
"""Numbers of a list of pixels: the address of each, then its row, then its column; NOWHERE lies in no image."""

NOWHERE = -(2**40)


@intrinsic
def set_tap(typing, arena, record, tap, weights, pixels, row, column, height, width, lanes, zeros):
    """Write a tap of a record: input pixels ``row`` down and ``column`` right of those in a list, or ``zeros`` outside.

    ``height``, ``width`` and ``lanes`` are those of the input, ``pixels`` is the list's place.
    """
    kind = ir.VectorType(_I64, ROWS)

    def generate(context, builder, signature, args):
        arena, record, tap, weights, pixels, row, column, height, width, lanes, zeros = args
        nothing, first = ir.Constant(kind, ir.Undefined), ir.Constant(ir.VectorType(ir.IntType(32), ROWS), [0] * ROWS)

        def every(number):
            return builder.shuffle_vector(builder.insert_element(nothing, number, ir.IntType(32)(0)), nothing, first)

        def vector_at(numbers, i):
            return builder.bitcast(builder.gep(numbers, [i]), ir.PointerType(kind))

        pixels = _numbers(builder, arena, pixels)
        places, rows, columns = (builder.load(vector_at(pixels, _I64(i * ROWS)), align=4) for i in range(3))
        down = builder.icmp_unsigned("<", builder.add(rows, every(row)), every(height))
        across = builder.icmp_unsigned("<", builder.add(columns, every(column)), every(width))
        shift = builder.mul(builder.add(builder.mul(row, width), column), lanes)
        there = builder.select(builder.and_(down, across), builder.add(places, every(shift)), every(zeros))
        entry = builder.gep(_numbers(builder, arena, record), [builder.add(_I64(HEADER), builder.mul(tap, _I64(TAP)))])
        builder.store(weights, entry, align=4)
        builder.store(there, vector_at(entry, _I64(1)), align=4)
        return context.get_dummy_value()

    n = types.int64
    return types.void(ARENA, n, n, n, n, n, n, n, n, n, n), generate


def sums_of(builder, rows: int, vectors: int):
    """Cells (row, vector) of a block of results, and a register for the sum of each."""
    cells = [(m, v) for m in range(rows) for v in range(vectors)]
    return cells, {cell: cgutils.alloca_once(builder, VECTOR) for cell in cells}


def _add_products(builder, sums, rows, at, columns):
    """sums[m, v] += rows[m][at] * columns[v]."""
    for m, row in enumerate(rows):
        x = splat_value(builder, builder.load(builder.gep(row, [at])))
        for v, column in enumerate(columns):
            builder.store(multiply_add(builder, x, column, builder.load(sums[m, v])), sums[m, v])


def _columns(builder, at, vectors: int):
    return [read(builder, pointer(builder, at, INDEX(v * LANES))) for v in range(vectors)]


def write_results(builder, arena, cells, sums, y, residual, shift_at, flags):
    """What follows the sums: shift, residual, relu; then row m goes to ``y(m)``. ``residual(m)`` is added."""

    def when(bit):
        return builder.if_then(builder.icmp_unsigned("!=", builder.and_(flags, _I64(bit)), _I64(0)))

    def place(row, m, v):
        return pointer(builder, arena, builder.add(row(m), INDEX(v * LANES)))

    def replace(cell, value):
        builder.store(value, sums[cell])

    with when(SHIFT):
        shifts = {v: read(builder, pointer(builder, arena, builder.add(shift_at, INDEX(v * LANES)))) for _, v in cells}
        for cell in cells:
            replace(cell, builder.fadd(builder.load(sums[cell]), shifts[cell[1]]))
    with when(RESIDUAL):
        for cell in cells:
            replace(cell, builder.fadd(builder.load(sums[cell]), read(builder, place(residual, *cell))))
    with when(RELU):
        for cell in cells:
            value = builder.load(sums[cell])
            negative = builder.fcmp_ordered("<", value, constant(0))
            replace(cell, builder.select(negative, constant(0), value))
    for cell in cells:
        write(builder, builder.load(sums[cell]), place(y, *cell))


def _products(vectors: int, kind: str, count: int = ROWS):
    """The product for ``count`` rows and ``vectors`` vectors of columns.

    ``kind``: "lines" (row m's k-th element is k elements on), "table" (its distance is the k-th number of a table).
    """

    @intrinsic
    def block(typing, arena, record, weights, x_add, y_add, depth, offsets, shift_at, flags, soon, stride):
        def generate(context, builder, signature, args):
            arena, record, weights, x_add, y_add, depth, offsets, shift_at, flags, soon, stride = args
            record, offsets = _numbers(builder, arena, record), _numbers(builder, arena, offsets)
            cells, sums = sums_of(builder, count, vectors)
            for cell in cells:
                builder.store(constant(0), sums[cell])
            with builder.if_then(builder.icmp_unsigned("!=", builder.and_(flags, _I64(RESIDUAL)), _I64(0))):
                for m, v in cells:
                    row = builder.add(_number(builder, record, 1 + ROWS + m), y_add)
                    ask(builder, builder.gep(arena, [builder.add(row, INDEX(v * LANES))]), 3)
            with cgutils.for_range(builder, _number(builder, record, 0)) as tap:
                entry = builder.gep(record, [builder.add(_I64(HEADER), builder.mul(tap.index, _I64(TAP)))])
                panel = builder.gep(arena, [builder.add(weights, _number(builder, entry, 0))])
                rows = [builder.gep(arena, [builder.add(x_add, _number(builder, entry, 1 + m))]) for m in range(count)]
                with cgutils.for_range(builder, depth) as loop:
                    at = loop.index if kind == "lines" else _number(builder, offsets, loop.index)
                    line = builder.gep(panel, [builder.mul(loop.index, INDEX(PANEL))])
                    if kind == "lines" and vectors > 1:
                        done = builder.add(builder.mul(tap.index, depth), loop.index)
                        ask(builder, builder.gep(arena, [builder.add(soon, builder.mul(done, stride))]), 2)
                    _add_products(builder, sums, rows, at, _columns(builder, line, vectors))
            y, residual = (lambda m, i=i: builder.add(_number(builder, record, i + m), y_add) for i in (1, 1 + ROWS))
            write_results(builder, arena, cells, sums, y, residual, shift_at, flags)
            return context.get_dummy_value()

        n = types.intp
        return types.void(ARENA, n, n, n, n, n, n, n, n, n, n), generate

    return block


_lines_wide, _lines = _products(2, "lines"), _products(1, "lines")
_fewer_wide = _products(2, "lines", ROWS - 1)
_table_wide, _table = _products(2, "table"), _products(1, "table")


@kernel
def gather_lines(arena, record, weights, x_add, y_add, depth, shift_at, flags, columns, rows, soon, stride):
    """row y_m + y_add = sum over taps t and k < depth of arena[x_tm + x_add + k] * row weights + place_t + k PANEL.

    For the first ``rows`` rows m of a record, ROWS or one less; ``columns`` is LANES or PANEL; ``flags`` say what is
    added, and whether relu follows. With the i-th product of a row, the cache is asked for arena[soon + i stride].
    """
    if columns == PANEL and rows < ROWS:
        _fewer_wide(arena, record, weights, x_add, y_add, depth, 0, shift_at, flags, soon, stride)
    elif columns == PANEL:
        _lines_wide(arena, record, weights, x_add, y_add, depth, 0, shift_at, flags, soon, stride)
    else:
        _lines(arena, record, weights, x_add, y_add, depth, 0, shift_at, flags, soon, stride)


@kernel
def gather_table(arena, record, weights, y_add, depth, offsets, shift_at, flags, columns):
    """Like ``gather_lines``, but the k-th element lies at a distance that int64 number k at ``offsets`` gives."""
    if columns == PANEL:
        _table_wide(arena, record, weights, 0, y_add, depth, offsets, shift_at, flags, 0, 0)
    else:
        _table(arena, record, weights, 0, y_add, depth, offsets, shift_at, flags, 0, 0)


@contextlib.contextmanager
def _each_pixel(builder, runs, count, x_step, dy_step):
    """A loop over the pixels of all runs; gives where x and dy of a pixel lie.

    It steps from run to run without a branch: runs are short, and each end would be a wrong guess.
    """

    def numbers(run):
        at = builder.gep(runs, [builder.mul(run, _I64(RUN))])
        return [_number(builder, at, i) for i in range(RUN)]

    before, again, after = builder.block, builder.append_basic_block("pixel"), builder.append_basic_block("pixels_end")
    begin = numbers(_I64(0))
    builder.cbranch(builder.icmp_signed(">", count, _I64(0)), again, after)
    builder.position_at_end(again)
    run, x, dy, left = (builder.phi(_I64) for _ in range(4))
    yield x, dy
    ends = builder.icmp_signed("==", left, _I64(1))
    following = builder.add(run, builder.zext(ends, _I64))
    there = numbers(builder.add(run, _I64(1)))  # before it is known whether they are needed
    steps = builder.add(x, x_step), builder.add(dy, dy_step), builder.sub(left, _I64(1))
    nexts = [builder.select(ends, other, step) for other, step in zip(there, steps)]
    for variable, first, second in zip((run, x, dy, left), (_I64(0), *begin), (following, *nexts)):
        variable.add_incoming(first, before)
        variable.add_incoming(second, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, count), again, after)
    builder.position_at_end(after)


def _over_runs(vectors: int):
    """``gather_sums`` for ``vectors`` vectors of columns."""

    @intrinsic
    def block(typing, arena, runs, count, offsets, x_add, x_step, dy_add, dy_step, c, c_row, accumulate):
        def generate(context, builder, signature, args):
            arena, runs, count, offsets, x_add, x_step, dy_add, dy_step, c, c_row, accumulate = args
            runs, offsets = _numbers(builder, arena, runs), _numbers(builder, arena, offsets)
            cells, sums = sums_of(builder, ROWS, vectors)
            into = builder.gep(arena, [c])
            places = {
                (m, v): pointer(builder, into, builder.add(builder.mul(c_row, INDEX(m)), INDEX(v * LANES)))
                for m, v in cells
            }
            with builder.if_else(accumulate) as (then, otherwise):
                with then:
                    for cell in cells:
                        builder.store(read(builder, places[cell]), sums[cell])
                with otherwise:
                    for cell in cells:
                        builder.store(constant(0), sums[cell])
            first = [builder.gep(arena, [builder.add(x_add, _number(builder, offsets, m))]) for m in range(ROWS)]
            with _each_pixel(builder, runs, count, x_step, dy_step) as (x, dy):
                line = builder.gep(arena, [builder.add(dy_add, dy)])
                _add_products(builder, sums, first, x, _columns(builder, line, vectors))
            for cell in cells:
                write(builder, builder.load(sums[cell]), places[cell])
            return context.get_dummy_value()

        n = types.intp
        return types.void(ARENA, n, n, n, n, n, n, n, n, n, types.boolean), generate

    return block


_runs_wide, _runs = _over_runs(2), _over_runs(1)


@kernel
def gather_sums(arena, runs, count, offsets, x_add, x_step, dy_add, dy_step, c, c_row, columns, accumulate):
    """c + m c_row (+)= sum over pixels p of arena[x_p + x_add + offsets[m]] * row dy_p + dy_add, for m < ROWS.

    ``count`` runs hold the pixels, which are x_step and dy_step apart; ``columns`` is LANES or PANEL.
    """
    if columns == PANEL:
        _runs_wide(arena, runs, count, offsets, x_add, x_step, dy_add, dy_step, c, c_row, accumulate)
    else:
        _runs(arena, runs, count, offsets, x_add, x_step, dy_add, dy_step, c, c_row, accumulate)
