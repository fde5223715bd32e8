"""Stochastic pooling over the windows of ``pooling``, without padding; numbers are meant not to be negative.

Units are planes; arrays are flat. Sums are float64.
"""

import numpy as np

from ._jit import inline, kernel
from .pooling import _inside
from .random import random_bits

_SHARE = 2.0**-53


@inline
def _share(key, index):
    """A random number above 0 and up to 1, for element ``index`` (an int) of stream ``key``."""
    return (float(np.int64(random_bits(key, np.uint64(index)) >> np.uint64(11))) + 1.0) * _SHARE


@inline
def _sums(w, x, plane, top, bottom, left, right):
    """The sums of x and of x^2 over a window."""
    total, squares = 0.0, 0.0
    for row in range(top, bottom):
        at = (plane * w.height + row) * w.width
        for k in range(at + left, at + right):
            value = float(x[k])
            total += value
            squares += value * value
    return total, squares


@inline
def _reached(w, x, plane, top, bottom, left, right, wanted):
    """The index in the plane of the window's first element at which the running sum is NaN or at least ``wanted``.

    The last element where there is none.
    """
    total = 0.0
    for row in range(top, bottom):
        for k in range(row * w.width + left, row * w.width + right):
            total += float(x[plane * w.height * w.width + k])
            if total >= wanted or total != total:
                return k
    return (bottom - 1) * w.width + right - 1


@kernel
def sample_forward(start, stop, w, key, x, y, mask):
    """y = an element of each window, drawn with probability x / sum of x; mask (int32) = its index in the plane."""
    outputs = w.out_height * w.out_width
    for plane in range(start, stop):
        for j in range(outputs):
            top, bottom = _inside(j // w.out_width, w.stride_h, w.pad_h, w.kernel_h, w.height)
            left, right = _inside(j % w.out_width, w.stride_w, w.pad_w, w.kernel_w, w.width)
            total, _ = _sums(w, x, plane, top, bottom, left, right)
            wanted = _share(key, plane * outputs + j) * total
            index = _reached(w, x, plane, top, bottom, left, right, wanted)
            mask[plane * outputs + j] = index
            y[plane * outputs + j] = x[plane * w.height * w.width + index]


@kernel
def expected_forward(start, stop, w, x, y):
    """y = sum of x^2 / sum of x over each window, what ``sample_forward`` gives on average; 0 where the sum is <= 0."""
    outputs = w.out_height * w.out_width
    for plane in range(start, stop):
        for j in range(outputs):
            top, bottom = _inside(j // w.out_width, w.stride_h, w.pad_h, w.kernel_h, w.height)
            left, right = _inside(j % w.out_width, w.stride_w, w.pad_w, w.kernel_w, w.width)
            total, squares = _sums(w, x, plane, top, bottom, left, right)
            y[plane * outputs + j] = 0.0 if total <= 0 else squares / total


@kernel
def expected_backward(start, stop, w, x, y, dy, dx):
    """dx = the sum of dy (2 x - y) / (sum of x) over the windows that an element lies in."""
    outputs, area = w.out_height * w.out_width, w.height * w.width
    for plane in range(start, stop):
        dx[plane * area : (plane + 1) * area] = 0
        for j in range(outputs):
            top, bottom = _inside(j // w.out_width, w.stride_h, w.pad_h, w.kernel_h, w.height)
            left, right = _inside(j % w.out_width, w.stride_w, w.pad_w, w.kernel_w, w.width)
            total, _ = _sums(w, x, plane, top, bottom, left, right)
            if not total <= 0:
                share, mean = dy[plane * outputs + j] / total, y[plane * outputs + j]
                for row in range(top, bottom):
                    at = (plane * w.height + row) * w.width
                    for k in range(at + left, at + right):
                        dx[k] += share * (x[k] + x[k] - mean)
