"""Sums, products and maxima of several arrays, two at a time; flat arrays, units are elements (grain ELEMENTS).

``a`` may be None where it lies in the output (``distinct``): then the output is updated by ``b``.
"""

from ._jit import kernel


@kernel
def weighted_sum(start, stop, a, factor_a, b, factor_b, y):
    """y = factor_a * a + factor_b * b."""
    y, b = y[start:stop], b[start:stop]
    source = y if a is None else a[start:stop]
    for i in range(y.size):
        y[i] = factor_a * source[i] + factor_b * b[i]


@kernel
def scaled(start, stop, x, factor, y):
    """y = factor * x."""
    y = y[start:stop]
    source = y if x is None else x[start:stop]
    for i in range(y.size):
        y[i] = factor * source[i]


@kernel
def product(start, stop, a, b, y):
    """y = a * b."""
    y, b = y[start:stop], b[start:stop]
    source = y if a is None else a[start:stop]
    for i in range(y.size):
        y[i] = source[i] * b[i]


@kernel
def quotient_gradient(start, stop, dy, y, x, dx):
    """dx = dy * y / x: the gradient of a product by one of its factors."""
    y, x, dx = y[start:stop], x[start:stop], dx[start:stop]
    source = dx if dy is None else dy[start:stop]
    for i in range(dx.size):
        dx[i] = y[i] / x[i] * source[i]


@kernel
def maximum(start, stop, a, b, index, y, winner):
    """Where b > a, or b is NaN: y = b and winner = index; else y = a. Equal numbers leave the earlier winner."""
    y, b, winner = y[start:stop], b[start:stop], winner[start:stop]
    source = y if a is None else a[start:stop]
    for i in range(y.size):
        old, new = source[i], b[i]
        takes = new > old or new != new
        y[i] = new if takes else old
        winner[i] = index if takes else winner[i]


@kernel
def select_winner(start, stop, dy, winner, index, dx):
    """dx = dy where winner is index, else 0."""
    dx, winner = dx[start:stop], winner[start:stop]
    source = dx if dy is None else dy[start:stop]
    zero = dx.dtype.type(0)
    for i in range(dx.size):
        dx[i] = source[i] if winner[i] == index else zero
