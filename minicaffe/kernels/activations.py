"""Pointwise activations, forward and backward, on flat arrays; units are elements (grain ELEMENTS).

The first array may be None where it lies in the output (``distinct``). Scalars have the arrays' type.
"""

from ._jit import kernel
from .exp import exp, tanh


@kernel
def relu_forward(start, stop, x, slope, y):
    """y = x where x > 0, else slope * x; NaN stays NaN."""
    y = y[start:stop]
    source = y if x is None else x[start:stop]
    zero = y.dtype.type(0)
    for i in range(y.size):
        value = source[i]
        y[i] = value if value > zero else slope * value


@kernel
def relu_backward(start, stop, dy, side, slope, dx):
    """dx = dy where side > 0, else slope * dy; ``side`` is x, or y where slope >= 0."""
    dx, side = dx[start:stop], side[start:stop]
    source = dx if dy is None else dy[start:stop]
    zero, one = dx.dtype.type(0), dx.dtype.type(1)
    for i in range(dx.size):
        dx[i] = source[i] * (one if side[i] > zero else slope)


@kernel
def sigmoid_forward(start, stop, x, y):
    """y = 1 / (1 + exp(-x))."""
    y = y[start:stop]
    source = y if x is None else x[start:stop]
    one = y.dtype.type(1)
    for i in range(y.size):
        y[i] = one / (one + exp(-source[i]))


@kernel
def sigmoid_backward(start, stop, dy, y, dx):
    """dx = dy * y * (1 - y)."""
    dx, y = dx[start:stop], y[start:stop]
    source = dx if dy is None else dy[start:stop]
    one = dx.dtype.type(1)
    for i in range(dx.size):
        dx[i] = source[i] * y[i] * (one - y[i])


@kernel
def tanh_forward(start, stop, x, y):
    """y = tanh(x)."""
    y = y[start:stop]
    source = y if x is None else x[start:stop]
    for i in range(y.size):
        y[i] = tanh(source[i])


@kernel
def tanh_backward(start, stop, dy, y, dx):
    """dx = dy * (1 - y^2)."""
    dx, y = dx[start:stop], y[start:stop]
    source = dx if dy is None else dy[start:stop]
    one = dx.dtype.type(1)
    for i in range(dx.size):
        dx[i] = source[i] * (one - y[i] * y[i])
