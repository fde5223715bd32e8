"""exp, sigmoid and tanh of vectors: the arithmetic of ``kernels.exp`` lane by lane, as precise."""

import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

from .._jit import inline_exact
from .vector import (
    LANES,
    VECTOR,
    divide,
    fused,
    larger,
    smaller,
    splat,
    vector,
    where_positive,
)

_LOWEST, _HIGHEST = np.float32(-87.0), np.float32(88.0)  # between them e^x is a normal number
_LOG2E = np.float32(1.44269504088896341)
_LN2_HIGH, _LN2_LOW = np.float32(-0.693359375), np.float32(2.12194440e-4)
_ROUND = np.float32(12582912.0)  # 1.5 * 2^23: adding it leaves the nearest integer in the low bits
_BIAS, _MANTISSA = 127, 23
_ZERO, _ONE, _TWO = np.float32(0.0), np.float32(1.0), np.float32(2.0)
_NEAR = np.float32(0.625)


@intrinsic
def _power_of_two(typing, shifted):
    """2^n for the integers n in the low bits of ``shifted``, which is n + 1.5 * 2^23; n from -126 to 127."""

    def generate(context, builder, signature, args):
        kind = ir.VectorType(ir.IntType(32), LANES)
        places = ir.Constant(kind, [_MANTISSA] * LANES)
        exponent = builder.shl(builder.bitcast(args[0], kind), places)  # the sum's own bits fall off at the top
        return builder.bitcast(builder.add(exponent, ir.Constant(kind, [_BIAS << _MANTISSA] * LANES)), VECTOR)

    return vector(vector), generate


@inline_exact
def bounded_exp(x):
    """e^x, relative error below 1e-7; where x lies beyond -87 or 88 it counts as that."""
    x = smaller(splat(_HIGHEST), x)
    x = larger(splat(_LOWEST), x)
    shifted = fused(x, splat(_LOG2E), splat(_ROUND))
    n = shifted - splat(_ROUND)
    r = fused(n, splat(_LN2_LOW), fused(n, splat(_LN2_HIGH), x))
    p = splat(np.float32(1.9875691500e-4))
    p = fused(p, r, splat(np.float32(1.3981999507e-3)))
    p = fused(p, r, splat(np.float32(8.3334519073e-3)))
    p = fused(p, r, splat(np.float32(4.1665795894e-2)))
    p = fused(p, r, splat(np.float32(1.6666665459e-1)))
    p = fused(p, r, splat(np.float32(5.0000001201e-1)))
    p = fused(p * r, r, r) + splat(_ONE)
    return p * _power_of_two(shifted)


@inline_exact
def sigmoid(x):
    """1 / (1 + e^-x); below -88 still 6e-39."""
    one = splat(_ONE)
    return divide(one, one + bounded_exp(splat(_ZERO) - x))


@inline_exact
def tanh(x):
    """tanh x: an odd polynomial below 0.625, exp beyond."""
    size = larger(x, splat(_ZERO) - x)
    one = splat(_ONE)
    far = one - divide(splat(_TWO), bounded_exp(size + size) + one)
    far = where_positive(x, far, splat(_ZERO) - far)
    z = x * x
    p = splat(np.float32(-5.70498872745e-3))
    p = fused(p, z, splat(np.float32(2.06390887954e-2)))
    p = fused(p, z, splat(np.float32(-5.37397155531e-2)))
    p = fused(p, z, splat(np.float32(1.33314422036e-1)))
    p = fused(p, z, splat(np.float32(-3.33332819422e-1)))
    return where_positive(splat(_NEAR) - size, fused(p * z, x, x), far)
