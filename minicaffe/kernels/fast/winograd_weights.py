"""The weights of a Winograd convolution: to transformed ones before its products, and their gradient back.

Caffe's order is (output, channel, taps, taps), over all groups' outputs. Transformed weights lie as
(group, point, channel, output) for forward, (group, point, output, channel) for the data gradient; the last axis is
filled up to whole vectors with zeros.
"""

import numpy as np

from .._jit import kernel
from .._threads import run
from .transforms import OUTPUTS, weights_3, weights_5, weights_gradient_3, weights_gradient_5
from .vector import LANES, add, load, store


def weight_stage(taps: int) -> int:
    """Elements of a slot's stage that the functions here need."""
    return (taps**2 + (OUTPUTS + taps - 1) ** 2) * LANES


@kernel
def _transform(start, stop, c, weights, swapped, stages, out):
    """Units are slots; each transforms its share of (group, row, LANES columns)."""
    size, side = c.taps * c.taps, c.taps + OUTPUTS - 1
    rows, columns = (c.outputs, c.channels) if swapped else (c.channels, c.outputs)
    row_step, column_step = (c.channels * size, size) if swapped else (size, c.channels * size)
    lanes, plane = (c.lanes_in, c.plane_swapped) if swapped else (c.lanes_out, c.plane_weights)
    blocks = lanes // LANES
    units = c.groups * rows * blocks
    for slot in range(start, stop):
        stage = stages[slot]
        for unit in range(units * slot // c.slots, units * (slot + 1) // c.slots):
            block, row, g = unit % blocks * LANES, unit // blocks % rows, unit // (blocks * rows)
            at = g * c.outputs * c.channels * size + row * row_step + block * column_step
            for lane in range(LANES):
                if block + lane < columns:
                    for k in range(size):
                        stage[k * LANES + lane] = weights[at + lane * column_step + k]
                else:
                    for k in range(size):
                        stage[k * LANES + lane] = np.float32(0)
            to = g * c.points * plane + row * lanes + block
            if c.taps == 3:
                weights_3(stage, 0, c.taps * LANES, LANES, out, to, side * plane, plane)
            else:
                weights_5(stage, 0, c.taps * LANES, LANES, out, to, side * plane, plane)


@kernel
def _add_gradient(start, stop, c, sums, stages, dw):
    """Units are slots; each finishes its share of (group, channel, LANES outputs)."""
    size, side = c.taps * c.taps, c.taps + OUTPUTS - 1
    plane, blocks = c.plane_weights, c.lanes_out // LANES
    units = c.groups * c.channels * blocks
    step, summed = c.channels * size, size * LANES
    for slot in range(start, stop):
        stage = stages[slot]
        for unit in range(units * slot // c.slots, units * (slot + 1) // c.slots):
            block, channel, g = unit % blocks * LANES, unit // blocks % c.channels, unit // (blocks * c.channels)
            at = g * c.points * plane + channel * c.lanes_out + block
            for p in range(c.points):
                total = load(sums[0], at + p * plane)
                for part in range(1, c.partials):
                    total = add(total, load(sums[part], at + p * plane))
                store(stage, summed + p * LANES, total)
            if c.taps == 3:
                weights_gradient_3(stage, summed, side * LANES, LANES, stage, 0, c.taps * LANES, LANES)
            else:
                weights_gradient_5(stage, summed, side * LANES, LANES, stage, 0, c.taps * LANES, LANES)
            to = (g * c.outputs + block) * step + channel * size
            for lane in range(min(LANES, c.outputs - block)):
                for k in range(size):
                    dw[to + lane * step + k] += stage[k * LANES + lane]


def transform_weights(c, weights, swapped: bool, work) -> None:
    """Fill ``work.weights``: for forward, or ``swapped`` for the data gradient."""
    run(_transform, c.slots, c, weights, swapped, work.stages, work.weights)


def add_gradient(c, work, dw) -> None:
    """Add to ``dw`` the partial sums of the transformed weights' gradient, in order."""
    run(_add_gradient, c.slots, c, work.sums, work.stages, dw)
