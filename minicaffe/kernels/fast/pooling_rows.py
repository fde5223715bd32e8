"""Maximum and average over windows of images channels last; the geometry is that of ``kernels/pooling.py``.

Each output pixel looks over its window; backward it gives to its window, in order. Where a maximum was found is kept
as a byte: its place in the window, row by row. Windows of 2 x 2 and 3 x 3 that lie inside the image are compiled for
their size.

A part of an image is some rows of outputs or, where there is one row only, some of the channels.
"""

from typing import NamedTuple

import numpy as np

from .._jit import inline, kernel
from .rows import Operand, place, row_kernel
from .vector import LANES, larger, load, splat, store
from .window_vectors import add_where_equal, any_nan, choose_equal, load_bytes, maximum, store_bytes, where_taken

MOST = 256
"""Elements of a window whose places fit a byte."""


class Pool(NamedTuple):
    """x and y, or their gradients, in ``lanes``; ``mask`` holds a byte where y holds a number, where it is kept."""

    x: Operand
    y: Operand
    mask: Operand
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
    lanes: int
    parts: int


@inline
def _share(r, part):
    """What belongs to a part of an image: rows [first, last) of outputs, lanes [low, high)."""
    if r.out_height > 1:
        return r.out_height * part // r.parts, r.out_height * (part + 1) // r.parts, 0, r.lanes
    vectors = r.lanes // LANES
    return 0, 1, vectors * part // r.parts * LANES, vectors * (part + 1) // r.parts * LANES


@inline
def _inside(i, stride, pad, kernel, size):
    """The part of window ``i`` that lies inside the image, as (first, end)."""
    first = i * stride - pad
    return max(0, first), min(size, first + kernel)


@inline
def _extent(i, stride, pad, kernel, size):
    """How many rows of window ``i`` count in the average: padding does, what lies beyond it does not."""
    first = i * stride - pad
    return min(first + kernel, size + pad) - first


# -- one window: rows x columns pixels from ``at`` on ----------------------------------------------------------


@kernel
def _exact(arena, at, rows, columns, kernel_w, line, lanes, to):
    """The maxima of one vector of lanes where NaN may be among them, to ``to``; returns their places."""
    best, found = load(arena, at), splat(np.float32(0))
    for i in range(rows):
        for j in range(columns):
            value, here = load(arena, at + i * line + j * lanes), splat(np.float32(i * kernel_w + j))
            found = where_taken(value, best, here, found)
            best = maximum(value, best)
    store(arena, to, best)
    return found


@inline
def _largest(arena, at, rows, columns, line, lanes):
    """The maxima of one vector of lanes, and a sum that is NaN if one of the numbers is."""
    best = total = load(arena, at)
    for j in range(1, columns):
        value = load(arena, at + j * lanes)
        best, total = larger(value, best), total + value
    for i in range(1, rows):
        for j in range(columns):
            value = load(arena, at + i * line + j * lanes)
            best, total = larger(value, best), total + value
    return best, total


@inline
def _places(arena, at, rows, columns, kernel_w, line, lanes, vectors, y, mask, to, corner):
    """Maxima and their places; that of the first pixel is ``corner``."""
    begin = splat(np.float32(corner))
    for lane in range(vectors):
        lane *= LANES
        best, total = _largest(arena, at + lane, rows, columns, line, lanes)
        if any_nan(total):
            found = _exact(arena, at + lane, rows, columns, kernel_w, line, lanes, y + to + lane)
        else:
            found = splat(np.float32(0))
            for i in range(rows - 1, -1, -1):
                for j in range(columns - 1, -1, -1):
                    value = load(arena, at + lane + i * line + j * lanes)
                    found = choose_equal(value, best, splat(np.float32(i * kernel_w + j)), found)
            store(arena, y + to + lane, best)
        store_bytes(arena, mask, to + lane, found + begin)


@inline
def _maxima(arena, at, rows, columns, line, lanes, vectors, to):
    for lane in range(vectors):
        lane *= LANES
        best, total = _largest(arena, at + lane, rows, columns, line, lanes)
        store(arena, to + lane, best)
        if any_nan(total):
            _exact(arena, at + lane, rows, columns, columns, line, lanes, to + lane)


