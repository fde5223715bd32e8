"""Softmax of planes and its loss: scores of one image side by side, a label for each image.

The largest score of an image is subtracted first. An exponential below FLT_MIN is 0.
"""

import math
from typing import NamedTuple

import numpy as np

from .._jit import inline
from .dots import lane
from .rows import Operand, place, row_kernel
from .vector import (
    LANES,
    first_lanes,
    larger,
    load,
    load_first,
    splat,
    store_first,
    where_positive,
)
from .vector_math import bounded_exp

_FLOOR = np.float32(1.17549435e-38)  # FLT_MIN: a probability of 0 costs 87.3365
_LOG_FLOOR = np.float32(-87.33654)


class Softmax(NamedTuple):
    x: Operand
    y: Operand
    classes: int


class Loss(NamedTuple):
    """``places``: what the sum is divided by; 0 stands for the number of labels that count."""

    y: Operand  # probabilities
    label: Operand
    loss: Operand  # one number, NaN if a label is no class
    divisor: Operand  # one number
    images: int
    classes: int
    ignored: float  # a label, NaN for none
    places: int


class Gradient(NamedTuple):
    y: Operand
    label: Operand
    dloss: Operand
    divisor: Operand
    dx: Operand
    classes: int
    ignored: float


@inline
def _largest(arena, at, count):
    """The largest of ``count`` numbers."""
    peak = arena[at]
    whole = count - count % LANES
    if whole:
        most = load(arena, at)
        for c in range(LANES, whole, LANES):
            most = larger(most, load(arena, at + c))
        for i in range(LANES):
            peak = max(peak, lane(most, i))
    for c in range(whole, count):
        peak = max(peak, arena[at + c])
    return peak


@row_kernel(Softmax, writes=("y",))
def softmax(arena, r, start, stop):
    """y = exp(x - max x) / sum of the same."""
    classes = r.classes
    for n in range(start, stop):
        x, y = place(r.x, n, start), place(r.y, n, start)
        peak, zero, sums = splat(_largest(arena, x, classes)), splat(np.float32(0)), splat(np.float32(0))
        for c in range(0, classes, LANES):
            left = classes - c
            score = load_first(arena, x + c, left) - peak
            value = where_positive(splat(_LOG_FLOOR) - score, zero, bounded_exp(score))
            sums = sums + first_lanes(value, left)
            store_first(arena, y + c, left, value)
        total = 0.0
        for i in range(LANES):
            total += lane(sums, i)
        share = splat(np.float32(1.0 / total))
        for c in range(0, classes, LANES):
            store_first(arena, y + c, classes - c, load_first(arena, y + c, classes - c) * share)


@inline
def _class_of(value, classes, ignored):
    """A label's class; -1 where it is ignored, -2 where it is none."""
    if value == ignored:
        return -1
    return int(value) if 0 <= value < classes and value == int(value) else -2


@row_kernel(Loss, writes=("loss", "divisor"))
def softmax_loss(arena, r, start, stop):
    """loss = sum of -log(max(y[label], FLT_MIN)) / divisor. One unit."""
    for _ in range(start, stop):
        total, counted, wrong = 0.0, 0, False
        for n in range(r.images):
            wanted = _class_of(arena[place(r.label, n, 0)], r.classes, r.ignored)
            if wanted >= 0:
                p = arena[place(r.y, n, 0) + wanted]
                total -= math.log(_FLOOR if p < _FLOOR else p)
                counted += 1
            wrong = wrong or wanted == -2
        divisor = max(1, r.places if r.places else counted)
        arena[r.loss.base] = np.nan if wrong else total / divisor
        arena[r.divisor.base] = divisor


@row_kernel(Gradient, writes=("dx",))
def softmax_loss_gradient(arena, r, start, stop):
    """dx = (y - [label]) dloss / divisor, 0 where the label does not count."""
    classes = r.classes
    factor = np.float32(float(arena[r.dloss.base]) / arena[r.divisor.base])
    for n in range(start, stop):
        y, dx = place(r.y, n, start), place(r.dx, n, start)
        wanted = _class_of(arena[place(r.label, n, start)], classes, r.ignored)
        by = splat(factor if wanted >= 0 else np.float32(0))
        for c in range(0, classes, LANES):
            store_first(arena, dx + c, classes - c, load_first(arena, y + c, classes - c) * by)
        if wanted >= 0:
            arena[dx + wanted] = (arena[y + wanted] - np.float32(1)) * factor
