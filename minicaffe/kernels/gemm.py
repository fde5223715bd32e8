"""Blocked matrix products: the two inner loops that convolution and InnerProduct share.

``add_products`` streams rows: a block of output rows takes in four input rows per pass over memory.
``add_dots`` multiplies rows by rows: sixteen running sums per pass. Both are plain loops that the compiler
turns into vector code; they add to what is there, in an order that depends on the sizes alone.

Arrays are flat; rows are found through offsets, so an operand may be any set of equally long runs of memory.
Offsets are unsigned where they meet memory: a signed one would be tested for wrap-around at every element.
"""

import numpy as np

from ._jit import kernel

TILE = 512
"""Most columns of a tile of ``add_products``: eight rows of it stay in the first-level cache."""

LINE = TILE + 16
"""Distance of a tile's rows. A constant, so that they provably do not overlap; not a power of two, so that
they do not compete for the same cache lines."""


@kernel
def _add_four_rows(n, depth, w, a, b, c, d, step, x, at, offsets, tile):
    first, second, third = np.uint64(LINE), np.uint64(2 * LINE), np.uint64(3 * LINE)
    n, a, b, c, d, step = np.uint64(n), np.uint64(a), np.uint64(b), np.uint64(c), np.uint64(d), np.uint64(step)
    whole = depth - depth % 4
    for k in range(0, whole, 4):
        x0, x1 = np.uint64(at + offsets[k]), np.uint64(at + offsets[k + 1])
        x2, x3 = np.uint64(at + offsets[k + 2]), np.uint64(at + offsets[k + 3])
        k0, k1, k2, k3 = step * np.uint64(k), step * np.uint64(k + 1), step * np.uint64(k + 2), step * np.uint64(k + 3)
        a0, a1, a2, a3 = w[a + k0], w[a + k1], w[a + k2], w[a + k3]
        b0, b1, b2, b3 = w[b + k0], w[b + k1], w[b + k2], w[b + k3]
        c0, c1, c2, c3 = w[c + k0], w[c + k1], w[c + k2], w[c + k3]
        d0, d1, d2, d3 = w[d + k0], w[d + k1], w[d + k2], w[d + k3]
        for j in range(n):
            v0, v1, v2, v3 = x[x0 + j], x[x1 + j], x[x2 + j], x[x3 + j]
            tile[j] += a0 * v0 + a1 * v1 + a2 * v2 + a3 * v3
            tile[first + j] += b0 * v0 + b1 * v1 + b2 * v2 + b3 * v3
            tile[second + j] += c0 * v0 + c1 * v1 + c2 * v2 + c3 * v3
            tile[third + j] += d0 * v0 + d1 * v1 + d2 * v2 + d3 * v3
    for k in range(whole, depth):
        x0, k0 = np.uint64(at + offsets[k]), step * np.uint64(k)
        a0, b0, c0, d0 = w[a + k0], w[b + k0], w[c + k0], w[d + k0]
        for j in range(n):
            v0 = x[x0 + j]
            tile[j] += a0 * v0
            tile[first + j] += b0 * v0
            tile[second + j] += c0 * v0
            tile[third + j] += d0 * v0


@kernel
def _add_one_row(n, depth, w, a, step, x, at, offsets, tile, row):
    n, a, step, row = np.uint64(n), np.uint64(a), np.uint64(step), np.uint64(row * LINE)
    whole = depth - depth % 4
    for k in range(0, whole, 4):
        x0, x1 = np.uint64(at + offsets[k]), np.uint64(at + offsets[k + 1])
        x2, x3 = np.uint64(at + offsets[k + 2]), np.uint64(at + offsets[k + 3])
        a0, a1 = w[a + step * np.uint64(k)], w[a + step * np.uint64(k + 1)]
        a2, a3 = w[a + step * np.uint64(k + 2)], w[a + step * np.uint64(k + 3)]
        for j in range(n):
            tile[row + j] += a0 * x[x0 + j] + a1 * x[x1 + j] + a2 * x[x2 + j] + a3 * x[x3 + j]
    for k in range(whole, depth):
        x0, a0 = np.uint64(at + offsets[k]), w[a + step * np.uint64(k)]
        for j in range(n):
            tile[row + j] += a0 * x[x0 + j]


