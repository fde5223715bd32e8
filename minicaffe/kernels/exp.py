"""exp, tanh, expm1 and log1p of one number, for use inside kernels, in a form that compiles to vector code.

float32: 2^n * e^r with |r| <= ln(2)/2 and the degree-6 polynomial of the Cephes library (S. Moshier, expf.c);
relative error below 1e-7, subnormal results included; tanh takes Cephes' odd polynomial below 0.625, expm1 and log1p
follow from tanh and atanh, within 4e-7. NaN gives NaN, results beyond the range give infinity and 0. float64: the C
library's own.
"""

import math

import numpy as np

from ._jit import by_type, inline, inline_exact

_LOWEST, _HIGHEST = np.float32(-104.0), np.float32(89.0)  # beyond them the result is 0 or infinity
_LOG2E = np.float32(1.44269504088896341)
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_ROUND = np.float32(12582912.0)  # 1.5 * 2^23: adding it leaves the nearest integer in the low bits
_ROUND_BITS = 0x4B400000
_BIAS, _MANTISSA = 127, 23


@inline_exact
def _exp32(x):
    x = _HIGHEST if x > _HIGHEST else x
    x = _LOWEST if x < _LOWEST else x
    shifted = x * _LOG2E + _ROUND
    n = shifted - _ROUND
    r = x - n * _LN2_HIGH
    r = r - n * _LN2_LOW
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    p = p * r * r + r + np.float32(1.0)
    # 2^n as two factors: n reaches from -150 to 128, one factor's exponent only from -126 to 127
    exponent = np.float32(shifted).view(np.int32) - _ROUND_BITS
    half = exponent >> 1
    first = np.int32((half + _BIAS) << _MANTISSA).view(np.float32)
    second = np.int32((exponent - half + _BIAS) << _MANTISSA).view(np.float32)
    return p * first * second


exp = by_type(_exp32, math.exp)


@inline
def _tanh32(x):
    size = abs(x)
    far = np.float32(1.0) - np.float32(2.0) / (_exp32(size + size) + np.float32(1.0))
    far = -far if x < np.float32(0.0) else far
    z = x * x
    p = np.float32(-5.70498872745e-3)
    p = p * z + np.float32(2.06390887954e-2)
    p = p * z + np.float32(-5.37397155531e-2)
    p = p * z + np.float32(1.33314422036e-1)
    p = p * z + np.float32(-3.33332819422e-1)
    near = p * z * x + x
    return near if size < np.float32(0.625) else far


tanh = by_type(_tanh32, math.tanh)


@inline
def _expm1_32(x):
    half = _tanh32(x * np.float32(0.5))
    return (half + half) / (np.float32(1.0) - half)


expm1 = by_type(_expm1_32, math.expm1)
"""exp(x) - 1 for x <= 0."""


@inline
def _log1p_32(x):
    s = x / (x + np.float32(2.0))  # log((1 + s) / (1 - s)) = 2 atanh(s), and |s| <= 1/3
    z = s * s
    p = np.float32(1.0 / 15.0)
    p = p * z + np.float32(1.0 / 13.0)
    p = p * z + np.float32(1.0 / 11.0)
    p = p * z + np.float32(1.0 / 9.0)
    p = p * z + np.float32(1.0 / 7.0)
    p = p * z + np.float32(1.0 / 5.0)
    p = p * z + np.float32(1.0 / 3.0)
    return np.float32(2.0) * (p * z * s + s)


log1p = by_type(_log1p_32, math.log1p)
"""log(1 + x) for 0 <= x <= 1."""
