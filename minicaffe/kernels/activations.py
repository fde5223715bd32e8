"""Pointwise activations, forward and backward, on flat arrays; units are elements (grain ELEMENTS).

The first array may be None where it lies in the output (``distinct``). Scalars have the arrays' type.
"""

from ._jit import kernel
from .exp import exp, expm1, log1p, tanh


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


@kernel
def elu_forward(start, stop, x, alpha, y):
    """y = x where x > 0, else alpha * (exp(x) - 1)."""
    y = y[start:stop]
    source = y if x is None else x[start:stop]
    zero = y.dtype.type(0)
    for i in range(y.size):
        value = source[i]
        below = alpha * expm1(zero if value > zero else value)
        y[i] = value if value > zero else below


@kernel
def elu_backward(start, stop, dy, side, y, alpha, dx):
    """dx = dy where side > 0, else dy * (y + alpha); ``side`` is x, or y where alpha >= 0."""
    dx, side, y = dx[start:stop], side[start:stop], y[start:stop]
    source = dx if dy is None else dy[start:stop]
    zero, one = dx.dtype.type(0), dx.dtype.type(1)
    for i in range(dx.size):
        dx[i] = source[i] * (one if side[i] > zero else y[i] + alpha)


@kernel
def swish_forward(start, stop, x, beta, y):
    """y = x / (1 + exp(-beta * x))."""
    y = y[start:stop]
    source = y if x is None else x[start:stop]
    one = y.dtype.type(1)
    for i in range(y.size):
        value = source[i]
        y[i] = value * (one / (one + exp(-beta * value)))


@kernel
def swish_backward(start, stop, dy, x, beta, dx):
    """dx = dy * (s + beta * x * s * (1 - s)) with s = 1 / (1 + exp(-beta * x))."""
    dx, x = dx[start:stop], x[start:stop]
    source = dx if dy is None else dy[start:stop]
    one = dx.dtype.type(1)
    for i in range(dx.size):
        s = one / (one + exp(-beta * x[i]))
        dx[i] = source[i] * (s + beta * x[i] * s * (one - s))


@kernel
def bnll_forward(start, stop, x, y):
    """y = max(x, 0) + log(1 + exp(-|x|)), which is log(1 + exp(x)) and cannot overflow."""
    y = y[start:stop]
    source = y if x is None else x[start:stop]
    zero = y.dtype.type(0)
    for i in range(y.size):
        value = source[i]
        y[i] = (zero if value < zero else value) + log1p(exp(-abs(value)))


@kernel
def bnll_backward(start, stop, dy, side, dx):
    """dx = dy / (1 + exp(-side)); ``side`` is x, in place y."""
    dx, side = dx[start:stop], side[start:stop]
    source = dx if dy is None else dy[start:stop]
    one = dx.dtype.type(1)
    for i in range(dx.size):
        dx[i] = source[i] * (one / (one + exp(-side[i])))


@kernel
def abs_forward(start, stop, x, y):
    """y = |x|."""
    y = y[start:stop]
    source = y if x is None else x[start:stop]
    for i in range(y.size):
        y[i] = abs(source[i])


@kernel
def abs_backward(start, stop, dy, x, dx):
    """dx = dy * sign(x), 0 where x is 0 or NaN."""
    dx, x = dx[start:stop], x[start:stop]
    source = dx if dy is None else dy[start:stop]
    zero, one = dx.dtype.type(0), dx.dtype.type(1)
    for i in range(dx.size):
        sign = one if x[i] > zero else (-one if x[i] < zero else zero)
        dx[i] = source[i] * sign


@kernel
def clip_forward(start, stop, x, low, high, y):
    """y = low where x < low, high where x > high, else x; NaN stays NaN."""
    y = y[start:stop]
    source = y if x is None else x[start:stop]
    for i in range(y.size):
        value = source[i]
        value = low if value < low else value
        y[i] = high if value > high else value


@kernel
def clip_backward(start, stop, dy, x, low, high, dx):
    """dx = dy where low <= x <= high, else 0."""
    dx, x = dx[start:stop], x[start:stop]
    source = dx if dy is None else dy[start:stop]
    zero = dx.dtype.type(0)
    for i in range(dx.size):
        dx[i] = source[i] if (x[i] >= low) & (x[i] <= high) else zero


@kernel
def threshold_forward(start, stop, x, threshold, y):
    """y = 1 where x > threshold, else 0."""
    y = y[start:stop]
    source = y if x is None else x[start:stop]
    zero, one = y.dtype.type(0), y.dtype.type(1)
    for i in range(y.size):
        y[i] = one if source[i] > threshold else zero
