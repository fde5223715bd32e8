"""Exponentials, logarithms and powers of scale * x + shift, on flat arrays; units are elements (grain ELEMENTS).

Scalars are float64. float32 arrays are computed in float64 as well, with series good to 1e-9 that compile to vector
code, and rounded at the end: large exponents multiply the error of a rounded argument. float64 arrays take the C
library's functions. The first array may be None where it lies in the output (``distinct``).
"""

import math

import numpy as np

from ._jit import by_type, inline_exact, kernel

_ROUND = 6755399441055744.0  # 1.5 * 2^52: adding it leaves the nearest integer in the low bits
_ROUND_BITS = 0x4338000000000000
_ROOT_HALF_BITS = 0x3FE6A09E667F3BCD  # of sqrt(1/2)
_INTEGER, _INTEGER_BITS = 4503599627370496.0, 0x4330000000000000  # 2^52: the low bits of its mantissa count ones
_BIAS, _MANTISSA = 1023, 52
_LOG2E, _LN2 = 1.4426950408889634, 0.6931471805599453
_FAR = 200.0  # exp of it, and of its negative, is beyond float32


@inline_exact
def _exp(t):
    """exp(t), as far as float32 reaches."""
    t = _FAR if t > _FAR else t
    t = -_FAR if t < -_FAR else t
    shifted = t * _LOG2E + _ROUND
    n = shifted - _ROUND
    r = t - n * _LN2
    p = 1 / 40320
    p = p * r + 1 / 5040
    p = p * r + 1 / 720
    p = p * r + 1 / 120
    p = p * r + 1 / 24
    p = p * r + 1 / 6
    p = p * r + 0.5
    p = p * r * r + r + 1.0
    exponent = np.float64(shifted).view(np.int64) - _ROUND_BITS
    return p * np.int64((exponent + _BIAS) << _MANTISSA).view(np.float64)


@inline_exact
def _log(t):
    """log(t) for t >= 0 that is no subnormal: exponent and mantissa, which lies around 1 as sqrt(1/2) to sqrt(2)."""
    bits = np.float64(t).view(np.int64)
    exponent = (bits - _ROOT_HALF_BITS + (_BIAS << _MANTISSA)) >> _MANTISSA
    m = np.int64(bits - ((exponent - _BIAS) << _MANTISSA)).view(np.float64)
    s = (m - 1.0) / (m + 1.0)  # log(m) = 2 atanh(s)
    z = s * s
    p = 1 / 11
    p = p * z + 1 / 9
    p = p * z + 1 / 7
    p = p * z + 1 / 5
    p = p * z + 1 / 3
    p = (p * z * s + s) * 2.0
    whole = np.int64(exponent | _INTEGER_BITS).view(np.float64) - (_INTEGER + _BIAS)
    result = whole * _LN2 + p
    result = result if t < np.inf else t  # infinity, NaN
    return -np.inf if t == 0.0 else result


@inline_exact
def _exp_of32(x, scale, shift):
    return np.float32(_exp(np.float64(x) * scale + shift))


@inline_exact
def _exp_of64(x, scale, shift):
    return math.exp(x * scale + shift)


@inline_exact
def _log_of32(x, scale, shift):
    t = np.float64(x) * scale + shift
    result = _log(abs(t))
    return result if t >= 0.0 else np.nan


@inline_exact
def _log_of64(x, scale, shift):
    return math.log(x * scale + shift)


@inline_exact
def _sign_below(power):
    """What (-1)^power is: 1 or -1, or NaN where the power is no integer."""
    if math.floor(power) != power:
        return np.nan
    return 1.0 if math.floor(power * 0.5) == power * 0.5 else -1.0


@inline_exact
def _power_of32(x, scale, shift, power, below):
    t = np.float64(x) * scale + shift
    return np.float32(_exp(power * _log(abs(t))) * (below if t < 0.0 else 1.0))


@inline_exact
def _power_of64(x, scale, shift, power, below):
    return math.pow(x * scale + shift, power)


_exp_of = by_type(_exp_of32, _exp_of64)
_log_of = by_type(_log_of32, _log_of64)
_power_of = by_type(_power_of32, _power_of64)


@kernel
def exp_forward(start, stop, x, scale, shift, y):
    """y = exp(scale * x + shift)."""
    y = y[start:stop]
    source = y if x is None else x[start:stop]
    for i in range(y.size):
        y[i] = _exp_of(source[i], scale, shift)


@kernel
def exp_backward(start, stop, dy, y, scale, dx):
    """dx = dy * y * scale."""
    dx, y = dx[start:stop], y[start:stop]
    source = dx if dy is None else dy[start:stop]
    factor = dx.dtype.type(scale)
    for i in range(dx.size):
        dx[i] = source[i] * y[i] * factor


@kernel
def log_forward(start, stop, x, scale, shift, factor, y):
    """y = factor * log(scale * x + shift); NaN where the logarithm has no value."""
    y = y[start:stop]
    source = y if x is None else x[start:stop]
    for i in range(y.size):
        y[i] = factor * _log_of(source[i], scale, shift)


@kernel
def log_backward(start, stop, dy, x, scale, shift, factor, dx):
    """dx = dy * factor * scale / (scale * x + shift)."""
    dx, x = dx[start:stop], x[start:stop]
    source = dx if dy is None else dy[start:stop]
    slope = factor * scale
    for i in range(dx.size):
        dx[i] = source[i] * (slope / (x[i] * scale + shift))


@kernel
def line_forward(start, stop, x, scale, shift, y):
    """y = scale * x + shift."""
    y = y[start:stop]
    source = y if x is None else x[start:stop]
    factor, offset = y.dtype.type(scale), y.dtype.type(shift)
    for i in range(y.size):
        y[i] = source[i] * factor + offset


@kernel
def square_forward(start, stop, x, scale, shift, y):
    """y = (scale * x + shift)^2."""
    y = y[start:stop]
    source = y if x is None else x[start:stop]
    for i in range(y.size):
        t = source[i] * scale + shift
        y[i] = t * t


@kernel
def square_backward(start, stop, dy, x, scale, shift, dx):
    """dx = dy * 2 * scale * (scale * x + shift)."""
    dx, x = dx[start:stop], x[start:stop]
    source = dx if dy is None else dy[start:stop]
    for i in range(dx.size):
        dx[i] = source[i] * (2.0 * scale * (x[i] * scale + shift))


@kernel
def power_forward(start, stop, x, scale, shift, power, y):
    """y = (scale * x + shift)^power; NaN where that has no value."""
    y = y[start:stop]
    source = y if x is None else x[start:stop]
    below = _sign_below(power)
    for i in range(y.size):
        y[i] = _power_of(source[i], scale, shift, power, below)


@kernel
def power_backward(start, stop, dy, x, scale, shift, power, dx):
    """dx = dy * power * scale * (scale * x + shift)^(power - 1)."""
    dx, x = dx[start:stop], x[start:stop]
    source = dx if dy is None else dy[start:stop]
    factor, less = power * scale, power - 1.0
    below = _sign_below(less)
    for i in range(dx.size):
        dx[i] = source[i] * (factor * _power_of(x[i], scale, shift, less, below))
