"""The weights of a Winograd convolution: from Caffe's order to transformed panels, and their gradient back.

Caffe's order is (output, channel, taps, taps), over all groups' outputs. Transformed weights lie as (group, point,
panel, channel, output of the panel) for forward; *swapped*, outputs and channels change places. Columns beyond the last
output (or channel) are zero; between points lie GAP elements. A unit is LANES outputs by LANES channels.
"""

from typing import NamedTuple

import numpy as np

from .._jit import inline
from .rows import Operand, row_kernel
from .transforms import OUTPUTS, weights_3, weights_5, weights_gradient_3, weights_gradient_5
from .vector import LANES, ask_to_read, ask_to_write, load, splat, store, transpose, transpose_block
from .winograd_parts import GAP, PANEL

_AHEAD = 2
"""Channels ahead of the one in hand for which the caches are asked: its points lie far apart."""


class Weights(NamedTuple):
    """Of one group, unless named otherwise."""

    weights: Operand  # Caffe's order
    panels: Operand
    factor: Operand  # by which to multiply the weights of each output, where ``scaled``
    work: Operand
    taps: int
    groups: int
    channels: int
    outputs: int
    lanes_out: int
    scaled: int


class Swap(NamedTuple):
    panels: Operand
    swapped: Operand
    work: Operand
    planes: int  # groups x points
    channels: int
    outputs: int
    lanes_in: int
    lanes_out: int


class Gradient(NamedTuple):
    sums: Operand  # as panels
    gradient: Operand  # Caffe's order
    work: Operand
    taps: int
    groups: int
    channels: int
    outputs: int
    lanes_out: int
    add: int  # 0: the gradient is overwritten


