"""Winograd's transforms: matrices made from their points, and intrinsics that apply them to tiles of vectors.

F(m, r) gives m outputs of a correlation with r taps from n = m + r - 1 inputs by n products:

    y = output (weights g * input d)         output m x n, weights n x r, input n x n

and in two dimensions ``output [(weights g weights') * (input d input')] output'``. The gradients use the exact
transposes. With points a_0 .. a_{n-2} and one at infinity (Winograd 1980; Lavin and Gray 2016):

    output[i, j]  = a_j^i                                        last column: 1 for i = m - 1, else 0
    weights[j, i] = a_j^i / product over k != j of (a_j - a_k)    last row: 1 for i = r - 1, else 0
    input[j]      = coefficients of the product over k != j of (x - a_k); last row: over all k

Points come in pairs of opposite sign, so that rows (in the transposes, columns) differ only in the signs of
their odd part: even and odd parts are computed once.
"""

import itertools
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .vector import INDEX, VECTOR, constant, elements, multiply_add, pointer, read, write

OUTPUTS = 4
"""Outputs of a tile, along each axis."""

POINTS = {3: (0, 5 / 8, -5 / 8, 3 / 2, -3 / 2), 5: (0, 1, -1, 2, -2, 1 / 2, -1 / 2)}
"""By taps. Of the symmetric points with short binary fractions these gave the least rounding error; for 3 taps,
half of that of 0, 1, -1, 2, -2."""


class Matrices(NamedTuple):
    """The three transforms of F(OUTPUTS, taps), float64."""

    output: np.ndarray
    weights: np.ndarray
    input: np.ndarray


def matrices(taps: int) -> Matrices:
    """The transforms for ``taps`` (3 or 5)."""
    points = POINTS[taps]
    n = OUTPUTS + taps - 1
    output, weights, inputs = np.zeros((OUTPUTS, n)), np.zeros((n, taps)), np.zeros((n, n))
    for j, point in enumerate(points):
        others = [p for p in points if p != point]
        output[:, j] = [point**i for i in range(OUTPUTS)]
        weights[j] = np.array([point**i for i in range(taps)]) / np.prod([point - p for p in others])
        inputs[j, :-1] = np.poly(others)[::-1]
    output[-1, -1] = weights[-1, -1] = 1
    inputs[-1] = np.poly(points)[::-1]
    return Matrices(output, weights, inputs)


# -- straight-line code for one matrix -------------------------------------------------------------------------


def _combination(builder, coefficients, values):
    """The sum of coefficient * value over what is not zero; terms of 1 first, None if there is none."""
    terms = [(c, v) for c, v in zip(coefficients, values) if c != 0]
    terms.sort(key=lambda term: (term[0] != 1, abs(term[0]) != 1))
    total = None
    for c, v in terms:
        if total is None:
            total = v if c == 1 else builder.fmul(constant(c), v)
        elif c == 1:
            total = builder.fadd(total, v)
        elif c == -1:
            total = builder.fsub(total, v)
        else:
            total = multiply_add(builder, constant(c), v, total)
    return total


def pairs(rows) -> list[tuple[int, int]]:
    """Disjoint pairs of rows that differ only in signs, in some but not in all of their elements."""
    pairs, taken = [], set()
    for i, j in itertools.combinations(range(len(rows)), 2):
        even, odd = rows[i] == rows[j], rows[i] == -rows[j]
        if not {i, j} & taken and (even | odd).all() and not even.all() and not odd.all():
            pairs.append((i, j))
            taken |= {i, j}
    return pairs


def by_rows(builder, matrix, values):
    """matrix @ values; of a pair of rows, the even and the odd part are computed once."""
    out = [None] * len(matrix)
    for i, j in pairs(matrix):
        same = matrix[i] == matrix[j]
        even = _combination(builder, np.where(same, matrix[i], 0), values)
        odd = _combination(builder, np.where(same, 0, matrix[i]), values)
        out[i], out[j] = builder.fadd(even, odd), builder.fsub(even, odd)
    return [_combination(builder, row, values) if made is None else made for made, row in zip(out, matrix)]


def _by_columns(builder, matrix, values):
    """matrix @ values; the values of a pair of columns are added and subtracted once."""
    matrix, values = matrix.copy(), list(values)
    for i, j in pairs(matrix.T):
        values[i], values[j] = builder.fadd(values[i], values[j]), builder.fsub(values[i], values[j])
        same = matrix[:, i] == matrix[:, j]
        matrix[:, i], matrix[:, j] = np.where(same, matrix[:, i], 0), np.where(same, 0, matrix[:, i])
    return [_combination(builder, row, values) for row in matrix]


def apply(builder, matrix, values):
    """matrix @ values, for LLVM vectors."""
    by = by_rows if len(pairs(matrix)) >= len(pairs(matrix.T)) else _by_columns
    return by(builder, matrix, values)


def transform(matrix, accumulate: bool = False):
    """An intrinsic that writes (or adds) ``matrix X matrix'`` of a square tile X of vectors.

    ``f(source, at, down, across, target, to, to_down, to_across)``: vector (i, j) of X lies at
    ``source[at + i * down + j * across]``; of the result at ``target[to + i * to_down + j * to_across]``. Every
    row of ``matrix`` has an element that is not zero.
    """
    rows, columns = matrix.shape

    @intrinsic
    def f(typing, source, at, down, across, target, to, to_down, to_across):
        def generate(context, builder, signature, args):
            source, at, down, across, target, to, to_down, to_across = args
            base = builder.gep(elements(context, builder, signature.args[0], source), [at])
            into = builder.gep(elements(context, builder, signature.args[4], target), [to])
            between = cgutils.alloca_once(builder, ir.ArrayType(VECTOR, rows * columns))

            def cell(i, j):
                return builder.gep(between, [INDEX(0), builder.add(builder.mul(i, INDEX(columns)), j)])

            with cgutils.for_range(builder, INDEX(columns)) as loop:
                line = builder.gep(base, [builder.mul(loop.index, across)])
                places = [pointer(builder, line, builder.mul(down, INDEX(i))) for i in range(columns)]
                for i, value in enumerate(apply(builder, matrix, [read(builder, place) for place in places])):
                    builder.store(value, cell(INDEX(i), loop.index))
            with cgutils.for_range(builder, INDEX(rows)) as loop:
                line = builder.gep(into, [builder.mul(loop.index, to_down)])
                values = [builder.load(cell(loop.index, INDEX(j))) for j in range(columns)]
                for j, value in enumerate(apply(builder, matrix, values)):
                    place = pointer(builder, line, builder.mul(to_across, INDEX(j)))
                    write(builder, builder.fadd(read(builder, place), value) if accumulate else value, place)
            return context.get_dummy_value()

        n = types.intp
        return types.void(source, n, n, n, target, n, n, n), generate

    return f


_three, _five = matrices(3), matrices(5)

input_3, input_5 = transform(_three.input), transform(_five.input)
output_3, output_5 = transform(_three.output), transform(_five.output)
weights_3, weights_5 = transform(_three.weights), transform(_five.weights)
input_gradient_3, input_gradient_5 = transform(_three.input.T, True), transform(_five.input.T, True)
output_gradient_3, output_gradient_5 = transform(_three.output.T), transform(_five.output.T)
weights_gradient_3, weights_gradient_5 = transform(_three.weights.T), transform(_five.weights.T)
