"""Maximum and average over windows of each image plane (images x channels planes), one direction at a time.

Output (i, j) covers rows i * stride_h - pad_h ... + kernel_h of the plane, columns likewise; arrays are flat. The
rows of a window are first combined into one row, over the whole width and so in vectors; then the columns of
that row. Every window must meet the plane. Planes are cut into CHUNKS pieces, each with a work row of its own.
"""

from typing import NamedTuple

import numpy as np

from ._jit import inline, kernel

CHUNKS = 8


class Windows(NamedTuple):
    """The geometry of a pooling, on integers."""

    planes: int
    height: int
    width: int
    out_height: int
    out_width: int
    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    pad_h: int
    pad_w: int


def row_shape(w: Windows) -> tuple[int, int]:
    """Shape of the work rows, a whole number of cache lines each."""
    return (CHUNKS, -(-w.width // 32) * 32)


@inline
def _inside(i, stride, pad, kernel, size):
    """The part of window ``i`` that lies inside the plane, as (first, end)."""
    first = i * stride - pad
    return max(0, first), min(size, first + kernel)


@inline
def _extent(i, stride, pad, kernel, size):
    """How many rows of window ``i`` count in the average: padding does, what lies beyond it does not."""
    first = i * stride - pad
    return min(first + kernel, size + pad) - first


@inline
def _larger(value, best):
    """Whether ``value`` takes the place of ``best``: NaN is larger than every number."""
    return (value > best) | (value != value)


@kernel
def _column_maxima(w, plane, top, bottom, x, best, index_of):
    """best[j], index_of[j] = the largest of rows [top, bottom) in column j, and where in the plane it first is."""
    n, at, first = np.uint64(w.width), np.uint64((plane * w.height + top) * w.width), np.int32(top * w.width)
    for j in range(n):
        best[j] = x[at + j]
        index_of[j] = first + np.int32(j)
    for row in range(top + 1, bottom):
        at, first = np.uint64((plane * w.height + row) * w.width), np.int32(row * w.width)
        for j in range(n):
            value, known, known_index = x[at + j], best[j], index_of[j]
            taken = _larger(value, known)
            best[j] = value if taken else known
            index_of[j] = first + np.int32(j) if taken else known_index


@inline
def _row_maximum(left, right, best, index_of):
    """The largest of columns [left, right) and its index; among equals the one that comes first in the plane."""
    largest, index = best[np.uint64(left)], index_of[np.uint64(left)]
    for k in range(left + 1, right):
        value, value_index = best[np.uint64(k)], index_of[np.uint64(k)]
        taken = _larger(value, largest) | ((value == largest) & (value_index < index))
        largest = value if taken else largest
        index = value_index if taken else index
    return largest, index


@inline
def _row_maxima(count, kernel, stride, left, best, index_of, to, y, mask):
    """``count`` windows that lie wholly inside the row, the first from column ``left``: in vectors over the windows."""
    n, step, at = np.uint64(count), np.uint64(stride), np.uint64(left)
    for j in range(n):
        y[to + j] = best[at + j * step]
        mask[to + j] = index_of[at + j * step]
    for k in range(1, kernel):
        at = np.uint64(left + k)
        for j in range(n):
            value, value_index = best[at + j * step], index_of[at + j * step]
            known, known_index = y[to + j], mask[to + j]
            taken = _larger(value, known) | ((value == known) & (value_index < known_index))
            y[to + j] = value if taken else known
            mask[to + j] = value_index if taken else known_index


@kernel
def max_forward(start, stop, w, x, row, row_of, y, mask):
    """y = each window's largest; mask (int32) = its index in the plane, the first among equals."""
    begin = min(w.out_width, -(-w.pad_w // w.stride_w))  # windows before it reach over the left edge
    end = max(begin, min(w.out_width, (w.width + w.pad_w - w.kernel_w) // w.stride_w + 1))
    for chunk in range(start, stop):
        best, index_of = row[chunk], row_of[chunk]
        for plane in range(w.planes * chunk // CHUNKS, w.planes * (chunk + 1) // CHUNKS):
            for i in range(w.out_height):
                top, bottom = _inside(i, w.stride_h, w.pad_h, w.kernel_h, w.height)
                _column_maxima(w, plane, top, bottom, x, best, index_of)
                to = (plane * w.out_height + i) * w.out_width
                first = begin * w.stride_w - w.pad_w
                inner, at = end - begin, np.uint64(to + begin)
                if w.stride_w == 2:  # known when compiled, so that vectors are loaded whole
                    _row_maxima(inner, w.kernel_w, 2, first, best, index_of, at, y, mask)
                else:
                    _row_maxima(inner, w.kernel_w, w.stride_w, first, best, index_of, at, y, mask)
                for j in range(w.out_width - (end - begin)):
                    j = j if j < begin else j + end - begin
                    left, right = _inside(j, w.stride_w, w.pad_w, w.kernel_w, w.width)
                    y[to + j], mask[to + j] = _row_maximum(left, right, best, index_of)


@kernel
def max_backward(start, stop, w, dy, mask, dx):
    """dx = the sum of dy over the windows whose maximum an element is; units are planes."""
    area, outputs = w.height * w.width, w.out_height * w.out_width
    for plane in range(start, stop):
        dx[plane * area : (plane + 1) * area] = 0
        for j in range(plane * outputs, (plane + 1) * outputs):
            dx[plane * area + mask[j]] += dy[j]


@kernel
def as_numbers(start, stop, mask, out):
    """The mask as floating-point numbers; units are elements."""
    for i in range(start, stop):
        out[i] = mask[i]


@kernel
def average_forward(start, stop, w, x, row, y):
    """y = the sum of each window over its extent, padding included as zeros."""
    n = np.uint64(w.width)
    for chunk in range(start, stop):
        sums = row[chunk]
        for plane in range(w.planes * chunk // CHUNKS, w.planes * (chunk + 1) // CHUNKS):
            for i in range(w.out_height):
                top, bottom = _inside(i, w.stride_h, w.pad_h, w.kernel_h, w.height)
                sums[:n] = 0
                for source in range(top, bottom):
                    at = np.uint64((plane * w.height + source) * w.width)
                    for j in range(n):
                        sums[j] += x[at + j]
                rows = _extent(i, w.stride_h, w.pad_h, w.kernel_h, w.height)
                for j in range(w.out_width):
                    left, right = _inside(j, w.stride_w, w.pad_w, w.kernel_w, w.width)
                    total = x.dtype.type(0)
                    for k in range(left, right):
                        total += sums[np.uint64(k)]
                    extent = rows * _extent(j, w.stride_w, w.pad_w, w.kernel_w, w.width)
                    y[np.uint64((plane * w.out_height + i) * w.out_width + j)] = total / x.dtype.type(extent)


@kernel
def average_backward(start, stop, w, dy, row, dx):
    """dx = the sum of dy / extent over the windows that an element lies in."""
    n, area = np.uint64(w.width), w.height * w.width
    for chunk in range(start, stop):
        sums = row[chunk]
        for plane in range(w.planes * chunk // CHUNKS, w.planes * (chunk + 1) // CHUNKS):
            dx[plane * area : (plane + 1) * area] = 0
            for i in range(w.out_height):
                top, bottom = _inside(i, w.stride_h, w.pad_h, w.kernel_h, w.height)
                rows = _extent(i, w.stride_h, w.pad_h, w.kernel_h, w.height)
                sums[:n] = 0
                for j in range(w.out_width):
                    left, right = _inside(j, w.stride_w, w.pad_w, w.kernel_w, w.width)
                    extent = rows * _extent(j, w.stride_w, w.pad_w, w.kernel_w, w.width)
                    share = dy[np.uint64((plane * w.out_height + i) * w.out_width + j)] / dy.dtype.type(extent)
                    for k in range(left, right):
                        sums[np.uint64(k)] += share
                for target in range(top, bottom):
                    at = np.uint64((plane * w.height + target) * w.width)
                    for j in range(n):
                        dx[at + j] += sums[j]
