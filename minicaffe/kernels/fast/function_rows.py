"""Functions of one number that stand alone: y = f(x), of operands that share a layout. ``kind`` says which; a and b
are its options."""

from typing import NamedTuple

import numpy as np

from .._jit import inline
from .rows import Operand, place, row_kernel
from .vector import (
    LANES,
    divide,
    fused,
    larger,
    load,
    load_first,
    smaller,
    splat,
    store,
    store_first,
    where_positive,
)
from .vector_math import bounded_exp, sigmoid, tanh

ABS, BNLL, CLIP, ELU, LINE, SQUARE, SWISH, THRESHOLD = range(8)


@inline
def _log1p(x):
    """log(1 + x) for 0 <= x <= 1, as in ``kernels.exp``."""
    s = divide(x, x + splat(np.float32(2)))
    z = s * s
    p = splat(np.float32(1.0 / 15.0))
    p = fused(p, z, splat(np.float32(1.0 / 13.0)))
    p = fused(p, z, splat(np.float32(1.0 / 11.0)))
    p = fused(p, z, splat(np.float32(1.0 / 9.0)))
    p = fused(p, z, splat(np.float32(1.0 / 7.0)))
    p = fused(p, z, splat(np.float32(1.0 / 5.0)))
    p = fused(p, z, splat(np.float32(1.0 / 3.0)))
    p = fused(p * z, s, s)
    return p + p


@inline
def _value(kind, a, b, x):
    """f(x). NaN stays NaN, but for THRESHOLD."""
    zero, one = splat(np.float32(0)), splat(np.float32(1))
    if kind == ABS:
        return larger(x, zero - x)
    if kind == BNLL:
        return larger(zero, x) + _log1p(bounded_exp(zero - larger(x, zero - x)))
    if kind == CLIP:
        return larger(a, smaller(b, x))
    if kind == ELU:
        half = tanh(smaller(zero, x) * splat(np.float32(0.5)))
        return where_positive(x, x, a * divide(half + half, one - half))
    if kind == SQUARE:
        t = fused(x, a, b)
        return t * t
    if kind == SWISH:
        return x * sigmoid(a * x)
    if kind == THRESHOLD:
        return where_positive(x - a, one, zero)
    return fused(x, a, b)


@inline
def _gradient(kind, a, b, dy, side):
    """dy f'(x); ``side`` is x, for ELU y."""
    zero, one = splat(np.float32(0)), splat(np.float32(1))
    if kind == ABS:
        return where_positive(side, dy, where_positive(zero - side, zero - dy, zero))
    if kind == BNLL:
        return dy * sigmoid(side)
    if kind == CLIP:
        return where_positive(a - side, zero, where_positive(side - b, zero, dy))
    if kind == ELU:
        return where_positive(side, dy, dy * (side + a))
    if kind == SQUARE:
        return dy * (a + a) * fused(side, a, b)
    if kind == SWISH:
        s = sigmoid(a * side)
        return dy * fused(a * side * s, one - s, s)
    return dy * a


class Function(NamedTuple):
    """``size`` numbers of each image, which is cut into ``parts``."""

    x: Operand
    y: Operand
    size: int
    kind: int
    a: float
    b: float
    parts: int


@row_kernel(Function, writes=("y",))
def function(arena, r, start, stop):
    """y = f(x)."""
    size, kind, parts = r.size, r.kind, r.parts
    a, b = splat(np.float32(r.a)), splat(np.float32(r.b))
    vectors = (size + LANES - 1) // LANES
    for u in range(start, stop):
        n, part = u // parts, u % parts
        x, y = place(r.x, n, start // parts), place(r.y, n, start // parts)
        end = min(size, vectors * (part + 1) // parts * LANES)
        first, whole = vectors * part // parts * LANES, end // LANES * LANES
        for i in range(first, whole, LANES):
            store(arena, y + i, _value(kind, a, b, load(arena, x + i)))
        if whole < end:
            rest = end - whole
            store_first(arena, y + whole, rest, _value(kind, a, b, load_first(arena, x + whole, rest)))


class FunctionGradient(NamedTuple):
    """``side`` is x, or y for ELU."""

    dy: Operand
    side: Operand
    dx: Operand
    size: int
    kind: int
    a: float
    b: float


@row_kernel(FunctionGradient, writes=("dx",))
def function_gradient(arena, r, start, stop):
    """dx = dy f'(x); units are images."""
    size, kind = r.size, r.kind
    a, b = splat(np.float32(r.a)), splat(np.float32(r.b))
    whole = size // LANES * LANES
    for n in range(start, stop):
        dy, side, dx = place(r.dy, n, start), place(r.side, n, start), place(r.dx, n, start)
        for i in range(0, whole, LANES):
            store(arena, dx + i, _gradient(kind, a, b, load(arena, dy + i), load(arena, side + i)))
        if whole < size:
            rest = size - whole
            g = _gradient(kind, a, b, load_first(arena, dy + whole, rest), load_first(arena, side + whole, rest))
            store_first(arena, dx + whole, rest, g)
