"""Maximum and average over windows of images channels last; the geometry is that of ``kernels/pooling.py``.

Forward, each output pixel looks over its window; backward, each input pixel gathers from the windows that it lies
in, in order, so that everything is written once. Where a maximum was found is kept as a byte: its place in the
window, row by row.

A part of an image is some rows of outputs or, where there is one row only, some of the channels.
"""

from typing import NamedTuple

import numpy as np

from .._jit import inline
from .rows import Operand, place, row_kernel
from .vector import LANES, load, splat, store
from .window_vectors import maximum, store_bytes, where_byte, where_taken

MOST = 256
"""Elements of a window whose places fit a byte."""


class Pool(NamedTuple):
    """x, y and their gradients in ``lanes``; ``mask`` holds a byte where y holds a number, where it is kept."""

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


@row_kernel(Pool, writes=("y", "mask"))
def max_pooling(arena, r, start, stop):
    """y = each window's largest, mask = its place in the window, the first among equals."""
    width, lanes, out_width, parts = r.width, r.lanes, r.out_width, r.parts
    kernel_w, stride_w, pad_w = r.kernel_w, r.stride_w, r.pad_w
    one, line = splat(np.float32(1)), width * lanes
    for unit in range(start, stop):
        n, begin = unit // parts, start // parts
        x, y, mask = place(r.x, n, begin), place(r.y, n, begin), place(r.mask, n, begin)
        first, last, low, high = _share(r, unit % parts)
        for i in range(first, last):
            top, bottom = _inside(i, r.stride_h, r.pad_h, r.kernel_h, r.height)
            above = (top - i * r.stride_h + r.pad_h) * kernel_w
            for j in range(out_width):
                left, right = _inside(j, stride_w, pad_w, kernel_w, width)
                corner, to = x + top * line + left * lanes, (i * out_width + j) * lanes
                begins = splat(np.float32(above + left - j * stride_w + pad_w))
                skip = splat(np.float32(kernel_w - (right - left)))
                reach, end = (right - left) * lanes, corner + (bottom - top) * line
                for lane in range(low, high, LANES):
                    best, found, index = load(arena, corner + lane), begins, begins
                    for row in range(corner + lane, end + lane, line):
                        for at in range(row, row + reach, lanes):
                            value = load(arena, at)
                            found = where_taken(value, best, index, found)
                            best = maximum(value, best)
                            index = index + one
                        index = index + skip
                    store(arena, y + to + lane, best)
                    store_bytes(arena, mask, to + lane, found)


@row_kernel(Pool, writes=("y",))
def max_pooling_only(arena, r, start, stop):
    """y = each window's largest."""
    width, lanes, out_width, parts = r.width, r.lanes, r.out_width, r.parts
    kernel_w, stride_w, pad_w = r.kernel_w, r.stride_w, r.pad_w
    line = width * lanes
    for unit in range(start, stop):
        n, begin = unit // parts, start // parts
        x, y = place(r.x, n, begin), place(r.y, n, begin)
        first, last, low, high = _share(r, unit % parts)
        for i in range(first, last):
            top, bottom = _inside(i, r.stride_h, r.pad_h, r.kernel_h, r.height)
            for j in range(out_width):
                left, right = _inside(j, stride_w, pad_w, kernel_w, width)
                corner, to = x + top * line + left * lanes, y + (i * out_width + j) * lanes
                reach, end = (right - left) * lanes, corner + (bottom - top) * line
                for lane in range(low, high, LANES):
                    best = load(arena, corner + lane)
                    for row in range(corner + lane, end + lane, line):
                        for at in range(row, row + reach, lanes):
                            best = maximum(load(arena, at), best)
                    store(arena, to + lane, best)


