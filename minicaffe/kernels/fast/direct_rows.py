"""Convolution without a transform, on lanes: each output pixel sums its taps and channels in registers.

One kernel for the output and for the gradient of the input, which is the same sum over other pixels: along each axis,
tap k of output pixel p reads input pixel (p scale + k reach + offset) / divide, where that is whole and inside.

    output    scale = stride, reach = dilation, offset = -pad, divide = 1
    gradient  scale = 1, reach = -dilation, offset = pad, divide = stride

Output pixels whose remainders by ``divide`` agree have the same taps and are done together. Taps outside the image
read a line of zeros, so no padded copy is made.
"""

from __future__ import annotations

from typing import NamedTuple

from .._jit import inline, kernel
from .gather import HEADER, PANEL, RESIDUAL, RUN, TAP, gather_depthwise, gather_lines, gather_sums, set_number
from .layout import clear
from .rows import Operand, place, row_kernel, starts_group
from .vector import LANES, ROWS

STRIP = 16
"""Most blocks of ROWS pixels that pass through all panels of weights together."""

STRIP_ELEMENTS = 2**16
"""Their inputs should not exceed this: they stay in the second-level cache."""

DEPTH = 256
"""Pixels that pass through all taps and channels together, in weight gradients: a first-level cache of them."""

MOST_RUNS = 64


class Direct(NamedTuple):
    """``weights``: panels as ``pack_weights`` makes them. ``channels`` and ``outputs`` are those of one group."""

    x: Operand
    weights: Operand
    shift: Operand
    residual: Operand
    y: Operand
    work: Operand
    height: int  # of x
    width: int
    x_lanes: int
    out_height: int  # of y
    out_width: int
    y_lanes: int
    kernel_h: int
    kernel_w: int
    scale_h: int
    scale_w: int
    reach_h: int
    reach_w: int
    offset_h: int
    offset_w: int
    divide_h: int
    divide_w: int
    groups: int
    channels: int
    outputs: int
    flags: int
    depthwise: int  # 1: output o sums channel o alone; groups and channels are 1
    strip: int  # blocks, see ``strip_blocks``
    pixel_parts: int
    output_parts: int


def record_size(taps: int) -> int:
    """Elements of the arena that a block's record takes."""
    return 2 * (HEADER + taps * TAP)