@inline
def _averages(arena, at, rows, columns, line, lanes, vectors, extent, to):
    share = splat(np.float32(extent))
    for lane in range(vectors):
        lane *= LANES
        total = splat(np.float32(0))
        for i in range(rows):
            for j in range(columns):
                total = total + load(arena, at + lane + i * line + j * lanes)
        store(arena, to + lane, total / share)


@inline
def _give_back(arena, dy, mask, to, rows, columns, kernel_w, line, lanes, vectors, corner, at):
    """Add dy to where the maximum was found."""
    begin = splat(np.float32(corner))
    for lane in range(vectors):
        lane *= LANES
        value, found = load(arena, dy + to + lane), load_bytes(arena, mask, to + lane) - begin
        for i in range(rows):
            for j in range(columns):
                into, here = at + lane + i * line + j * lanes, splat(np.float32(i * kernel_w + j))
                store(arena, into, add_where_equal(load(arena, into), found, here, value))


@inline
def _spread(arena, dy, rows, columns, line, lanes, vectors, extent, at):
    """Add dy / extent to the whole window."""
    share = splat(np.float32(1) / np.float32(extent))
    for lane in range(vectors):
        lane *= LANES
        value = load(arena, dy + lane) * share
        for i in range(rows):
            for j in range(columns):
                into = at + lane + i * line + j * lanes
                store(arena, into, load(arena, into) + value)


# -- kernels -------------------------------------------------------------------------------------------------


@row_kernel(Pool, writes=("y", "mask"))
def max_pooling(arena, r, start, stop):
    """y = each window's largest, mask = its place in the window, the first among equals."""
    width, lanes, parts = r.width, r.lanes, r.parts
    kernel_w, stride_w, pad_w = r.kernel_w, r.stride_w, r.pad_w
    line = width * lanes
    for unit in range(start, stop):
        n, base = unit // parts, start // parts
        first, last, low, high = _share(r, unit % parts)
        x, y, mask = place(r.x, n, base) + low, place(r.y, n, base), place(r.mask, n, base)
        vectors = (high - low) // LANES
        for i in range(first, last):
            top, bottom = _inside(i, r.stride_h, r.pad_h, r.kernel_h, r.height)
            above, rows = (top - i * r.stride_h + r.pad_h) * kernel_w, bottom - top
            for j in range(r.out_width):
                left, right = _inside(j, stride_w, pad_w, kernel_w, width)
                at, to, columns = x + top * line + left * lanes, (i * r.out_width + j) * lanes + low, right - left
                corner = above + left - j * stride_w + pad_w
                if (rows == 3) & (columns == 3) & (kernel_w == 3):
                    _places(arena, at, 3, 3, 3, line, lanes, vectors, y, mask, to, corner)
                elif (rows == 2) & (columns == 2) & (kernel_w == 2):
                    _places(arena, at, 2, 2, 2, line, lanes, vectors, y, mask, to, corner)
                else:
                    _places(arena, at, rows, columns, kernel_w, line, lanes, vectors, y, mask, to, corner)


@row_kernel(Pool, writes=("y",))
def max_pooling_only(arena, r, start, stop):
    """y = each window's largest."""
    width, lanes, parts = r.width, r.lanes, r.parts
    line = width * lanes
    for unit in range(start, stop):
        n, base = unit // parts, start // parts
        first, last, low, high = _share(r, unit % parts)
        x, y, vectors = place(r.x, n, base) + low, place(r.y, n, base) + low, (high - low) // LANES
        for i in range(first, last):
            top, bottom = _inside(i, r.stride_h, r.pad_h, r.kernel_h, r.height)
            for j in range(r.out_width):
                left, right = _inside(j, r.stride_w, r.pad_w, r.kernel_w, width)
                at, to = x + top * line + left * lanes, y + (i * r.out_width + j) * lanes
                if (bottom - top == 3) & (right - left == 3):
                    _maxima(arena, at, 3, 3, line, lanes, vectors, to)
                else:
                    _maxima(arena, at, bottom - top, right - left, line, lanes, vectors, to)


