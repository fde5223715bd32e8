"""What surrounds the sums of a convolution: folded statistics before, the mask of its relu and sums of bias after."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .rows import Operand, place, row_kernel, starts_group
from .vector import LANES, load, splat, store, where_positive

MEAN, GAMMA, BETA, BIAS, LAST = 1, 2, 4, 8, 16
"""Which operands of ``Fold`` are there; MEAN stands for the three of statistics."""

FOLD_LANES = 16
"""Factors and shifts end with zeros up to a multiple of this."""


class Fold(NamedTuple):
    bias: Operand
    mean: Operand
    variance: Operand
    count: Operand  # the statistics' third blob, by which both are to be divided; 0: they count as 0
    gamma: Operand
    beta: Operand
    last: Operand
    factor: Operand
    shift: Operand
    channels: int
    epsilon: float
    there: int


@row_kernel(Fold, writes=("factor", "shift"))
def fold(arena, r, start, stop):
    """factor = gamma / sqrt(variance + epsilon), shift = (bias - mean) * factor + beta + last; one unit.

    Without statistics factor = gamma, without gamma 1.
    """
    channels, there = r.channels, r.there
    share = 0.0
    if there & MEAN and arena[r.count.base] != 0:
        share = 1.0 / arena[r.count.base]
    for c in range((channels + FOLD_LANES - 1) // FOLD_LANES * FOLD_LANES):
        factor, shift = 0.0, 0.0
        if c < channels:
            factor = 1.0
            if there & BIAS:
                shift = float(arena[r.bias.base + c])
            if there & MEAN:
                shift -= arena[r.mean.base + c] * share
                factor = 1.0 / math.sqrt(arena[r.variance.base + c] * share + r.epsilon)
            if there & GAMMA:
                factor *= arena[r.gamma.base + c]
            shift *= factor
            if there & BETA:
                shift += arena[r.beta.base + c]
            if there & LAST:
                shift += arena[r.last.base + c]
        arena[r.factor.base + c] = np.float32(factor)
        arena[r.shift.base + c] = np.float32(shift)


class OutputGradient(NamedTuple):
    dy: Operand
    y: Operand
    masked: Operand
    sums: Operand  # a piece for each group of images
    pixels: int
    lanes: int
    relu: int
    summed: int
    images: int  # of a group


@row_kernel(OutputGradient, writes=("masked", "sums"))
def output_gradient(arena, r, start, stop):
    """masked = dy where y > 0, else 0 times dy (``relu``); sums (+)= their sum over pixels (``summed``)."""
    pixels, lanes, relu = r.pixels, r.lanes, r.relu
    sums = r.sums.base + start // r.images * r.sums.step
    fresh = starts_group(start, r.images)
    zero, one = splat(np.float32(0)), splat(np.float32(1))
    for c in range(0, lanes, LANES):
        whole = zero if fresh or not r.summed else load(arena, sums + c)
        for n in range(start, stop):
            dy, y, masked = place(r.dy, n, start) + c, place(r.y, n, start) + c, place(r.masked, n, start) + c
            even, odd = zero, zero
            for at in range(0, pixels * lanes, lanes):
                value = load(arena, dy + at)
                if relu:
                    value = value * where_positive(load(arena, y + at), one, zero)
                    store(arena, masked + at, value)
                even, odd = odd, even + value
            whole = whole + (even + odd)
        if r.summed:
            store(arena, sums + c, whole)


class AddSums(NamedTuple):
    sums: Operand
    gradient: Operand
    pieces: int
    channels: int


@row_kernel(AddSums, writes=("gradient",))
def add_sums(arena, r, start, stop):
    """gradient += the pieces of ``sums``, added in order; one unit."""
    for c in range(r.channels):
        total = np.float32(0)
        for piece in range(r.pieces):
            total += arena[r.sums.base + piece * r.sums.step + c]
        arena[r.gradient.base + c] += total
