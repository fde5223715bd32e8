"""Winograd's products over few channels, joined to the transforms of outputs: no product passes through memory.

Intrinsics that work on TOGETHER tiles side by side, whose transformed inputs lie as a vector for each point: lane
FEW t + c is channel c of tile t (``few_inputs``). They meet one panel of the outputs, a vector or two. Transformed
weights, and the sums of their gradient, have ``point`` elements from point to point, there a row for each channel.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .._jit import inline
from .transforms import OUTPUTS, apply, by_rows, matrices, pairs
from .vector import INDEX, LANES, ROWS, VECTOR, constant, multiply_add, pointer, read, splat_value, write

FEW = 4
"""Lanes of a pixel."""

TOGETHER = LANES // FEW
"""Tiles of a vector."""


def at_once(vectors: int) -> int:
    """Tiles whose sums fit the registers: for each vector, two points and OUTPUTS outputs."""
    return max(1, min(TOGETHER, (4 if ROWS == 8 else 2) // vectors))


def _couples(matrix) -> list[tuple[int, ...]]:
    """All columns of a matrix, in couples that share even and odd parts, and alone."""
    found = pairs(matrix.T)
    return [*found, *((k,) for k in range(matrix.shape[1]) if not any(k in pair for pair in found))]


def table(builder, arena, base, *shape: int):
    """A function of indices that gives the address of a vector in a table at ``base``."""

    def cell(*indices):
        at = INDEX(0)
        for extent, index in zip(shape, indices):
            at = builder.add(builder.mul(at, INDEX(extent)), index if isinstance(index, ir.Value) else INDEX(index))
        return pointer(builder, arena, builder.add(base, builder.mul(at, INDEX(LANES))))

    return cell


@inline
def stage_size(taps: int) -> int:
    """Elements of ``stage``, where the intrinsics keep what they have half done.

    It lies behind the transformed inputs and not on the stack: so what is stored has other low bits of its address than
    what is loaded next, which would else wait for it.
    """
    return 2 * 4 * max(TOGETHER, OUTPUTS) * (taps + OUTPUTS - 1) * LANES


def _each(builder, channels):
    """Channels as numbers of Python: what the loop's body emits is jumped over where there are fewer."""
    yield 0
    for c in range(1, FEW):
        with builder.if_then(builder.icmp_signed("<", INDEX(c), channels)):
            yield c


def _add(builder, coefficient: float, value, total):
    """total + coefficient * value; ``total`` may be None."""
    if coefficient == 0:
        return total
    if coefficient == 1:
        return value if total is None else builder.fadd(total, value)
    if total is None:
        return builder.fmul(constant(coefficient), value)
    return multiply_add(builder, constant(coefficient), value, total)


def outputs(matrix, vectors: int):
    """``f(arena, v, u, point, channels, at, top, left, height, width, step, shift, floor, nowhere, stage)``: tiles.

    y = max(matrix (sum over channels of u * v) matrix' + shift, floor), for ``at_once(vectors)`` tiles. The first one's
    corner is (top, left); pixel (h, w) lies at ``at + (h width + w) step``. What lies outside goes to ``nowhere``.
    """
    tiles, size = at_once(vectors), matrix.shape[1]
    cells = [(t, lane) for t in range(tiles) for lane in range(vectors)]

    @intrinsic
    def f(typing, arena, v, u, point, channels, at, top, left, height, width, step, shift, floor, nowhere, stage):
        def generate(context, builder, signature, args):
            arena, v, u, point, channels, at, top, left, height, width, step, shift, floor, nowhere, stage = args
            half = table(builder, arena, stage, tiles, vectors, OUTPUTS, size)
            sums = {(k, *cell): cgutils.alloca_once(builder, VECTOR) for k in range(2) for cell in cells}
            inputs = builder.gep(arena, [v])
            weights = [builder.gep(arena, [builder.add(u, builder.mul(point, INDEX(k * size)))]) for k in range(size)]

            def multiply(k, c, input_line, offset):
                """The products of channel c in the points of a couple."""
                for place, number in enumerate(k):
                    row = [builder.add(offset, INDEX((c * vectors + i) * LANES)) for i in range(vectors)]
                    columns = [read(builder, pointer(builder, weights[number], at)) for at in row]
                    for t in range(tiles):
                        where = INDEX(number * size * LANES + t * FEW + c)
                        x = splat_value(builder, builder.load(builder.gep(input_line, [where])))
                        for i in range(vectors):
                            total = sums[place, t, i]
                            if c == 0:
                                builder.store(builder.fmul(x, columns[i]), total)
                            else:
                                builder.store(multiply_add(builder, x, columns[i], builder.load(total)), total)

            with cgutils.for_range(builder, INDEX(size)) as loop:
                input_line = builder.gep(inputs, [builder.mul(loop.index, INDEX(LANES))])
                offset = builder.mul(loop.index, point)
                results = {(*cell, i): None for cell in cells for i in range(OUTPUTS)}
                for k in _couples(matrix):
                    for c in _each(builder, channels):
                        multiply(k, c, input_line, offset)
                    for cell in cells:
                        parts = [builder.load(sums[(place, *cell)]) for place in range(len(k))]
                        if len(k) == 2:
                            parts = [builder.fadd(*parts), builder.fsub(*parts)]
                        for i in range(OUTPUTS):
                            odd = len(k) == 2 and matrix[i, k[0]] != matrix[i, k[1]]
                            results[(*cell, i)] = _add(builder, matrix[i, k[0]], parts[int(odd)], results[(*cell, i)])
                for (t, lane, i), value in results.items():
                    write(builder, value, half(t, lane, i, loop.index))

            least, shifts = splat_value(builder, floor), [builder.add(shift, INDEX(i * LANES)) for i in range(vectors)]
            offsets = [read(builder, pointer(builder, arena, place)) for place in shifts]
            with cgutils.for_range(builder, INDEX(tiles)) as tile, cgutils.for_range(builder, INDEX(OUTPUTS)) as line:
                row, first = builder.add(top, line.index), builder.add(left, builder.mul(tile.index, INDEX(OUTPUTS)))
                end = builder.select(builder.icmp_signed("<", row, height), width, INDEX(0))
                places = []
                for j in range(OUTPUTS):
                    column = builder.add(first, INDEX(j))
                    pixel = builder.add(at, builder.mul(builder.add(builder.mul(row, width), column), step))
                    place = builder.select(builder.icmp_signed("<", column, end), pixel, nowhere)
                    places.append(builder.gep(arena, [place]))
                values = []
                for lane in range(vectors):
                    whole = [read(builder, half(tile.index, lane, line.index, j)) for j in range(size)]
                    for value in apply(builder, matrix, whole):
                        value = builder.fadd(value, offsets[lane])
                        values.append(builder.select(builder.fcmp_ordered("<", value, least), least, value))
                for j, place in enumerate(places):
                    for lane in range(vectors):
                        write(builder, values[lane * OUTPUTS + j], pointer(builder, place, INDEX(lane * LANES)))
            return context.get_dummy_value()

        return types.void(arena, *[types.intp] * 11, types.float32, types.intp, types.intp), generate

    return f


