"""Convolution of few channels, such as a net's first: x in planes, y on lanes.

A strip of input rows is copied to a zero-bordered place (without pad it is read where it is). There element k of a
window, k = (channel, kernel row, kernel column), lies at a distance from the window's corner that is the same for all
windows: a table of distances takes the place of taps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._jit import inline
from .direct_rows import record_size
from .gather import HEADER, PANEL, RESIDUAL, RUN, gather_sums, gather_table, set_number
from .layout import clear
from .rows import Operand, place, row_kernel, starts_group
from .vector import LANES, ROWS, load, store

STRIP_PIXELS = 256
"""About how many output pixels pass through all weights together."""


class First(NamedTuple):
    """``weights``: panels of windows of one tap, see ``pack_weights``. ``rows``: output rows of a strip."""

    x: Operand
    weights: Operand
    shift: Operand
    residual: Operand
    y: Operand
    work: Operand
    channels: int
    height: int
    width: int
    out_height: int
    out_width: int
    y_lanes: int
    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    pad_h: int
    pad_w: int
    dilation_h: int
    dilation_w: int
    outputs: int
    flags: int
    rows: int
    parts: int


class FirstWeights(NamedTuple):
    """Partial sums ``dw``: [window element, filled up to ROWS][output, filled up to LANES]."""

    x: Operand
    dy: Operand
    dw: Operand
    work: Operand
    channels: int
    height: int
    width: int
    out_height: int
    out_width: int
    y_lanes: int
    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    pad_h: int
    pad_w: int
    dilation_h: int
    dilation_w: int
    outputs: int
    rows: int
    images: int  # of a partial sum


def strip_rows(out_height: int, out_width: int) -> int:
    """Output rows of a strip."""
    return max(1, min(out_height, STRIP_PIXELS // out_width))


def first_work(w, rows: int, y_lanes: int) -> int:
    """Elements of ``work`` for windows ``w``: the strip, distances, records or runs, a line that nobody reads."""
    height = (rows - 1) * w.stride_h + (w.kernel_h - 1) * w.dilation_h + 1
    window = w.channels * w.kernel_h * w.kernel_w
    records = -(-rows * w.out_width // ROWS) * record_size(1) + 2 * (rows + 1) * RUN
    return w.channels * height * (w.width + 2 * w.pad_w) + LANES + 2 * (window + ROWS) + records + y_lanes


class _Strip(NamedTuple):
    """Where channel 0 of the strip's first input row begins, and how far apart rows and channels are."""

    at: int
    row: int
    plane: int
    end: int  # of what it takes of ``work``


@inline
def _strip(arena, r, x, first):
    """The input rows of the output rows from ``first`` on, copied if there is a border; x: where the image lies."""
    line = r.width + 2 * r.pad_w
    height = (r.rows - 1) * r.stride_h + (r.kernel_h - 1) * r.dilation_h + 1
    top = first * r.stride_h - r.pad_h
    if r.pad_h == 0 and r.pad_w == 0:
        return _Strip(x + top * r.width, r.width, r.height * r.width, r.work.base)
    work, width = r.work.base, r.width
    end = work + (r.channels * height * line + LANES - 1) // LANES * LANES
    clear(arena, work, end)
    for c in range(r.channels):
        for i in range(max(0, -top), min(height, r.height - top)):
            source = x + (c * r.height + top + i) * width
            to = work + (c * height + i) * line + r.pad_w
            if width >= LANES:
                for j in range(0, width - LANES, LANES):
                    store(arena, to + j, load(arena, source + j))
                store(arena, to + width - LANES, load(arena, source + width - LANES))
            else:
                for j in range(np.uint64(width)):
                    arena[np.uint64(to) + j] = arena[np.uint64(source) + j]
    return _Strip(work, line, height * line, end)