@kernel
def add_products(rows, n, depth, w, w_at, w_rows, first, step, x, at, offsets, tile):
    """tile[r, j] += sum over k of w[w_at + w_rows[first + r] + k * step] * x[at + offsets[k] + j].

    r < rows <= 4, j < n <= TILE, k < depth; ``tile`` holds rows at distance LINE; ``w_rows`` and ``offsets``
    are int64.
    """
    if rows == 4:
        a, b = w_at + w_rows[first], w_at + w_rows[first + 1]
        c, d = w_at + w_rows[first + 2], w_at + w_rows[first + 3]
        _add_four_rows(n, depth, w, a, b, c, d, step, x, at, offsets, tile)
    else:
        for r in range(rows):
            _add_one_row(n, depth, w, w_at + w_rows[first + r], step, x, at, offsets, tile, r)


@kernel
def _sixteen_dots(n, x, x0, x_row, y, y0, y1, y2, y3):
    n, x0, y0, y1, y2, y3 = np.uint64(n), np.uint64(x0), np.uint64(y0), np.uint64(y1), np.uint64(y2), np.uint64(y3)
    x1 = x0 + np.uint64(x_row)
    x2 = x1 + np.uint64(x_row)
    x3 = x2 + np.uint64(x_row)
    zero = x.dtype.type(0)
    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = c0 = c1 = c2 = c3 = d0 = d1 = d2 = d3 = zero
    for j in range(n):
        a, b, c, d = x[x0 + j], x[x1 + j], x[x2 + j], x[x3 + j]
        v0, v1, v2, v3 = y[y0 + j], y[y1 + j], y[y2 + j], y[y3 + j]
        a0 += a * v0
        a1 += a * v1
        a2 += a * v2
        a3 += a * v3
        b0 += b * v0
        b1 += b * v1
        b2 += b * v2
        b3 += b * v3
        c0 += c * v0
        c1 += c * v1
        c2 += c * v2
        c3 += c * v3
        d0 += d * v0
        d1 += d * v1
        d2 += d * v2
        d3 += d * v3
    return (a0, a1, a2, a3), (b0, b1, b2, b3), (c0, c1, c2, c3), (d0, d1, d2, d3)


@kernel
def _four_dots(n, x, x0, y, y0, y1, y2, y3):
    n, x0, y0, y1, y2, y3 = np.uint64(n), np.uint64(x0), np.uint64(y0), np.uint64(y1), np.uint64(y2), np.uint64(y3)
    s0 = s1 = s2 = s3 = x.dtype.type(0)
    for j in range(n):
        v = x[x0 + j]
        s0 += v * y[y0 + j]
        s1 += v * y[y1 + j]
        s2 += v * y[y2 + j]
        s3 += v * y[y3 + j]
    return s0, s1, s2, s3


@kernel
def dot(n, x, x_at, y, y_at):
    """Sum over j < n of x[x_at + j] * y[y_at + j]."""
    n, x_at, y_at = np.uint64(n), np.uint64(x_at), np.uint64(y_at)
    s = x.dtype.type(0)
    for j in range(n):
        s += x[x_at + j] * y[y_at + j]
    return s


@kernel
def add_dots(rows, columns, n, x, x_at, x_row, y, y_at, offsets, out, out_at, out_row):
    """out[out_at + r * out_row + k] += sum over j < n of x[x_at + r * x_row + j] * y[y_at + offsets[k] + j].

    r < rows, k < columns; ``offsets`` is int64. Rows and columns go four by four, what is left one by one.
    """
    four_rows, four_columns = rows - rows % 4, columns - columns % 4
    for k in range(0, four_columns, 4):
        y0, y1 = y_at + offsets[k], y_at + offsets[k + 1]
        y2, y3 = y_at + offsets[k + 2], y_at + offsets[k + 3]
        for r in range(0, four_rows, 4):
            sums = _sixteen_dots(n, x, x_at + r * x_row, x_row, y, y0, y1, y2, y3)
            for i in range(4):
                at = out_at + (r + i) * out_row + k
                for j in range(4):
                    out[at + j] += sums[i][j]
        for r in range(four_rows, rows):
            four = _four_dots(n, x, x_at + r * x_row, y, y0, y1, y2, y3)
            at = out_at + r * out_row + k
            for j in range(4):
                out[at + j] += four[j]
    for k in range(four_columns, columns):
        y0 = y_at + offsets[k]
        for r in range(0, four_rows, 4):
            x0 = x_at + r * x_row
            four = _four_dots(n, y, y0, x, x0, x0 + x_row, x0 + 2 * x_row, x0 + 3 * x_row)
            for i in range(4):
                out[out_at + (r + i) * out_row + k] += four[i]
        for r in range(four_rows, rows):
            out[out_at + r * out_row + k] += dot(n, x, x_at + r * x_row, y, y0)
