"""Softmax over the middle axis of (outer, classes, inner) arrays, and its losses; units are outer indices.

``*_rows`` kernels take (outer, classes) arrays, for inner = 1; ``x`` and ``dy`` may be None where they lie in
the output (``distinct``). Sums of rows are float64.
"""

import math

from ._jit import kernel
from .exp import exp


@kernel
def softmax_rows(start, stop, x, y):
    """y = exp(x - max x) / sum of the same, over each row."""
    for o in range(start, stop):
        into = y[o]
        row = into if x is None else x[o]
        peak = row[0]
        for c in range(row.size):
            peak = row[c] if row[c] > peak else peak
        for c in range(row.size):
            into[c] = exp(row[c] - peak)
        total = 0.0
        for c in range(row.size):
            total += into[c]
        share = y.dtype.type(1.0 / total)
        for c in range(row.size):
            into[c] *= share


@kernel
def softmax_planes(start, stop, x, work, y):
    """The same over axis 1 of (outer, classes, inner); ``work`` is (outer, inner)."""
    _, classes, inner = y.shape
    one = y.dtype.type(1)
    for o in range(start, stop):
        line = work[o]
        source = y[o] if x is None else x[o]
        for i in range(inner):
            line[i] = source[0, i]
        for c in range(1, classes):
            row = source[c]
            for i in range(inner):
                line[i] = row[i] if row[i] > line[i] else line[i]
        for c in range(classes):
            into = y[o, c]
            row = into if x is None else x[o, c]
            for i in range(inner):
                into[i] = exp(row[i] - line[i])
        line[:] = 0
        for c in range(classes):
            row = y[o, c]
            for i in range(inner):
                line[i] += row[i]
        for i in range(inner):
            line[i] = one / line[i]
        for c in range(classes):
            into = y[o, c]
            for i in range(inner):
                into[i] *= line[i]


@kernel
def softmax_rows_backward(start, stop, dy, y, dx):
    """dx = y * (dy - sum of dy * y over the row)."""
    for o in range(start, stop):
        into, out = dx[o], y[o]
        row = into if dy is None else dy[o]
        product = 0.0
        for c in range(out.size):
            product += row[c] * out[c]
        product = y.dtype.type(product)
        for c in range(out.size):
            into[c] = out[c] * (row[c] - product)


@kernel
def softmax_planes_backward(start, stop, dy, y, work, dx):
    """The same over axis 1 of (outer, classes, inner); ``work`` is (outer, inner)."""
    _, classes, inner = y.shape
    for o in range(start, stop):
        line = work[o]
        line[:] = 0
        for c in range(classes):
            row, out = dx[o, c] if dy is None else dy[o, c], y[o, c]
            for i in range(inner):
                line[i] += row[i] * out[i]
        for c in range(classes):
            into, out = dx[o, c], y[o, c]
            row = into if dy is None else dy[o, c]
            for i in range(inner):
                into[i] = out[i] * (row[i] - line[i])


@kernel
def log_loss(start, stop, probability, label, floor, loss, counted):
    """loss[o] = sum over i of -log(max(p[o, label, i], floor)); counted[o] = how many labels were not negative.

    ``label`` is (outer, inner) of class indices, negative where ignored; loss is float64.
    """
    for o in range(start, stop):
        total, number = 0.0, 0
        for i in range(label.shape[1]):
            c = label[o, i]
            if c >= 0:
                p = probability[o, c, i]
                total -= math.log(floor if p < floor else p)
                number += 1
        loss[o] = total
        counted[o] = number


@kernel
def softmax_loss_backward(start, stop, probability, label, factor, dx):
    """dx = (p - [c is the label]) * factor, and 0 where the label is negative."""
    _, classes, inner = dx.shape
    zero, one = dx.dtype.type(0), dx.dtype.type(1)
    for o in range(start, stop):
        for c in range(classes):
            row, into = probability[o, c], dx[o, c]
            for i in range(inner):
                into[i] = row[i] * factor
        for i in range(inner):
            wanted = label[o, i]
            if wanted >= 0:
                dx[o, wanted, i] = (probability[o, wanted, i] - one) * factor
            else:
                for c in range(classes):
                    dx[o, c, i] = zero
