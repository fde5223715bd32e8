"""Products of two matrices, in the three forms that InnerProduct needs; all arrays flat and C-contiguous.

    multiply_transposed       c[i, j]  = bias[j] + sum over r of a[i, r] * b[j, r]
    multiply                  c[i, j]  = bias[j] + sum over r of a[i, r] * b[r, j]
    add_transposed_product    c[i, j] += sum over r of a[r, i] * b[r, j]

An empty ``bias`` counts as zeros. Work is cut into blocks of SIDE rows, and these over CHUNKS pieces with work
arrays of their own (``work_shapes``), whatever the number of threads.
"""

import numpy as np

from ._jit import kernel
from ._threads import run
from .gemm import LINE, TILE, add_dots, add_products

CHUNKS = 8
SIDE = 16
DEPTH = 64
"""Rows of ``b`` that stay in the second-level cache while a block of rows of ``c`` takes them in."""
STRETCH = 1024
"""Elements of the rows of ``a`` and ``b`` that are multiplied before the next stretch."""


def work_shapes() -> dict[str, tuple[tuple[int, ...], str | None]]:
    """Shape and dtype (None: the operands') of the work arrays."""
    return {"tile": ((CHUNKS, SIDE * LINE), None), "offsets": ((CHUNKS, DEPTH + SIDE), "int64")}


@kernel
def _rows_by_rows(start, stop, rows, columns, depth, a, b, bias, offsets, c):
    down, across = -(-rows // SIDE), -(-columns // SIDE)
    units = down * across
    for chunk in range(start, stop):
        of_rows = offsets[chunk]
        for k in range(SIDE):
            of_rows[k] = k * depth
        for unit in range(units * chunk // CHUNKS, units * (chunk + 1) // CHUNKS):
            i, j = unit % down * SIDE, unit // down * SIDE
            m, n = min(SIDE, rows - i), min(SIDE, columns - j)
            for p in range(i, i + m):
                for q in range(j, j + n):
                    c[p * columns + q] = bias[q] if bias.size else c.dtype.type(0)
            for r in range(0, depth, STRETCH):
                length = min(STRETCH, depth - r)
                add_dots(m, n, length, a, i * depth + r, depth, b, j * depth + r, of_rows, c, i * columns + j, columns)


@kernel
def _rows_by_columns(start, stop, rows, columns, depth, a, a_row, a_step, b, bias, add, tile, offsets, c):
    down, across = -(-rows // SIDE), -(-columns // TILE)
    units = down * across
    for chunk in range(start, stop):
        sums, of_depth, of_rows = tile[chunk], offsets[chunk, :DEPTH], offsets[chunk, DEPTH:]
        for k in range(DEPTH):
            of_depth[k] = k * columns
        for k in range(SIDE):
            of_rows[k] = k * a_row
        for unit in range(units * chunk // CHUNKS, units * (chunk + 1) // CHUNKS):
            i, j = unit // across * SIDE, unit % across * TILE
            m, n = min(SIDE, rows - i), min(TILE, columns - j)
            for p in range(m):
                for q in range(n):
                    sums[p * LINE + q] = bias[j + q] if bias.size else sums.dtype.type(0)
            for r in range(0, depth, DEPTH):
                length = min(DEPTH, depth - r)
                for p in range(0, m, 4):
                    at = i * a_row + r * a_step
                    four = sums[p * LINE :]
                    add_products(
                        min(4, m - p), n, length, a, at, of_rows, p, a_step, b, r * columns + j, of_depth, four
                    )
            for p in range(m):
                source, to = np.uint64(p * LINE), np.uint64((i + p) * columns + j)
                if add:
                    for q in range(np.uint64(n)):
                        c[to + q] += sums[source + q]
                else:
                    for q in range(np.uint64(n)):
                        c[to + q] = sums[source + q]


def multiply_transposed(rows: int, columns: int, depth: int, a, b, bias, work, c) -> None:
    """Overwrite c (rows x columns) with a (rows x depth) times b (columns x depth) transposed, plus bias."""
    run(_rows_by_rows, CHUNKS, rows, columns, depth, a, b, bias, work.offsets, c)


def multiply(rows: int, columns: int, depth: int, a, b, bias, work, c) -> None:
    """Overwrite c (rows x columns) with a (rows x depth) times b (depth x columns), plus bias."""
    run(_rows_by_columns, CHUNKS, rows, columns, depth, a, depth, 1, b, bias, False, work.tile, work.offsets, c)


def add_transposed_product(rows: int, columns: int, depth: int, a, b, work, c) -> None:
    """Add to c (rows x columns) a (depth x rows) transposed times b (depth x columns)."""
    none = a[:0]
    run(_rows_by_columns, CHUNKS, rows, columns, depth, a, 1, rows, b, none, True, work.tile, work.offsets, c)