def gradients(matrix, vectors: int):
    """``f(arena, dy, line, step, v, sums, point, channels, stage)``: TOGETHER tiles.

    sums += (matrix dy matrix') * v. Pixel (h, w) of the first tile lies at ``dy + h line + w step``.
    """
    size = len(matrix)

    @intrinsic
    def f(typing, arena, dy, line, step, v, sums, point, channels, stage):
        def generate(context, builder, signature, args):
            arena, dy, line, step, v, sums, point, channels, stage = args
            made = table(builder, arena, stage, TOGETHER, vectors, 2, size)

            def transform(rows, tile, lane):
                """The points of two rows, from one vector of a tile."""
                corner = builder.add(dy, builder.mul(builder.mul(step, INDEX(OUTPUTS)), tile))
                corner = builder.add(corner, builder.mul(lane, INDEX(LANES)))
                halves = []
                for j in range(OUTPUTS):
                    places = [
                        builder.add(builder.mul(line, INDEX(i)), builder.add(corner, builder.mul(step, INDEX(j))))
                        for i in range(OUTPUTS)
                    ]
                    pixels = [
                        read(builder, pointer(builder, arena, place)) if matrix[list(rows), i].any() else None
                        for i, place in enumerate(places)
                    ]
                    halves.append(by_rows(builder, matrix[list(rows)], pixels))
                for place in range(2):
                    for j, value in enumerate(apply(builder, matrix, [half[place] for half in halves])):
                        write(builder, value, made(tile, lane, place, j))

            def multiply(row, place):
                with cgutils.for_range(builder, INDEX(size)) as column:
                    number = builder.add(column.index, INDEX(row * size))
                    inputs = builder.gep(arena, [builder.add(v, builder.mul(number, INDEX(LANES)))])
                    target = builder.gep(arena, [builder.add(sums, builder.mul(number, point))])
                    cells = [(t, i) for t in range(TOGETHER) for i in range(vectors)]
                    values = {cell: read(builder, made(*cell, place, column.index)) for cell in cells}
                    for c in _each(builder, channels):
                        to = [pointer(builder, target, INDEX((c * vectors + i) * LANES)) for i in range(vectors)]
                        totals = [read(builder, address) for address in to]
                        for t in range(TOGETHER):
                            x = splat_value(builder, builder.load(builder.gep(inputs, [INDEX(t * FEW + c)])))
                            totals = [multiply_add(builder, x, values[t, i], total) for i, total in enumerate(totals)]
                        for address, total in zip(to, totals):
                            write(builder, total, address)

            couples = _couples(matrix.T)
            alone = [k[0] for k in couples if len(k) == 1]
            for rows in [*(k for k in couples if len(k) == 2), tuple(alone)]:
                with cgutils.for_range(builder, INDEX(TOGETHER)) as tile:
                    with cgutils.for_range(builder, INDEX(vectors)) as lane:
                        transform(rows, tile.index, lane.index)
                for place, row in enumerate(rows):
                    multiply(row, place)
            return context.get_dummy_value()

        return types.void(arena, *[types.intp] * 8), generate

    return f


_three, _five = matrices(3), matrices(5)

outputs_3, outputs_3_wide = outputs(_three.output, 1), outputs(_three.output, 2)
outputs_5, outputs_5_wide = outputs(_five.output, 1), outputs(_five.output, 2)
gradients_3, gradients_3_wide = gradients(_three.output.T, 1), gradients(_three.output.T, 2)
gradients_5, gradients_5_wide = gradients(_five.output.T, 1), gradients(_five.output.T, 2)
