"""Piecewise linear activations with hinges of their own for each neuron: x is (items, neurons), slopes and offsets
(neurons, hinges). The first array may be None where it lies in the output (``distinct``)."""

from ._jit import kernel

BLOCK = 64
"""Neurons of one unit in ``apl_sums``."""


@kernel
def apl_forward(start, stop, x, slope, offset, y):
    """y = max(x, 0) + the sum over s of slope[k, s] * max(offset[k, s] - x, 0); units are elements."""
    neurons, hinges = slope.shape
    y = y[start:stop]
    source = y if x is None else x[start:stop]
    zero = y.dtype.type(0)
    k = start % neurons
    for i in range(y.size):
        value = source[i]
        total = zero if value < zero else value
        for s in range(hinges):
            hinge = offset[k, s] - value
            total += slope[k, s] * (zero if hinge < zero else hinge)
        y[i] = total
        k = 0 if k + 1 == neurons else k + 1


@kernel
def apl_backward(start, stop, dy, x, slope, offset, dx):
    """dx = dy * ((x > 0) - the sum of slope[k, s] where offset[k, s] > x); units are elements."""
    neurons, hinges = slope.shape
    dx, x = dx[start:stop], x[start:stop]
    source = dx if dy is None else dy[start:stop]
    zero, one = dx.dtype.type(0), dx.dtype.type(1)
    k = start % neurons
    for i in range(dx.size):
        factor = one if x[i] > zero else zero
        for s in range(hinges):
            factor -= slope[k, s] if offset[k, s] > x[i] else zero
        dx[i] = source[i] * factor
        k = 0 if k + 1 == neurons else k + 1


@kernel
def apl_sums(start, stop, dy, x, slope, offset, dslope, doffset):
    """dslope[k, s] = the sum of dy * max(offset - x, 0), doffset[k, s] = that of dy * slope where offset > x.

    Both are float64 and added in the order of items. Units are blocks of BLOCK neurons.
    """
    neurons, hinges = slope.shape
    for k in range(start * BLOCK, min(neurons, stop * BLOCK)):
        for s in range(hinges):
            dslope[k, s] = 0.0
            doffset[k, s] = 0.0
    for b in range(start, stop):
        for n in range(x.shape[0]):
            for k in range(b * BLOCK, min(neurons, (b + 1) * BLOCK)):
                for s in range(hinges):
                    hinge = offset[k, s] - x[n, k]
                    if hinge > 0:
                        dslope[k, s] += dy[n, k] * hinge
                        doffset[k, s] += dy[n, k] * slope[k, s]
