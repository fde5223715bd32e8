"""Update kernels of the solvers, over the arena of learned parameters.

``blocks`` (int64, B x 2) cuts the arena into pieces of at most ``BLOCK`` numbers that never cross a parameter;
``rates`` (B x 2) holds each piece's learning rate and decay, multipliers applied. Units are blocks.

Every rule begins with g = scale * diff + decay * w (L2) or + decay * sign(w) (L1), ends with w -= step, and leaves
the step in ``diff``, as Caffe does.
"""

import numpy as np

from ._jit import inline, kernel

BLOCK = 8192

GRAIN = 32
"""Blocks that a thread of their own pays for."""


@inline
def _square(x):
    value = np.float64(x)
    return value * value


@kernel
def squared_norms(start, stop, blocks, diff, partial):
    """partial[b] = the sum of squares of block b of ``diff``, in float64; four streams keep the memory busy."""
    for b in range(start, stop):
        row = diff[blocks[b, 0] : blocks[b, 1]]
        n = row.size // 4
        first, second, third, fourth = row[:n], row[n : 2 * n], row[2 * n : 3 * n], row[3 * n : 4 * n]
        total = 0.0
        for i in range(n):
            total += _square(first[i]) + _square(second[i]) + _square(third[i]) + _square(fourth[i])
        for i in range(4 * n, row.size):
            total += _square(row[i])
        partial[b] = total


@inline
def _row(array, blocks, b):
    """The numbers of block b: rows of their own let the compiler see that they do not overlap."""
    return array[blocks[b, 0] : blocks[b, 1]]


@inline
def _decayed(w, diff, decay, scale, l1):
    """g, of one number."""
    if l1:
        return scale * diff + decay * type(w)((w > 0) - (w < 0))
    return scale * diff + decay * w


@kernel
def sgd_update(start, stop, blocks, rates, momentum, scale, l1, data, diff, history):
    """v = momentum * v + rate * g; step = v."""
    for b in range(start, stop):
        rate, decay = rates[b, 0], rates[b, 1]
        w, d, v = _row(data, blocks, b), _row(diff, blocks, b), _row(history, blocks, b)
        for i in range(w.size):
            step = momentum * v[i] + rate * _decayed(w[i], d[i], decay, scale, l1)
            v[i] = step
            d[i] = step
            w[i] -= step


@kernel
def nesterov_update(start, stop, blocks, rates, momentum, scale, l1, data, diff, history):
    """v' = momentum * v + rate * g; step = (1 + momentum) * v' - momentum * v."""
    for b in range(start, stop):
        rate, decay = rates[b, 0], rates[b, 1]
        w, d, v = _row(data, blocks, b), _row(diff, blocks, b), _row(history, blocks, b)
        for i in range(w.size):
            old = v[i]
            new = momentum * old + rate * _decayed(w[i], d[i], decay, scale, l1)
            step = new + momentum * (new - old)
            v[i] = new
            d[i] = step
            w[i] -= step


@kernel
def adagrad_update(start, stop, blocks, rates, delta, scale, l1, data, diff, history):
    """h = h + g^2; step = rate * g / (sqrt(h) + delta)."""
    for b in range(start, stop):
        rate, decay = rates[b, 0], rates[b, 1]
        w, d, h = _row(data, blocks, b), _row(diff, blocks, b), _row(history, blocks, b)
        for i in range(w.size):
            g = _decayed(w[i], d[i], decay, scale, l1)
            total = h[i] + g * g
            step = rate * (g / (np.sqrt(total) + delta))
            h[i] = total
            d[i] = step
            w[i] -= step


@kernel
def rmsprop_update(start, stop, blocks, rates, keep, fresh, delta, scale, l1, data, diff, history):
    """h = keep * h + fresh * g^2; step = rate * g / (sqrt(h) + delta)."""
    for b in range(start, stop):
        rate, decay = rates[b, 0], rates[b, 1]
        w, d, h = _row(data, blocks, b), _row(diff, blocks, b), _row(history, blocks, b)
        for i in range(w.size):
            g = _decayed(w[i], d[i], decay, scale, l1)
            mean = keep * h[i] + fresh * (g * g)
            step = rate * (g / (np.sqrt(mean) + delta))
            h[i] = mean
            d[i] = step
            w[i] -= step


@kernel
def adadelta_update(start, stop, blocks, rates, keep, fresh, delta, scale, l1, data, diff, gradients, steps):
    """h = keep * h + fresh * g^2; s = g * sqrt((delta + k) / (delta + h)); k = keep * k + fresh * s^2; step = rate * s.

    h is ``gradients`` and k is ``steps``.
    """
    for b in range(start, stop):
        rate, decay = rates[b, 0], rates[b, 1]
        w, d = _row(data, blocks, b), _row(diff, blocks, b)
        h, k = _row(gradients, blocks, b), _row(steps, blocks, b)
        for i in range(w.size):
            g = _decayed(w[i], d[i], decay, scale, l1)
            mean = keep * h[i] + fresh * (g * g)
            bare = g * np.sqrt((delta + k[i]) / (delta + mean))
            h[i] = mean
            k[i] = keep * k[i] + fresh * (bare * bare)
            step = rate * bare
            d[i] = step
            w[i] -= step


@kernel
def adam_update(start, stop, blocks, rates, keep, fresh, keep2, fresh2, delta, scale, l1, data, diff, ms, vs):
    """m = keep * m + fresh * g; v = keep2 * v + fresh2 * g^2; step = rate * m / (sqrt(v) + delta).

    The correction of both for the iterations so far is in ``rates``.
    """
    for b in range(start, stop):
        rate, decay = rates[b, 0], rates[b, 1]
        w, d = _row(data, blocks, b), _row(diff, blocks, b)
        means, squares = _row(ms, blocks, b), _row(vs, blocks, b)
        for i in range(w.size):
            g = _decayed(w[i], d[i], decay, scale, l1)
            m = keep * means[i] + fresh * g
            v = keep2 * squares[i] + fresh2 * (g * g)
            step = rate * (m / (np.sqrt(v) + delta))
            means[i] = m
            squares[i] = v
            d[i] = step
            w[i] -= step