def units(groups: int, channels: int, outputs: int) -> int:
    """Units of ``winograd_weights`` and ``winograd_weights_gradient``."""
    return groups * -(-channels // LANES) * -(-outputs // LANES)


def work_size(taps: int) -> int:
    """Elements of ``work`` for any of the kernels here."""
    return LANES * (LANES * taps * taps + 3 * LANES)


@inline
def _panel_place(column, rows, columns):
    """Where column number ``column`` (a multiple of LANES) of a plane begins, and the distance of its rows."""
    panel = column // PANEL * PANEL
    wide = min(PANEL, columns - panel)
    return panel * rows + column - panel, wide


@inline
def _block(r, unit):
    """The group, first channel and first output of a unit."""
    blocks_in, blocks_out = (r.channels + LANES - 1) // LANES, (r.outputs + LANES - 1) // LANES
    return unit // (blocks_in * blocks_out), unit // blocks_out % blocks_in * LANES, unit % blocks_out * LANES


@row_kernel(Weights, writes=("panels", "work"))
def winograd_weights(arena, r, start, stop):
    """panels = weights g weights', g = factor * weights."""
    size, side = r.taps * r.taps, r.taps + OUTPUTS - 1
    plane, step, one = r.channels * r.lanes_out + GAP, r.channels * size, splat(np.float32(1))
    turned, stage = r.work.base, r.work.base + LANES * LANES
    for unit in range(start, stop):
        g, channel, output = _block(r, unit)
        wide, there = min(LANES, r.channels - channel), min(LANES, r.outputs - output)
        at = r.weights.base + (g * r.outputs + output) * step + channel * size
        factor = load(arena, r.factor.base + g * r.outputs + output) if r.scaled else one
        for k in range(0, wide * size, LANES):
            if there == LANES and k + LANES <= wide * size:
                transpose(arena, at + k, step, arena, turned)
            else:
                for i in range(LANES):
                    store(arena, turned + i * LANES, splat(np.float32(0)))
                for lane in range(there):
                    for i in range(min(LANES, wide * size - k)):
                        arena[turned + i * LANES + lane] = arena[at + lane * step + k + i]
            for i in range(LANES):
                store(arena, stage + (k + i) * LANES, load(arena, turned + i * LANES) * factor)
        offset, row = _panel_place(output, r.channels, r.lanes_out)
        to = r.panels.base + g * side * side * plane + offset + channel * row
        for c in range(wide):
            source = stage + c * size * LANES
            for p in range(side * side):
                ask_to_write(arena, to + (c + _AHEAD) * row + p * plane)
            if r.taps == 3:
                weights_3(arena, source, 3 * LANES, LANES, arena, to + c * row, side * plane, plane)
            else:
                weights_5(arena, source, 5 * LANES, LANES, arena, to + c * row, side * plane, plane)


@inline
def turn_panel(arena, panels, channels, outputs, lanes_out, first, wide, to):
    """Of one plane, channels [first, first + wide) as (output, channel): zeros for channels beyond the last."""
    for channel in range(0, wide, LANES):
        there = min(LANES, channels - first - channel)
        for output in range(0, outputs, LANES):
            offset, row = _panel_place(output, channels, lanes_out)
            at = panels + offset + (first + channel) * row
            wanted = min(LANES, outputs - output)
            transpose_block(arena, at, row, there, arena, to + output * wide + channel, wide, wanted)


@row_kernel(Swap, writes=("swapped", "work"))
def winograd_swap(arena, r, start, stop):
    """swapped from panels. Units are (group, point)."""
    before, after = r.work.base, r.work.base + LANES * LANES
    zero = splat(np.float32(0))
    for unit in range(start, stop):
        source = r.panels.base + unit * (r.channels * r.lanes_out + GAP)
        target = r.swapped.base + unit * (r.outputs * r.lanes_in + GAP)
        for channel in range(0, r.lanes_in, LANES):
            offset_to, row_to = _panel_place(channel, r.outputs, r.lanes_in)
            there = min(LANES, r.channels - channel)
            for output in range(0, r.lanes_out, LANES):
                offset, row = _panel_place(output, r.channels, r.lanes_out)
                at = source + offset + channel * row
                to = target + offset_to + output * row_to
                for i in range(LANES):
                    store(arena, before + i * LANES, load(arena, at + i * row) if i < there else zero)
                transpose(arena, before, LANES, arena, after)
                for i in range(min(LANES, r.outputs - output)):
                    store(arena, to + i * row_to, load(arena, after + i * LANES))


@row_kernel(Gradient, writes=("gradient", "work"))
def winograd_weights_gradient(arena, r, start, stop):
    """gradient += transposed weight transform of the sums."""
    size, side = r.taps * r.taps, r.taps + OUTPUTS - 1
    plane, step = r.channels * r.lanes_out + GAP, r.channels * size
    turned, stage, adds = r.work.base, r.work.base + LANES * LANES, r.add != 0
    for unit in range(start, stop):
        g, channel, output = _block(r, unit)
        wide, there = min(LANES, r.channels - channel), min(LANES, r.outputs - output)
        offset, row = _panel_place(output, r.channels, r.lanes_out)
        begin = r.gradient.base + (g * r.outputs + output) * step + channel * size
        for c in range(wide):
            for k in range(0, wide * size, LANES):  # of an output, as many as there are channels
                ask_to_write(arena, begin + c * step + k)
            at = r.sums.base + g * side * side * plane + offset + (channel + c) * row
            to = stage + c * size * LANES
            for p in range(side * side):
                ask_to_read(arena, at + _AHEAD * row + p * plane)
            if r.taps == 3:
                weights_gradient_3(arena, at, side * plane, plane, arena, to, 3 * LANES, LANES)
            else:
                weights_gradient_5(arena, at, side * plane, plane, arena, to, 5 * LANES, LANES)
        for k in range(0, wide * size, LANES):
            left = wide * size - k
            if left >= LANES:
                transpose(arena, stage + k * LANES, LANES, arena, turned)
                for lane in range(there):
                    line = begin + lane * step + k
                    value = load(arena, turned + lane * LANES)
                    store(arena, line, load(arena, line) + value if adds else value)
            else:
                for lane in range(there):
                    for i in range(left):
                        value, at = arena[stage + (k + i) * LANES + lane], begin + lane * step + k + i
                        arena[at] = arena[at] + value if adds else value