@row_kernel(Pool, writes=("y",))
def average_pooling(arena, r, start, stop):
    """y = the sum of each window over its extent, padding included as zeros."""
    width, lanes, parts = r.width, r.lanes, r.parts
    line = width * lanes
    for unit in range(start, stop):
        n, base = unit // parts, start // parts
        first, last, low, high = _share(r, unit % parts)
        x, y, vectors = place(r.x, n, base) + low, place(r.y, n, base) + low, (high - low) // LANES
        for i in range(first, last):
            top, bottom = _inside(i, r.stride_h, r.pad_h, r.kernel_h, r.height)
            extent_h = _extent(i, r.stride_h, r.pad_h, r.kernel_h, r.height)
            for j in range(r.out_width):
                left, right = _inside(j, r.stride_w, r.pad_w, r.kernel_w, width)
                extent = extent_h * _extent(j, r.stride_w, r.pad_w, r.kernel_w, width)
                at, to = x + top * line + left * lanes, y + (i * r.out_width + j) * lanes
                if (bottom - top == 3) & (right - left == 3):
                    _averages(arena, at, 3, 3, line, lanes, vectors, extent, to)
                else:
                    _averages(arena, at, bottom - top, right - left, line, lanes, vectors, extent, to)


@inline
def _clear(arena, at, end):
    for i in range(at, end, LANES):
        store(arena, i, splat(np.float32(0)))


@row_kernel(Pool, writes=("x",))
def max_pooling_backward(arena, r, start, stop):
    """x = the sum of y over the windows whose maximum an element is; by whole images."""
    width, lanes, kernel_w, stride_w, pad_w = r.width, r.lanes, r.kernel_w, r.stride_w, r.pad_w
    line, vectors = width * lanes, lanes // LANES
    for n in range(start, stop):
        dx, dy, mask = place(r.x, n, start), place(r.y, n, start), place(r.mask, n, start)
        cleared = 0
        for i in range(r.out_height):
            top, bottom = _inside(i, r.stride_h, r.pad_h, r.kernel_h, r.height)
            _clear(arena, dx + cleared * line, dx + bottom * line)
            cleared = max(cleared, bottom)
            above, rows = (top - i * r.stride_h + r.pad_h) * kernel_w, bottom - top
            for j in range(r.out_width):
                left, right = _inside(j, stride_w, pad_w, kernel_w, width)
                at, to, columns = dx + top * line + left * lanes, (i * r.out_width + j) * lanes, right - left
                corner = above + left - j * stride_w + pad_w
                if (rows == 3) & (columns == 3) & (kernel_w == 3):
                    _give_back(arena, dy, mask, to, 3, 3, 3, line, lanes, vectors, corner, at)
                elif (rows == 2) & (columns == 2) & (kernel_w == 2):
                    _give_back(arena, dy, mask, to, 2, 2, 2, line, lanes, vectors, corner, at)
                else:
                    _give_back(arena, dy, mask, to, rows, columns, kernel_w, line, lanes, vectors, corner, at)
        _clear(arena, dx + cleared * line, dx + r.height * line)


@row_kernel(Pool, writes=("x",))
def average_pooling_backward(arena, r, start, stop):
    """x = the sum of y / extent over the windows that an element lies in; by whole images."""
    width, lanes = r.width, r.lanes
    line, vectors = width * lanes, lanes // LANES
    for n in range(start, stop):
        dx, dy = place(r.x, n, start), place(r.y, n, start)
        cleared = 0
        for i in range(r.out_height):
            top, bottom = _inside(i, r.stride_h, r.pad_h, r.kernel_h, r.height)
            _clear(arena, dx + cleared * line, dx + bottom * line)
            cleared = max(cleared, bottom)
            extent_h = _extent(i, r.stride_h, r.pad_h, r.kernel_h, r.height)
            for j in range(r.out_width):
                left, right = _inside(j, r.stride_w, r.pad_w, r.kernel_w, width)
                extent = extent_h * _extent(j, r.stride_w, r.pad_w, r.kernel_w, width)
                at, to = dx + top * line + left * lanes, dy + (i * r.out_width + j) * lanes
                if (bottom - top == 3) & (right - left == 3):
                    _spread(arena, to, 3, 3, line, lanes, vectors, extent, at)
                else:
                    _spread(arena, to, bottom - top, right - left, line, lanes, vectors, extent, at)
        _clear(arena, dx + cleared * line, dx + r.height * line)