def strip_blocks(channels: int, pixels: int) -> int:
    """Blocks of a strip, for images of so many pixels and channels."""
    return max(1, min(STRIP, -(-pixels // ROWS), max(4, STRIP_ELEMENTS // (ROWS * channels))))


def direct_work(x_lanes: int, y_lanes: int, taps: int, blocks: int) -> int:
    """Elements of ``work``: a line of zeros, a line that nobody reads, the records."""
    return x_lanes + y_lanes + blocks * record_size(taps)


class _Span(NamedTuple):
    """Images [first, last), whose operands are placed as in a call that starts at ``start``; a part of their work."""

    first: int
    last: int
    start: int
    pixel_part: int
    output_part: int


@row_kernel(Direct, writes=("y", "work"))
def direct(arena, r, start, stop):
    """y = relu(sum over taps and channels of weights * x + shift + residual), as ``flags`` say.

    Units are images, or their parts: pixel_parts * output_parts to an image.
    """
    parts = r.pixel_parts * r.output_parts
    clear(arena, r.work.base, r.work.base + r.x_lanes)
    if parts == 1:
        _direct_span(arena, r, _Span(start, stop, start, 0, 0))
    else:
        for unit in range(start, stop):
            n, part = unit // parts, unit % parts
            span = _Span(n, n + 1, start // parts, part % r.pixel_parts, part // r.pixel_parts)
            _direct_span(arena, r, span)


@kernel
def _direct_span(arena, r, span):
    for phase_h in range(r.divide_h):
        for phase_w in range(r.divide_w):
            down = (r.out_height - phase_h + r.divide_h - 1) // r.divide_h
            across = (r.out_width - phase_w + r.divide_w - 1) // r.divide_w
            pixels = (span.last - span.first) * down * across
            blocks = -(-pixels // ROWS)
            at = blocks * span.pixel_part // r.pixel_parts
            end = blocks * (span.pixel_part + 1) // r.pixel_parts
            while at < end:
                count = min(r.strip, end - at)
                _write_records(arena, r, span, phase_h, phase_w, down, across, at * ROWS, count)
                _strip_products(arena, r, span, count)
                at += count


@inline
def _write_records(arena, r, span, phase_h, phase_w, down, across, first, count):
    """Records of ``count`` blocks, from the first-th pixel of the phase."""
    zeros, unread = r.work.base, r.work.base + r.x_lanes
    kernel_h, kernel_w, height, width = r.kernel_h, r.kernel_w, r.height, r.width
    scale_h, scale_w, reach_h, reach_w = r.scale_h, r.scale_w, r.reach_h, r.reach_w
    divide_h, divide_w, x_lanes = r.divide_h, r.divide_w, r.x_lanes
    size = 2 * (HEADER + kernel_h * kernel_w * TAP)
    weights = r.channels * PANEL
    n = span.first + first // (down * across)
    i, j = first // across % down, first % across
    for block in range(count):
        record = unread + r.y_lanes + block * size
        taps = 0
        for m in range(ROWS):
            taps = 0
            there = n < span.last
            image = min(n, span.last - 1)
            row, column = phase_h + i * divide_h, phase_w + j * divide_w
            to = (row * r.out_width + column) * r.y_lanes
            set_number(arena, record, 1 + m, place(r.y, image, span.start) + to if there else unread)
            add = place(r.residual, image, span.start) + to if there and r.flags & RESIDUAL else unread
            set_number(arena, record, 1 + ROWS + m, add)
            x = place(r.x, image, span.start)
            h = row * scale_h + r.offset_h
            for kernel_row in range(kernel_h):
                if h % divide_h == 0:
                    inside = there and 0 <= h < height * divide_h
                    line = x + h // divide_h * width * x_lanes
                    w = column * scale_w + r.offset_w
                    for kernel_column in range(kernel_w):
                        if w % divide_w == 0:
                            tap = HEADER + taps * TAP
                            if m == 0:
                                set_number(arena, record, tap, (kernel_row * kernel_w + kernel_column) * weights)
                            seen = inside and 0 <= w < width * divide_w
                            set_number(arena, record, tap + 1 + m, line + w // divide_w * x_lanes if seen else zeros)
                            taps += 1
                        w += reach_w
                h += reach_h
            j += 1
            if j == across:
                j = 0
                i += 1
                if i == down:
                    i = 0
                    n += 1
        set_number(arena, record, 0, taps)


@inline
def _strip_products(arena, r, span, count):
    taps = r.kernel_h * r.kernel_w
    records = r.work.base + r.x_lanes + r.y_lanes
    size = 2 * (HEADER + taps * TAP)
    panels = (r.outputs + PANEL - 1) // PANEL
    channels, outputs, flags = r.channels, r.outputs, r.flags
    total = r.groups * panels
    for panel in range(total * span.output_part // r.output_parts, total * (span.output_part + 1) // r.output_parts):
        g, first = panel // panels, panel % panels * PANEL
        weights = r.weights.base + panel * taps * channels * PANEL
        output = g * outputs + first
        columns = PANEL if outputs - first > LANES else LANES
        for block in range(count):
            record = records + block * size
            if r.depthwise:
                gather_depthwise(arena, record, weights, output, r.shift.base + output, flags, columns)
            else:
                gather_lines(
                    arena, record, weights, g * channels, output, channels, r.shift.base + output, flags, columns
                )


class DirectWeights(NamedTuple):
    """Partial sums ``dw``: [group][tap][channel, filled up to ROWS][output, filled up to LANES]."""

    x: Operand
    dy: Operand
    dw: Operand
    work: Operand
    height: int
    width: int
    x_lanes: int
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
    groups: int
    channels: int
    outputs: int
    images: int  # of a partial sum


WEIGHTS_WORK = 2 * (ROWS + MOST_RUNS * RUN)
"""Elements of ``work`` of ``direct_weights``."""


def partial_rows(channels: int) -> int:
    """Rows of a tap's partial sum."""
    return -(-channels // ROWS) * ROWS


@row_kernel(DirectWeights, writes=("dw", "work"))
def direct_weights(arena, r, start, stop):
    """dw[tap, c, o] (+)= sum over output pixels p of x[input pixel of p and tap, c] * dy[p, o]; units are images."""
    lines = max(1, min(MOST_RUNS, DEPTH // r.out_width))
    total = (stop - start) * r.out_height
    at = 0
    while at < total:
        count = min(lines, total - at)
        accumulate = at > 0 or not starts_group(start, r.images)
        for tap in range(r.kernel_h * r.kernel_w):
            runs = _write_runs(arena, r, start, tap, at, count)
            _tap_sums(arena, r, start, tap, runs, accumulate)
        at += count


@inline
def _write_runs(arena, r, start, tap, first, count):
    """The pixels of ``count`` rows of outputs for which a tap lies inside the image; returns how many runs."""
    to = r.work.base + 2 * ROWS
    reach_h = tap // r.kernel_w * r.dilation_h - r.pad_h
    reach_w = tap % r.kernel_w * r.dilation_w - r.pad_w
    stride = r.stride_w
    left = max(0, (stride - 1 - reach_w) // stride)
    right = min(r.out_width, (r.width - 1 - reach_w) // stride + 1)
    runs, pixels, next_x, next_dy = 0, 0, 0, 0
    for line in range(first, first + count):
        n, row = start + line // r.out_height, line % r.out_height
        h = row * r.stride_h + reach_h
        if 0 <= h < r.height and left < right:
            x = place(r.x, n, start) + (h * r.width + left * stride + reach_w) * r.x_lanes
            dy = place(r.dy, n, start) + (row * r.out_width + left) * r.y_lanes
            if runs > 0 and x == next_x and dy == next_dy:
                pixels += right - left
            else:
                pixels = right - left
                set_number(arena, to, runs * RUN, x)
                set_number(arena, to, runs * RUN + 1, dy)
                runs += 1
            set_number(arena, to, runs * RUN - 1, pixels)
            next_x = x + (right - left) * stride * r.x_lanes
            next_dy = dy + (right - left) * r.y_lanes
    return runs


@inline
def _tap_sums(arena, r, start, tap, runs, accumulate):
    offsets, channels = r.work.base, r.channels
    rows = (channels + ROWS - 1) // ROWS * ROWS
    line = (r.outputs + LANES - 1) // LANES * LANES
    taps = r.kernel_h * r.kernel_w
    dw = r.dw.base + start // r.images * r.dw.step
    for g in range(r.groups):
        to = dw + (g * taps + tap) * rows * line
        for o in range(0, line, PANEL):
            columns = min(PANEL, line - o)
            for c in range(0, channels, ROWS):
                for m in range(ROWS):
                    set_number(arena, offsets, m, min(c + m, channels - 1))
                gather_sums(
                    arena, offsets + 2 * ROWS, runs, offsets, g * channels, r.stride_w * r.x_lanes,
                    g * r.outputs + o, r.y_lanes, to + c * line + o, line, columns, accumulate,
                )  # fmt: skip
