"""Weights of convolutions between Caffe's layout and panels; gradients of weights back into Caffe's layout.

Caffe's layout is [group][output][channel][tap]. A panel holds PANEL neighbouring outputs (or channels, for the
gradient of the input), zeros where there are none: [tap][channel][output], or [tap][output][channel].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .gather import PANEL
from .layout import clear
from .rows import Operand, row_kernel
from .vector import LANES, ROWS, load, store


class Pack(NamedTuple):
    weights: Operand
    factor: Operand
    panels: Operand
    outputs: int  # of one group
    channels: int
    taps: int
    scaled: int  # 1: times ``factor``, a number for each output
    swapped: int  # 1: panels of channels


def panels_of(columns: int) -> int:
    """Panels of one group."""
    return -(-columns // PANEL)


@row_kernel(Pack, writes=("panels",))
def pack_weights(arena, r, start, stop):
    """Units are panels of all groups."""
    channels, taps, outputs = r.channels, r.taps, r.outputs
    width = channels if r.swapped else outputs
    depth = outputs if r.swapped else channels
    panels = (width + PANEL - 1) // PANEL
    for unit in range(start, stop):
        g, first = unit // panels, unit % panels * PANEL
        to = r.panels.base + unit * taps * depth * PANEL
        clear(arena, to, to + taps * depth * PANEL)
        count = min(PANEL, width - first)
        least, most = (0, outputs) if r.swapped else (first, first + count)
        low, high = (first, first + count) if r.swapped else (0, channels)
        for o in range(least, most):
            factor = arena[r.factor.base + g * outputs + o] if r.scaled else np.float32(1)
            for c in range(low, high):
                source = np.uint64(r.weights.base + ((g * outputs + o) * channels + c) * taps)
                line, column = (o, c - first) if r.swapped else (c, o - first)
                target = to + line * PANEL + column
                for t in range(np.uint64(taps)):
                    arena[np.uint64(target) + t * np.uint64(depth * PANEL)] = arena[source + t] * factor


class AddWeights(NamedTuple):
    partials: Operand  # a piece for each group of images: [group][tap][channel, filled up to ROWS][output]
    dw: Operand
    work: Operand
    pieces: int
    outputs: int
    channels: int
    taps: int
    add: int  # 0: dw is overwritten


def add_work(channels: int, taps: int) -> int:
    """Elements of ``work``: the gradients of LANES outputs."""
    return taps * (-(-channels // ROWS) * ROWS) * LANES


@row_kernel(AddWeights, writes=("dw", "work"))
def add_weights(arena, r, start, stop):
    """dw += the pieces, added in order; units are LANES neighbouring outputs of one group."""
    channels, taps, outputs, work, adds = r.channels, r.taps, r.outputs, r.work.base, r.add != 0
    rows = (channels + ROWS - 1) // ROWS * ROWS
    blocks = (outputs + LANES - 1) // LANES
    line = blocks * LANES
    for unit in range(start, stop):
        g, first = unit // blocks, unit % blocks * LANES
        for i in range(taps * rows):
            at = r.partials.base + (g * taps * rows + i) * line + first
            total = load(arena, at)
            for piece in range(1, r.pieces):
                total = total + load(arena, at + piece * r.partials.step)
            store(arena, work + i * LANES, total)
        for o in range(first, min(first + LANES, outputs)):
            for c in range(channels):
                to = np.uint64(r.dw.base + ((g * outputs + o) * channels + c) * taps)
                source = np.uint64(work + c * LANES + o - first)
                for t in range(np.uint64(taps)):
                    value = arena[source + t * np.uint64(rows * LANES)]
                    arena[to + t] = arena[to + t] + value if adds else value