@row_kernel(Pool, writes=("y",))
def average_pooling(arena, r, start, stop):
    """y = the sum of each window over its extent, padding included as zeros."""
    width, lanes, out_width, parts = r.width, r.lanes, r.out_width, r.parts
    kernel_w, stride_w, pad_w = r.kernel_w, r.stride_w, r.pad_w
    line = width * lanes
    for unit in range(start, stop):
        n, begin = unit // parts, start // parts
        x, y = place(r.x, n, begin), place(r.y, n, begin)
        first, last, low, high = _share(r, unit % parts)
        for i in range(first, last):
            top, bottom = _inside(i, r.stride_h, r.pad_h, r.kernel_h, r.height)
            rows = _extent(i, r.stride_h, r.pad_h, r.kernel_h, r.height)
            for j in range(out_width):
                left, right = _inside(j, stride_w, pad_w, kernel_w, width)
                extent = splat(np.float32(rows * _extent(j, stride_w, pad_w, kernel_w, width)))
                corner, to = x + top * line + left * lanes, y + (i * out_width + j) * lanes
                reach, end = (right - left) * lanes, corner + (bottom - top) * line
                for lane in range(low, high, LANES):
                    total = splat(np.float32(0))
                    for row in range(corner + lane, end + lane, line):
                        for at in range(row, row + reach, lanes):
                            total = total + load(arena, at)
                    store(arena, to + lane, total / extent)


class PoolGradient(NamedTuple):
    """As ``Pool``, with the gradient ``dy`` of y and that of x, ``dx``."""

    dy: Operand
    mask: Operand
    dx: Operand
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


@inline
def _windows(at, first, last, stride, kernel, outputs):
    """The windows [first, last) that hold ``at``, from those of the place before; both from the padding's edge."""
    while first * stride + kernel <= at:
        first += 1
    while last < outputs and last * stride <= at:
        last += 1
    return first, last


@row_kernel(PoolGradient, writes=("dx",))
def max_pooling_backward(arena, r, start, stop):
    """dx = the sum of dy over the windows whose maximum an element is."""
    lanes, width, out_width = r.lanes, r.width, r.out_width
    kernel_w, stride_w, pad_w = r.kernel_w, r.stride_w, r.pad_w
    for n in range(start, stop):
        dy, mask, dx = place(r.dy, n, start), place(r.mask, n, start), place(r.dx, n, start)
        top, bottom = 0, 0
        for h in range(r.height):
            top, bottom = _windows(h + r.pad_h, top, bottom, r.stride_h, r.kernel_h, r.out_height)
            left, right = 0, 0
            for w in range(width):
                left, right = _windows(w + pad_w, left, right, stride_w, kernel_w, out_width)
                to = dx + (h * width + w) * lanes
                corner = (h + r.pad_h - top * r.stride_h) * kernel_w + w + pad_w - left * stride_w
                for lane in range(0, lanes, LANES):
                    total, row, outer = splat(np.float32(0)), corner, (top * out_width + left) * lanes + lane
                    for _ in range(bottom - top):
                        index, at = row, outer
                        for _ in range(right - left):
                            total = total + where_byte(arena, mask, at, index, load(arena, dy + at))
                            index -= stride_w
                            at += lanes
                        row -= r.stride_h * kernel_w
                        outer += out_width * lanes
                    store(arena, to + lane, total)


@row_kernel(PoolGradient, writes=("dx",))
def average_pooling_backward(arena, r, start, stop):
    """dx = the sum of dy / extent over the windows that an element lies in."""
    lanes, width, out_width = r.lanes, r.width, r.out_width
    kernel_w, stride_w, pad_w = r.kernel_w, r.stride_w, r.pad_w
    for n in range(start, stop):
        dy, dx = place(r.dy, n, start), place(r.dx, n, start)
        top, bottom = 0, 0
        for h in range(r.height):
            top, bottom = _windows(h + r.pad_h, top, bottom, r.stride_h, r.kernel_h, r.out_height)
            left, right = 0, 0
            for w in range(width):
                left, right = _windows(w + pad_w, left, right, stride_w, kernel_w, out_width)
                to = dx + (h * width + w) * lanes
                for lane in range(0, lanes, LANES):
                    total = splat(np.float32(0))
                    for i in range(top, bottom):
                        rows = _extent(i, r.stride_h, r.pad_h, r.kernel_h, r.height)
                        for j in range(left, right):
                            extent = rows * _extent(j, stride_w, pad_w, kernel_w, width)
                            share = splat(np.float32(1) / np.float32(extent))
                            total = total + load(arena, dy + (i * out_width + j) * lanes + lane) * share
                    store(arena, to + lane, total)
