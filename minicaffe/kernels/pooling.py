"""Maximum and average over windows of each image plane; units are planes (images x channels).

Output (i, j) covers rows i * stride_h - pad_h ... + kernel_h of the plane, columns likewise; arrays are flat. One
element of the window is taken at a time for a whole output row, so the loops run along the row. A window that
lies wholly outside the plane gives the lowest number (maximum) or 0 (average) and takes no gradient.
"""

from typing import NamedTuple

import numpy as np

from ._jit import inline, kernel


class Windows(NamedTuple):
    """The geometry of a pooling, on integers."""

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


@inline
def _columns(w, k):
    """The output columns [least, most) whose window has its column ``k`` inside the plane."""
    offset = k - w.pad_w
    least = 0 if offset >= 0 else (-offset + w.stride_w - 1) // w.stride_w
    most = 0 if offset >= w.width else min(w.out_width, (w.width - 1 - offset) // w.stride_w + 1)
    return min(least, most), most


@inline
def _take_larger(n, x, at, step, index, y, mask, to):
    """For j < n: y, mask = x, index where x[at + j * step] is larger than y, is NaN, or is the first met."""
    for j in range(n):
        value = x[at + j * step]
        best, known = y[to + j], mask[to + j]
        taken = value > best or value != value or known < 0
        y[to + j] = value if taken else best
        mask[to + j] = np.int32(index + np.int64(j * step)) if taken else known


@kernel
def max_forward(start, stop, w, x, lowest, y, mask):
    """y = the largest element of each window; mask (int32) = its index in the plane, the first among equals, or -1."""
    one, two, step = np.uint64(1), np.uint64(2), np.uint64(w.stride_w)
    for plane in range(start, stop):
        for i in range(w.out_height):
            to = (plane * w.out_height + i) * w.out_width
            for j in range(to, to + w.out_width):
                y[j] = lowest
                mask[j] = np.int32(-1)
            top = i * w.stride_h - w.pad_h
            for row in range(max(0, top), min(w.height, top + w.kernel_h)):
                for k in range(w.kernel_w):
                    least, most = _columns(w, k)
                    index = row * w.width + k - w.pad_w + least * w.stride_w
                    n, at = np.uint64(most - least), np.uint64(plane * w.height * w.width + index)
                    if w.stride_w == 1:
                        _take_larger(n, x, at, one, index, y, mask, np.uint64(to + least))
                    elif w.stride_w == 2:
                        _take_larger(n, x, at, two, index, y, mask, np.uint64(to + least))
                    else:
                        _take_larger(n, x, at, step, index, y, mask, np.uint64(to + least))


@kernel
def max_backward(start, stop, w, dy, mask, dx):
    """dx = the sum of dy over the windows whose maximum an element is."""
    area, outputs = w.height * w.width, w.out_height * w.out_width
    for plane in range(start, stop):
        dx[plane * area : (plane + 1) * area] = 0
        for j in range(plane * outputs, (plane + 1) * outputs):
            if mask[j] >= 0:
                dx[plane * area + mask[j]] += dy[j]


@kernel
def as_numbers(start, stop, mask, out):
    """The mask as floating-point numbers, element by element."""
    for i in range(start, stop):
        out[i] = mask[i]


@inline
def _extent(i, stride, pad, kernel, size):
    """How many rows of window ``i`` count in the average: padding counts, what lies beyond it does not."""
    first = i * stride - pad
    return min(first + kernel, size + pad) - first


@inline
def _add_strided(n, x, at, step, y, to):
    for j in range(n):
        y[to + j] += x[at + j * step]


@kernel
def average_forward(start, stop, w, x, y):
    """y = the sum of each window over its extent, padding included as zeros."""
    one, two, step = np.uint64(1), np.uint64(2), np.uint64(w.stride_w)
    for plane in range(start, stop):
        for i in range(w.out_height):
            to = (plane * w.out_height + i) * w.out_width
            y[to : to + w.out_width] = 0
            top = i * w.stride_h - w.pad_h
            for row in range(max(0, top), min(w.height, top + w.kernel_h)):
                for k in range(w.kernel_w):
                    least, most = _columns(w, k)
                    first = (plane * w.height + row) * w.width + k - w.pad_w + least * w.stride_w
                    n, at = np.uint64(most - least), np.uint64(first)
                    if w.stride_w == 1:
                        _add_strided(n, x, at, one, y, np.uint64(to + least))
                    elif w.stride_w == 2:
                        _add_strided(n, x, at, two, y, np.uint64(to + least))
                    else:
                        _add_strided(n, x, at, step, y, np.uint64(to + least))
            rows = _extent(i, w.stride_h, w.pad_h, w.kernel_h, w.height)
            for j in range(w.out_width):
                extent = rows * _extent(j, w.stride_w, w.pad_w, w.kernel_w, w.width)
                y[to + j] /= x.dtype.type(max(1, extent))


@kernel
def average_backward(start, stop, w, dy, dx):
    """dx = the sum of dy / extent over the windows that an element lies in."""
    for plane in range(start, stop):
        dx[plane * w.height * w.width : (plane + 1) * w.height * w.width] = 0
        for i in range(w.out_height):
            rows = _extent(i, w.stride_h, w.pad_h, w.kernel_h, w.height)
            top = i * w.stride_h - w.pad_h
            for j in range(w.out_width):
                extent = rows * _extent(j, w.stride_w, w.pad_w, w.kernel_w, w.width)
                share = dy[(plane * w.out_height + i) * w.out_width + j] / dy.dtype.type(max(1, extent))
                left = j * w.stride_w - w.pad_w
                for row in range(max(0, top), min(w.height, top + w.kernel_h)):
                    at = (plane * w.height + row) * w.width
                    for k in range(max(0, left), min(w.width, left + w.kernel_w)):
                        dx[at + k] += share
