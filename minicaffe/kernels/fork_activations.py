"""Pointwise activations that forks of Caffe have, on flat arrays; units are elements (grain ELEMENTS).

The first array may be None where it lies in the output (``distinct``). Scalars have the arrays' type.
"""

import numpy as np

from ._jit import kernel
from .exp import expm1
from .random import random_bits


@kernel
def rrelu(start, stop, x, side, key, low, width, unit, y):
    """y = x where side > 0, else x / a with a drawn for the element, uniform in [low, low + width)
    from its upper 24 random bits; ``unit`` is 2^-24.

    ``side`` is x in forward; in backward x is the top's gradient and side the top. It may be None for x itself.
    """
    y = y[start:stop]
    source = y if x is None else x[start:stop]
    sign = source if side is None else side[start:stop]
    zero, first = y.dtype.type(0), np.uint64(start)
    for i in range(y.size):
        u = y.dtype.type(random_bits(key, first + np.uint64(i)) >> np.uint64(40)) * unit
        y[i] = source[i] if sign[i] > zero else source[i] / (low + width * u)


@kernel
def relu6_forward(start, stop, x, slope, threshold, y):
    """y = min(x, threshold) where x > 0, else min(slope * x, threshold); NaN stays NaN."""
    y = y[start:stop]
    source = y if x is None else x[start:stop]
    zero = y.dtype.type(0)
    for i in range(y.size):
        value = source[i]
        value = value if value > zero else slope * value
        y[i] = threshold if value > threshold else value


@kernel
def relu6_backward(start, stop, dy, x, slope, threshold, dx):
    """dx = dy where 0 < x < threshold, 0 where x >= threshold, else slope * dy."""
    dx, x = dx[start:stop], x[start:stop]
    source = dx if dy is None else dy[start:stop]
    zero, one = dx.dtype.type(0), dx.dtype.type(1)
    for i in range(dx.size):
        factor = one if x[i] > zero else slope
        dx[i] = source[i] * (zero if x[i] >= threshold else factor)


@kernel
def selu_forward(start, stop, x, factor, alpha, y):
    """y = factor * x where x > 0, else factor * alpha * (exp(x) - 1)."""
    y = y[start:stop]
    source = y if x is None else x[start:stop]
    zero = y.dtype.type(0)
    for i in range(y.size):
        value = source[i]
        below = alpha * expm1(zero if value > zero else value)
        y[i] = factor * (value if value > zero else below)


@kernel
def selu_backward(start, stop, dy, y, factor, alpha, dx):
    """dx = factor * dy where y > 0, else dy * (y + factor * alpha)."""
    dx, y = dx[start:stop], y[start:stop]
    source = dx if dy is None else dy[start:stop]
    zero = dx.dtype.type(0)
    for i in range(dx.size):
        dx[i] = source[i] * (factor if y[i] > zero else y[i] + factor * alpha)