@inline
def _distance(r, strip, k):
    """How far element ``k`` of a window lies from its corner."""
    c, rest = k // (r.kernel_h * r.kernel_w), k % (r.kernel_h * r.kernel_w)
    i, j = rest // r.kernel_w, rest % r.kernel_w
    return c * strip.plane + i * r.dilation_h * strip.row + j * r.dilation_w


@row_kernel(First, writes=("y", "work"))
def first(arena, r, start, stop):
    """y = relu(sum over the window of weights * x + shift + residual), as ``flags`` say; units are images or parts."""
    window = r.channels * r.kernel_h * r.kernel_w
    parts, out_height, out_width, flags = r.parts, r.out_height, r.out_width, r.flags
    for unit in range(start, stop):
        n, part = unit // parts, unit % parts
        x, y = place(r.x, n, start // parts), place(r.y, n, start // parts)
        residual = place(r.residual, n, start // parts)
        stop_row = out_height * (part + 1) // parts
        for row in range(out_height * part // parts, stop_row, r.rows):
            strip = _strip(arena, r, x, row)
            unread = strip.end
            table = unread + r.y_lanes
            for k in range(window):
                set_number(arena, table, k, _distance(r, strip, k))
            records = table + 2 * window
            pixels = min(r.rows, stop_row - row) * out_width
            blocks = (pixels + ROWS - 1) // ROWS
            i, j = 0, 0
            for block in range(blocks):
                record = records + block * 2 * (HEADER + 1 + ROWS)
                set_number(arena, record, 0, 1)
                set_number(arena, record, HEADER, 0)
                for m in range(ROWS):
                    there = block * ROWS + m < pixels
                    to = ((row + i) * out_width + j) * r.y_lanes
                    set_number(arena, record, 1 + m, y + to if there else unread)
                    set_number(arena, record, 1 + ROWS + m, residual + to if there and flags & RESIDUAL else unread)
                    at = strip.at + i * r.stride_h * strip.row + j * r.stride_w
                    set_number(arena, record, HEADER + 1 + m, at if there else strip.at)
                    j += 1
                    if j == out_width:
                        i, j = i + 1, 0
            for o in range(0, r.outputs, PANEL):
                columns = PANEL if r.outputs - o > LANES else LANES
                for block in range(blocks):
                    record = records + block * 2 * (HEADER + 1 + ROWS)
                    panel = r.weights.base + o * window
                    gather_table(arena, record, panel, o, window, table, r.shift.base + o, flags, columns)


@row_kernel(FirstWeights, writes=("dw", "work"))
def first_weights(arena, r, start, stop):
    """dw[k, o] (+)= sum over output pixels of the k-th element of the window * dy[o]; units are images."""
    window = r.channels * r.kernel_h * r.kernel_w
    line = (r.outputs + LANES - 1) // LANES * LANES
    dw = r.dw.base + start // r.images * r.dw.step
    accumulate = not starts_group(start, r.images)
    for n in range(start, stop):
        x, dy = place(r.x, n, start), place(r.dy, n, start)
        for row in range(0, r.out_height, r.rows):
            strip = _strip(arena, r, x, row)
            table = strip.end
            for k in range((window + ROWS - 1) // ROWS * ROWS):
                set_number(arena, table, k, _distance(r, strip, min(k, window - 1)))
            runs = table + 2 * (window + ROWS)
            count = min(r.rows, r.out_height - row)
            for i in range(count):
                set_number(arena, runs, i * RUN, strip.at + i * r.stride_h * strip.row)
                set_number(arena, runs, i * RUN + 1, dy + (row + i) * r.out_width * r.y_lanes)
                set_number(arena, runs, i * RUN + 2, r.out_width)
            for o in range(0, line, PANEL):
                columns = min(PANEL, line - o)
                for k in range(0, window, ROWS):
                    gather_sums(
                        arena, runs, count, table + 2 * k, 0, r.stride_w, o, r.y_lanes, dw + k * line + o, line,
                        columns, accumulate,
                    )  # fmt: skip
            accumulate = True
