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
from .gather import (
    HEADER,
    NOWHERE,
    PANEL,
    PIXEL_LIST,
    RESIDUAL,
    RUN,
    TAP,
    gather_lines,
    gather_sums,
    get_number,
    set_number,
    set_tap,
)
from .layout import clear
from .rows import Operand, place, row_kernel, starts_group
from .vector import LANES, ROWS

STRIP = 16
"""Most blocks of ROWS pixels that pass through all panels of weights together."""

STRIP_ELEMENTS = 2**17
"""Their inputs should not exceed this: they stay in the second-level cache."""

DEPTH = 256
"""Pixels that pass through all taps and channels together, in weight gradients: a first-level cache of them."""

MOST_RUNS = 64

_LISTED = 3  # numbers of a tap in the list of a phase's taps


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
    rows: int  # of a block, see ``block_rows``
    strip: int  # blocks, see ``strip_blocks``
    pixel_parts: int
    output_parts: int
    images: int  # 0, or all images there are: units are then output_parts, each for the whole batch


@inline
def record_size(taps):
    """Elements of the arena that a block's record takes."""
    return 2 * (HEADER + taps * TAP)


def block_rows(pixels: int) -> int:
    """Rows of a block: one less than usual where that leaves fewer without a pixel."""
    return min((ROWS, ROWS - 1), key=lambda rows: -(-pixels // rows) * rows)


def strip_blocks(channels: int, pixels: int) -> int:
    """Blocks of a strip, for images of so many pixels and channels."""
    return max(1, min(STRIP, -(-pixels // ROWS), max(4, STRIP_ELEMENTS // (ROWS * channels))))


def direct_work(x_lanes: int, y_lanes: int, taps: int, blocks: int) -> int:
    """Elements of ``work``: a list of taps, a line of zeros, one that nobody reads, a list of pixels, the records."""
    return 2 * (taps * _LISTED + PIXEL_LIST) + LANES + x_lanes + y_lanes + blocks * record_size.py_func(taps)


@inline
def _zeros(r):
    """Where the line of zeros begins; the line that nobody reads follows."""
    return r.work.base + (2 * r.kernel_h * r.kernel_w * _LISTED + LANES - 1) // LANES * LANES


@inline
def _pixels(r):
    return _zeros(r) + r.x_lanes + r.y_lanes


@inline
def _records(r):
    return _pixels(r) + 2 * PIXEL_LIST


class _Span(NamedTuple):
    """Images [first, last), whose operands are placed as in a call that starts at ``start``; parts of their work."""

    first: int
    last: int
    start: int
    pixel_part: int
    pixel_stop: int
    output_part: int
    output_stop: int


@row_kernel(Direct, writes=("y", "work"))
def direct(arena, r, start, stop):
    """y = relu(sum over taps and channels of weights * x + shift + residual), as ``flags`` say.

    Units are images, or their parts: pixel_parts * output_parts to an image; or see ``images``.
    """
    parts = r.pixel_parts * r.output_parts
    clear(arena, _zeros(r), _zeros(r) + r.x_lanes)
    if r.images:
        _direct_span(arena, r, _Span(0, r.images, 0, 0, 1, start, stop))
    elif parts == 1:
        _direct_span(arena, r, _Span(start, stop, start, 0, 1, 0, 1))
    else:
        unit = start
        while unit < stop:  # units that follow one another are done together where they make a rectangle
            n, part, left = unit // parts, unit % parts, min(parts - unit % parts, stop - unit)
            pixel, output = part % r.pixel_parts, part // r.pixel_parts
            whole = left // r.pixel_parts if pixel == 0 else 0
            pixels = r.pixel_parts if whole else min(left, r.pixel_parts - pixel)
            outputs = max(1, whole)
            span = _Span(n, n + 1, start // parts, pixel, pixel + pixels, output, output + outputs)
            _direct_span(arena, r, span)
            unit += pixels * outputs


@kernel
def _direct_span(arena, r, span):
    for phase_h in range(r.divide_h):
        for phase_w in range(r.divide_w):
            down = (r.out_height - phase_h + r.divide_h - 1) // r.divide_h
            across = (r.out_width - phase_w + r.divide_w - 1) // r.divide_w
            pixels = (span.last - span.first) * down * across
            blocks = -(-pixels // r.rows)
            at = blocks * span.pixel_part // r.pixel_parts
            end = blocks * span.pixel_stop // r.pixel_parts
            if at < end:
                phase = _Phase(phase_h, phase_w, down, across, _write_taps(arena, r, phase_h, phase_w))
                while at < end:
                    count = min(r.strip, end - at)
                    _write_records(arena, r, span, phase, at * r.rows, count)
                    at += count
                    _strip_products(arena, r, span, count, _pixel(r, span, phase, at * r.rows) if at < end else 0)


class _Phase(NamedTuple):
    """Output pixels (row + i divide_h, column + j divide_w), i < down, j < across, and how many taps they have."""

    row: int
    column: int
    down: int
    across: int
    taps: int


@inline
def _write_taps(arena, r, phase_h, phase_w):
    """The taps of a phase: row and column that output pixel (0, 0) of the phase reads, place of the weights."""
    taps = r.work.base
    weights = r.channels * PANEL
    count = 0
    for i in range(r.kernel_h):
        h = phase_h * r.scale_h + i * r.reach_h + r.offset_h
        for j in range(r.kernel_w):
            w = phase_w * r.scale_w + j * r.reach_w + r.offset_w
            if h % r.divide_h == 0 and w % r.divide_w == 0:
                set_number(arena, taps, count * _LISTED, h // r.divide_h)
                set_number(arena, taps, count * _LISTED + 1, w // r.divide_w)
                set_number(arena, taps, count * _LISTED + 2, (i * r.kernel_w + j) * weights)
                count += 1
    return count


@inline
def _write_records(arena, r, span, phase, first, count):
    """Records of ``count`` blocks, from the first-th pixel of the phase."""
    listed, zeros, records, pixels = r.work.base, _zeros(r), _records(r), _pixels(r)
    unread = zeros + r.x_lanes
    height, width, x_lanes, rows, last = r.height, r.width, r.x_lanes, r.rows, span.last
    scale_h, scale_w, divide_w, taps, across = r.scale_h, r.scale_w, r.divide_w, phase.taps, phase.across
    size = record_size(r.kernel_h * r.kernel_w)
    added = r.flags & RESIDUAL
    n = span.first + first // (phase.down * across)
    i, j = first // across % phase.down, first % across
    for block in range(count):
        record = records + block * size
        set_number(arena, record, 0, taps)
        for m in range(ROWS):
            if m < rows and n < last:
                to = ((phase.row + i * r.divide_h) * r.out_width + phase.column + j * divide_w) * r.y_lanes
                set_number(arena, record, 1 + m, place(r.y, n, span.start) + to)
                if added:
                    set_number(arena, record, 1 + ROWS + m, place(r.residual, n, span.start) + to)
                h, w = i * scale_h, j * scale_w
                set_number(arena, pixels, m, place(r.x, n, span.start) + (h * width + w) * x_lanes)
                set_number(arena, pixels, ROWS + m, h)
                set_number(arena, pixels, 2 * ROWS + m, w)
                j += 1
                if j == across:
                    j = 0
                    i += 1
                    if i == phase.down:
                        i = 0
                        n += 1
            else:
                set_number(arena, record, 1 + m, unread)
                set_number(arena, record, 1 + ROWS + m, unread)
                set_number(arena, pixels, ROWS + m, NOWHERE)
        for tap in range(taps):
            row, column = get_number(arena, listed, tap * _LISTED), get_number(arena, listed, tap * _LISTED + 1)
            weights = get_number(arena, listed, tap * _LISTED + 2)
            set_tap(arena, record, tap, weights, pixels, row, column, height, width, x_lanes, zeros)


@inline
def _pixel(r, span, phase, i):
    """About where the i-th pixel of a phase begins to read."""
    area = phase.down * phase.across
    return place(r.x, span.first + i // area, span.start) + i % area * (r.height * r.width) // area * r.x_lanes


@inline
def _strip_products(arena, r, span, count, following):
    """All panels of weights; ``following``: where the next strip begins to read, if there is one."""
    taps = r.kernel_h * r.kernel_w
    records, size = _records(r), record_size(taps)
    panels = (r.outputs + PANEL - 1) // PANEL
    channels, outputs, flags = r.channels, r.outputs, r.flags
    total, depth = r.groups * panels, taps * channels
    by_panel = (PANEL + count - 1) // count  # each block asks for a share of what the next panel or strip reads
    by_pixel = max(1, r.rows * r.x_lanes // depth)
    end = total * span.output_stop // r.output_parts
    for panel in range(total * span.output_part // r.output_parts, end):
        g, first = panel // panels, panel % panels * PANEL
        weights = r.weights.base + panel * depth * PANEL
        output = g * outputs + first
        columns = PANEL if outputs - first > LANES else LANES
        soon, share, stride = weights + depth * PANEL, depth * by_panel, by_panel
        if following and panel + 1 == end:
            soon, share, stride = following, r.rows * r.x_lanes, by_pixel
        for block in range(count):
            record = records + block * size
            gather_lines(
                arena,
                record,
                weights,
                g * channels,
                output,
                channels,
                r.shift.base + output,
                flags,
                columns,
                r.rows,
                soon + block * share,
                stride,
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
    whole: int  # 0, or all images there are: units are then (group, panel of outputs, tap)


WEIGHTS_WORK = 2 * (ROWS + (MOST_RUNS + 1) * RUN)
"""Elements of ``work`` of ``direct_weights``."""


def partial_rows(channels: int) -> int:
    """Rows of a tap's partial sum."""
    return -(-channels // ROWS) * ROWS


@row_kernel(DirectWeights, writes=("dw", "work"))
def direct_weights(arena, r, start, stop):
    """dw[tap, c, o] (+)= sum over output pixels p of x[input pixel of p and tap, c] * dy[p, o].

    Units are images; or see ``whole``: then dw is overwritten.
    """
    taps, panels = r.kernel_h * r.kernel_w, (r.outputs + PANEL - 1) // PANEL
    lines = max(1, min(MOST_RUNS, DEPTH // r.out_width))
    total = (r.whole if r.whole else stop - start) * r.out_height
    at = 0
    while at < total:
        count = min(lines, total - at)
        if r.whole:
            for unit in range(start, stop):
                runs = _write_runs(arena, r, 0, unit % taps, at, count)
                part = unit // taps
                _panel_sums(arena, r, r.dw.base, unit % taps, runs, part // panels, part % panels, at > 0)
        else:
            dw = r.dw.base + start // r.images * r.dw.step
            accumulate = at > 0 or not starts_group(start, r.images)
            for tap in range(taps):
                runs = _write_runs(arena, r, start, tap, at, count)
                for part in range(r.groups * panels):
                    _panel_sums(arena, r, dw, tap, runs, part // panels, part % panels, accumulate)
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


@kernel
def _panel_sums(arena, r, dw, tap, runs, g, panel, accumulate):
    """What some pixels, which lie in ``runs``, give to the weights of one tap and one panel of outputs of a group."""
    offsets, channels = r.work.base, r.channels
    rows = (channels + ROWS - 1) // ROWS * ROWS
    line = (r.outputs + LANES - 1) // LANES * LANES
    o = panel * PANEL
    to = dw + (g * r.kernel_h * r.kernel_w + tap) * rows * line + o
    columns = min(PANEL, line - o)
    for c in range(0, channels, ROWS):
        for m in range(ROWS):
            set_number(arena, offsets, m, min(c + m, channels - 1))
        gather_sums(
            arena, offsets + 2 * ROWS, runs, offsets, g * channels, r.stride_w * r.x_lanes,
            g * r.outputs + o, r.y_lanes, to + c * line, line, columns, accumulate,
        )  # fmt: skip
