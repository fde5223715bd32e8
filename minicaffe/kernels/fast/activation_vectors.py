"""Activations of vectors, for kernels that apply them to what they compute. ``kind`` is one of the constants."""

import numpy as np

from .._jit import inline
from .vector import splat, where_positive
from .vector_math import sigmoid, tanh

NONE, RELU, SIGMOID, TANH = range(4)


@inline
def activated(kind, slope, x):
    """act(x); ``slope`` is a vector, ReLU's below 0."""
    if kind == RELU:
        return where_positive(x, x, x * slope)
    if kind == SIGMOID:
        return sigmoid(x)
    if kind == TANH:
        return tanh(x)
    return x


@inline
def through(kind, slope, dy, side):
    """dy times the slope of the activation where y is ``side``; for ReLU anything of x's sign."""
    if kind == RELU:
        return where_positive(side, dy, dy * slope)
    if kind == SIGMOID:
        return dy * side * (splat(np.float32(1)) - side)
    if kind == TANH:
        return dy * (splat(np.float32(1)) - side * side)
    return dy
