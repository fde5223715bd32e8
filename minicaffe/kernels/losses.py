"""Losses other than the softmax's, and their gradients. ``loss`` is float64, a sum for each unit.

Labels are int32 class indices; scalars have the arrays' type.
"""

import math

import numpy as np

from ._jit import kernel
from .exp import exp

BLOCK = 8192
_CHAIN = 512  # factors of at most 2 whose product is far from float64's largest number


@kernel
def hinge_forward(start, stop, x, label, squared, loss):
    """loss[n] = sum over c of max(0, 1 + x[n, c]), -x where c is the label, squared if asked; units are rows."""
    one, zero = x.dtype.type(1), x.dtype.type(0)
    for n in range(start, stop):
        row, wanted, total = x[n], label[n], 0.0
        for c in range(row.size):
            margin = one - row[c] if c == wanted else one + row[c]
            margin = zero if margin < zero else margin
            total += np.float64(margin) * np.float64(margin) if squared else np.float64(margin)
        loss[n] = total


@kernel
def hinge_backward(start, stop, x, label, squared, factor, dx):
    """dx = factor, or 2 * factor * margin if squared, where the margin is above 0; negated at the label."""
    one, zero = x.dtype.type(1), x.dtype.type(0)
    twice = factor + factor
    for n in range(start, stop):
        row, into, wanted = x[n], dx[n], label[n]
        for c in range(row.size):
            margin = one - row[c] if c == wanted else one + row[c]
            slope = twice * margin if squared else factor
            slope = slope if margin > zero else zero
            into[c] = -slope if c == wanted else slope


@kernel
def contrastive_forward(start, stop, a, b, similar, margin, legacy, distance, loss):
    """distance[n] = sum of (a[n] - b[n])^2, and what the pair costs; units are rows.

    A similar pair costs the distance d, another one max(margin - sqrt(d), 0)^2, in the legacy form max(margin - d, 0).
    """
    zero = a.dtype.type(0)
    for n in range(start, stop):
        left, right, total = a[n], b[n], 0.0
        for c in range(left.size):
            total += np.float64(left[c] - right[c]) ** 2
        d = a.dtype.type(total)
        distance[n] = d
        gap = margin - d if legacy else margin - math.sqrt(d)
        gap = zero if gap < zero else gap
        if similar[n] != 0:
            loss[n] = d
        else:
            loss[n] = gap if legacy else np.float64(gap) * np.float64(gap)


@kernel
def contrastive_backward(start, stop, a, b, similar, margin, legacy, softener, distance, factor, dx):
    """dx = factor * (a - b) for a similar pair; for another one, where the gap is above 0, -factor * (a - b) in the
    legacy form, else -factor * gap / (sqrt(d) + softener) * (a - b); 0 where it is not. Units are rows."""
    zero = a.dtype.type(0)
    for n in range(start, stop):
        scale = factor
        if similar[n] == 0:
            root = math.sqrt(distance[n])
            gap = margin - distance[n] if legacy else margin - root
            scale = -factor if legacy else -factor * gap / (root + softener)
            scale = zero if gap <= zero else scale
        left, right, into = a[n], b[n], dx[n]
        for c in range(into.size):
            into[c] = scale * (left[c] - right[c])


@kernel
def sigmoid_cross_entropy_forward(start, stop, x, target, ignored, loss, counted):
    """loss[k] = sum of max(x, 0) - x * t + log(1 + exp(-|x|)) over block k of ``BLOCK`` numbers; flat arrays.

    Numbers whose target, cut to an integer, is ``ignored`` (float64; NaN for none) are left out; counted[k] are the
    others. One logarithm is taken of the product of many 1 + exp(-|x|).
    """
    zero = x.dtype.type(0)
    for k in range(start, stop):
        total, number = 0.0, 0
        end = min(x.size, (k + 1) * BLOCK)
        for first in range(k * BLOCK, end, _CHAIN):
            product = 1.0
            for i in range(first, min(first + _CHAIN, end)):
                value, t = x[i], target[i]
                counts = np.trunc(np.float64(t)) != ignored
                cost = np.float64(value if not value < zero else zero) - np.float64(value) * np.float64(t)
                small = np.float64(exp(-abs(value)))
                total += cost if counts else 0.0
                product *= 1.0 + (small if counts else 0.0)
                number += 1 if counts else 0
            total += math.log(product)
        loss[k] = total
        counted[k] = number


@kernel
def sigmoid_cross_entropy_backward(start, stop, x, target, ignored, factor, dx):
    """dx = (1 / (1 + exp(-x)) - t) * factor, 0 where ignored; flat arrays, units are elements (grain ELEMENTS)."""
    x, target, dx = x[start:stop], target[start:stop], dx[start:stop]
    zero, one = dx.dtype.type(0), dx.dtype.type(1)
    for i in range(dx.size):
        slope = (one / (one + exp(-x[i])) - target[i]) * factor
        dx[i] = slope if np.trunc(np.float64(target[i])) != ignored else zero


@kernel
def infogain_forward(start, stop, probability, label, gain, floor, loss, counted):
    """loss[o] = -sum over i and l of gain[label, l] * log(max(p[o, l, i], floor)); units are outer indices.

    ``probability`` is (outer, classes, inner); ``label`` is (outer, inner), negative where ignored; counted[o] are the
    others.
    """
    _, classes, inner = probability.shape
    for o in range(start, stop):
        total, number = 0.0, 0
        for i in range(inner):
            wanted = label[o, i]
            if wanted >= 0:
                for c in range(classes):
                    p = probability[o, c, i]
                    total -= gain[wanted, c] * math.log(floor if p < floor else p)
                number += 1
        loss[o] = total
        counted[o] = number


@kernel
def infogain_backward(start, stop, probability, label, gain, gain_sum, factor, dx):
    """dx = (p * gain_sum[label] - gain[label, c]) * factor, and 0 where the label is negative."""
    _, classes, inner = dx.shape
    zero = dx.dtype.type(0)
    for o in range(start, stop):
        for c in range(classes):
            row, into = probability[o, c], dx[o, c]
            for i in range(inner):
                wanted = label[o, i]
                if wanted >= 0:
                    into[i] = (row[i] * gain_sum[wanted] - gain[wanted, c]) * factor
                else:
                    into[i] = zero


@kernel
def likelihood_backward(start, stop, probability, label, floor, factor, dx):
    """dx[n, label] = -factor / max(p[n, label], floor), 0 for the other classes; units are rows."""
    zero = dx.dtype.type(0)
    for n in range(start, stop):
        for c in range(dx.shape[1]):
            dx[n, c] = zero
        p = probability[n, label[n]]
        dx[n, label[n]] = -factor / (floor if p < floor else p)
