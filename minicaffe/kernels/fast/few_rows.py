"""Winograd convolution of few channels that lie in planes, such as a net's input: the row kernels.

The algorithm is that of ``winograd_rows``, and so are weights and sums; the steps are joined, see ``few_lanes``. Tiles
that follow one another share a vector, see ``few_inputs``.
"""

from typing import NamedTuple

import numpy as np

from .._jit import inline
from .few_inputs import gather_3, gather_5
from .few_lanes import (
    FEW,
    TOGETHER,
    at_once,
    gradients_3,
    gradients_3_wide,
    gradients_5,
    gradients_5_wide,
    outputs_3,
    outputs_3_wide,
    outputs_5,
    outputs_5_wide,
    stage_size,
)
from .layout import clear
from .rows import Operand, place, row_kernel, starts_group
from .transforms import OUTPUTS
from .vector import LANES, load, store
from .winograd_parts import GAP, PANEL

_ACROSS = TOGETHER * OUTPUTS
"""Pixels of the tiles of a vector."""

_NARROW, _WIDE = at_once(1), at_once(2)


class Few(NamedTuple):
    """A row of any of the kernels. ``y`` is the output, max(weights over x + shift, 0 if ``relu``), or its gradient."""

    x: Operand
    y: Operand
    shift: Operand
    weights: Operand  # transformed
    sums: Operand  # of the gradient of the transformed weights
    work: Operand
    taps: int  # 3 or 5
    height: int
    width: int
    out_height: int
    out_width: int
    pad_h: int
    pad_w: int
    channels: int
    lanes_out: int
    images: int  # of one partial sum
    shifted: int
    relu: int


def work_size(r: Few) -> int:
    """Elements of ``work``: transformed inputs, the stage, and zeros or a copy of pixels of y."""
    return (r.taps + OUTPUTS - 1) ** 2 * LANES + stage_size(r.taps) + (1 + OUTPUTS * _ACROSS) * r.lanes_out


@inline
def _points(r):
    return (r.taps + OUTPUTS - 1) * (r.taps + OUTPUTS - 1)


@inline
def _gather(arena, r, x, top, left, v, stage):
    """TOGETHER transformed tiles for the outputs from (top, left) on."""
    if r.taps == 3:
        gather_3(arena, x, top - r.pad_h, left - r.pad_w, r.height, r.width, r.channels, v, stage)
    else:
        gather_5(arena, x, top - r.pad_h, left - r.pad_w, r.height, r.width, r.channels, v, stage)


@inline
def _outputs(arena, r, panel, v, y, top, left, zeros, floor, stage):
    """A panel of some tiles of y: as many as ``at_once`` says."""
    height, width, lanes, channels = r.out_height, r.out_width, r.lanes_out, r.channels
    point, u, at, nowhere = channels * lanes + GAP, r.weights.base + panel * channels, y + panel, zeros + lanes
    shift = r.shift.base + panel if r.shifted else zeros
    if panel + PANEL <= lanes:
        if r.taps == 3:
            outputs_3_wide(
                arena, v, u, point, channels, at, top, left, height, width, lanes, shift, floor, nowhere, stage
            )
        else:
            outputs_5_wide(
                arena, v, u, point, channels, at, top, left, height, width, lanes, shift, floor, nowhere, stage
            )
    elif r.taps == 3:
        outputs_3(arena, v, u, point, channels, at, top, left, height, width, lanes, shift, floor, nowhere, stage)
    else:
        outputs_5(arena, v, u, point, channels, at, top, left, height, width, lanes, shift, floor, nowhere, stage)


@row_kernel(Few, writes=("y", "work"))
def few_forward(arena, r, start, stop):
    """y. Units are images."""
    height, width, lanes = r.out_height, r.out_width, r.lanes_out
    v, stage = r.work.base, r.work.base + _points(r) * LANES
    zeros = stage + stage_size(r.taps)
    clear(arena, zeros, zeros + lanes)
    floor = np.float32(0) if r.relu else np.float32(-np.inf)
    for n in range(start, stop):
        x, y = place(r.x, n, start), place(r.y, n, start)
        for top in range(0, height, OUTPUTS):
            for corner in range(0, width, _ACROSS):
                _gather(arena, r, x, top, corner, v, stage)
                for panel in range(0, lanes, PANEL):
                    tiles = _WIDE if panel + PANEL <= lanes else _NARROW
                    for left in range(corner, min(corner + _ACROSS, width), tiles * OUTPUTS):
                        here = v + (left - corner) // OUTPUTS * FEW
                        _outputs(arena, r, panel, here, y, top, left, zeros, floor, stage)


@inline
def _copy_pixels(arena, r, y, top, left, edge):
    """OUTPUTS x _ACROSS pixels of y, zeros where there are none."""
    lanes = r.lanes_out
    clear(arena, edge, edge + OUTPUTS * _ACROSS * lanes)
    for i in range(min(OUTPUTS, r.out_height - top)):
        source, to = y + ((top + i) * r.out_width + left) * lanes, edge + i * _ACROSS * lanes
        for j in range(0, min(_ACROSS, r.out_width - left) * lanes, LANES):
            store(arena, to + j, load(arena, source + j))


@inline
def _gradients(arena, r, panel, dy, line, v, sums, stage):
    """Add to the sums of a panel."""
    lanes, channels = r.lanes_out, r.channels
    point, at, to = channels * lanes + GAP, dy + panel, sums + panel * channels
    if panel + PANEL <= lanes:
        if r.taps == 3:
            gradients_3_wide(arena, at, line, lanes, v, to, point, channels, stage)
        else:
            gradients_5_wide(arena, at, line, lanes, v, to, point, channels, stage)
    elif r.taps == 3:
        gradients_3(arena, at, line, lanes, v, to, point, channels, stage)
    else:
        gradients_5(arena, at, line, lanes, v, to, point, channels, stage)


@row_kernel(Few, writes=("sums", "work"))
def few_backward(arena, r, start, stop):
    """The partial sum of the gradient of the transformed weights. Units are images."""
    height, width, lanes = r.out_height, r.out_width, r.lanes_out
    v, stage = r.work.base, r.work.base + _points(r) * LANES
    edge = stage + stage_size(r.taps)
    sums = place(r.sums, start // r.images, 0)
    if starts_group(start, r.images):
        clear(arena, sums, sums + _points(r) * (r.channels * lanes + GAP))
    for n in range(start, stop):
        x, y = place(r.x, n, start), place(r.y, n, start)
        for top in range(0, height, OUTPUTS):
            for left in range(0, width, _ACROSS):
                _gather(arena, r, x, top, left, v, stage)
                dy, line = y + (top * width + left) * lanes, width * lanes
                if top + OUTPUTS > height or left + _ACROSS > width:
                    _copy_pixels(arena, r, y, top, left, edge)
                    dy, line = edge, _ACROSS * lanes
                for panel in range(0, lanes, PANEL):
                    _gradients(arena, r, panel, dy, line, v, sums, stage)
