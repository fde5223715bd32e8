"""Update kernels of the solvers, over the arena of learned parameters.

``blocks`` (int64, B x 2) cuts the arena into pieces of at most ``BLOCK`` numbers that never cross a parameter;
``rates`` (B x 2) holds each piece's learning rate and decay, multipliers applied. Units are blocks.

Every rule begins with g = scale * diff + decay * w (L2) or + decay * sign(w) (L1), ends with w -= step, and leaves
the step in ``diff``, as Caffe does.
"""

import numpy as np

from ._jit import inline, kernel

BLOCK = 8192


@kernel
def squared_norms(start, stop, blocks, diff, partial):
    """partial[b] = the sum of squares of block b of ``diff``, in float64."""
    for b in range(start, stop):
        row = diff[blocks[b, 0] : blocks[b, 1]]
        total = 0.0
        for i in range(row.size):
            value = np.float64(row[i])
            total += value * value
        partial[b] = total


@inline
def _decayed(first, last, decay, scale, l1, data, diff):
    """diff = g for one block."""
    if l1:
        for i in range(first, last):
            w = data[i]
            sign = data.dtype.type((w > 0) - (w < 0))
            diff[i] = scale * diff[i] + decay * sign
    else:
        for i in range(first, last):
            diff[i] = scale * diff[i] + decay * data[i]


@kernel
def sgd_update(start, stop, blocks, rates, momentum, scale, l1, data, diff, history):
    """v = momentum * v + rate * g; step = v."""
    for b in range(start, stop):
        rate = rates[b, 0]
        first, last = blocks[b, 0], blocks[b, 1]
        _decayed(first, last, rates[b, 1], scale, l1, data, diff)
        for i in range(first, last):
            step = momentum * history[i] + rate * diff[i]
            history[i] = step
            diff[i] = step
            data[i] -= step


@kernel
def nesterov_update(start, stop, blocks, rates, momentum, scale, l1, data, diff, history):
    """v' = momentum * v + rate * g; step = (1 + momentum) * v' - momentum * v."""
    for b in range(start, stop):
        rate = rates[b, 0]
        first, last = blocks[b, 0], blocks[b, 1]
        _decayed(first, last, rates[b, 1], scale, l1, data, diff)
        for i in range(first, last):
            old = history[i]
            new = momentum * old + rate * diff[i]
            step = new + momentum * (new - old)
            history[i] = new
            diff[i] = step
            data[i] -= step


@kernel
def adagrad_update(start, stop, blocks, rates, delta, scale, l1, data, diff, history):
    """h = h + g^2; step = rate * g / (sqrt(h) + delta)."""
    for b in range(start, stop):
        rate = rates[b, 0]
        first, last = blocks[b, 0], blocks[b, 1]
        _decayed(first, last, rates[b, 1], scale, l1, data, diff)
        for i in range(first, last):
            g = diff[i]
            total = history[i] + g * g
            step = rate * (g / (np.sqrt(total) + delta))
            history[i] = total
            diff[i] = step
            data[i] -= step


@kernel
def rmsprop_update(start, stop, blocks, rates, keep, fresh, delta, scale, l1, data, diff, history):
    """h = keep * h + fresh * g^2; step = rate * g / (sqrt(h) + delta)."""
    for b in range(start, stop):
        rate = rates[b, 0]
        first, last = blocks[b, 0], blocks[b, 1]
        _decayed(first, last, rates[b, 1], scale, l1, data, diff)
        for i in range(first, last):
            g = diff[i]
            mean = keep * history[i] + fresh * (g * g)
            step = rate * (g / (np.sqrt(mean) + delta))
            history[i] = mean
            diff[i] = step
            data[i] -= step


@kernel
def adadelta_update(start, stop, blocks, rates, keep, fresh, delta, scale, l1, data, diff, gradients, steps):
    """h = keep * h + fresh * g^2; s = g * sqrt((delta + k) / (delta + h)); k = keep * k + fresh * s^2; step = rate * s.

    h is ``gradients`` and k is ``steps``.
    """
    for b in range(start, stop):
        rate = rates[b, 0]
        first, last = blocks[b, 0], blocks[b, 1]
        _decayed(first, last, rates[b, 1], scale, l1, data, diff)
        for i in range(first, last):
            g = diff[i]
            mean = keep * gradients[i] + fresh * (g * g)
            bare = g * np.sqrt((delta + steps[i]) / (delta + mean))
            gradients[i] = mean
            steps[i] = keep * steps[i] + fresh * (bare * bare)
            step = rate * bare
            diff[i] = step
            data[i] -= step


@kernel
def adam_update(start, stop, blocks, rates, keep, fresh, keep2, fresh2, delta, scale, l1, data, diff, ms, vs):
    """m = keep * m + fresh * g; v = keep2 * v + fresh2 * g^2; step = rate * m / (sqrt(v) + delta).

    The correction of both for the iterations so far is in ``rates``.
    """
    for b in range(start, stop):
        rate = rates[b, 0]
        first, last = blocks[b, 0], blocks[b, 1]
        _decayed(first, last, rates[b, 1], scale, l1, data, diff)
        for i in range(first, last):
            g = diff[i]
            m = keep * ms[i] + fresh * g
            v = keep2 * vs[i] + fresh2 * (g * g)
            step = rate * (m / (np.sqrt(v) + delta))
            ms[i] = m
            vs[i] = v
            diff[i] = step
            data[i] -= step
