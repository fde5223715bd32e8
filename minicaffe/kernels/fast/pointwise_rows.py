"""Activations and weighted sums, number by number, of operands that share a layout."""

from typing import NamedTuple

import numpy as np

from .activation_vectors import RELU, activated, through
from .rows import Operand, place, row_kernel
from .vector import LANES, load, load_first, splat, store, store_first


class Activate(NamedTuple):
    """``size`` numbers of each image, which is cut into ``parts``."""

    x: Operand
    y: Operand
    size: int
    kind: int
    slope: float
    parts: int


@row_kernel(Activate, writes=("y",))
def activate(arena, r, start, stop):
    """y = act(x)."""
    size, kind, parts = r.size, r.kind, r.parts
    slope = splat(np.float32(r.slope))
    vectors = (size + LANES - 1) // LANES
    for u in range(start, stop):
        n, part = u // parts, u % parts
        x, y = place(r.x, n, start // parts), place(r.y, n, start // parts)
        end = min(size, vectors * (part + 1) // parts * LANES)
        first, whole = vectors * part // parts * LANES, end // LANES * LANES
        for i in range(first, whole, LANES):
            store(arena, y + i, activated(kind, slope, load(arena, x + i)))
        if whole < end:
            store_first(
                arena, y + whole, end - whole, activated(kind, slope, load_first(arena, x + whole, end - whole))
            )


class ActivateGradient(NamedTuple):
    """``side`` is y, or x for a ReLU whose slope below 0 is negative."""

    dy: Operand
    side: Operand
    dx: Operand
    size: int
    kind: int
    slope: float
    factor: float
    parts: int


@row_kernel(ActivateGradient, writes=("dx",))
def activate_gradient(arena, r, start, stop):
    """dx = factor * dy times the activation's slope."""
    size, kind, parts = r.size, r.kind, r.parts
    slope, factor = splat(np.float32(r.slope)), splat(np.float32(r.factor))
    vectors = (size + LANES - 1) // LANES
    for u in range(start, stop):
        n, part = u // parts, u % parts
        dy, side = place(r.dy, n, start // parts), place(r.side, n, start // parts)
        dx = place(r.dx, n, start // parts)
        end = min(size, vectors * (part + 1) // parts * LANES)
        first, whole = vectors * part // parts * LANES, end // LANES * LANES
        for i in range(first, whole, LANES):
            g = through(kind, slope, load(arena, dy + i), load(arena, side + i))
            store(arena, dx + i, factor * g)
        if whole < end:
            rest = end - whole
            g = through(kind, slope, load_first(arena, dy + whole, rest), load_first(arena, side + whole, rest))
            store_first(arena, dx + whole, rest, factor * g)


class WeightedSum(NamedTuple):
    """``rectified``: a ReLU follows, with this ``slope`` below 0."""

    a: Operand
    b: Operand
    y: Operand
    size: int
    factor_a: float
    factor_b: float
    rectified: int
    slope: float
    parts: int


@row_kernel(WeightedSum, writes=("y",))
def weighted_sum(arena, r, start, stop):
    """y = factor_a a + factor_b b; y may be a."""
    size, parts, rectified = r.size, r.parts, r.rectified
    slope = splat(np.float32(r.slope))
    factor_a, factor_b = splat(np.float32(r.factor_a)), splat(np.float32(r.factor_b))
    vectors = (size + LANES - 1) // LANES
    for u in range(start, stop):
        n, part = u // parts, u % parts
        a, b = place(r.a, n, start // parts), place(r.b, n, start // parts)
        y = place(r.y, n, start // parts)
        end = min(size, vectors * (part + 1) // parts * LANES)
        first, whole = vectors * part // parts * LANES, end // LANES * LANES
        for i in range(first, whole, LANES):
            total = factor_a * load(arena, a + i) + factor_b * load(arena, b + i)
            store(arena, y + i, activated(RELU, slope, total) if rectified else total)
        if whole < end:
            rest = end - whole
            total = factor_a * load_first(arena, a + whole, rest) + factor_b * load_first(arena, b + whole, rest)
            store_first(arena, y + whole, rest, activated(RELU, slope, total) if rectified else total)


class Product(NamedTuple):
    """``size`` numbers of each image, which is cut into ``parts``."""

    a: Operand
    b: Operand
    y: Operand
    size: int
    parts: int


@row_kernel(Product, writes=("y",))
def product(arena, r, start, stop):
    """y = a b."""
    size, parts = r.size, r.parts
    vectors = (size + LANES - 1) // LANES
    for u in range(start, stop):
        n, part = u // parts, u % parts
        a, b = place(r.a, n, start // parts), place(r.b, n, start // parts)
        y = place(r.y, n, start // parts)
        end = min(size, vectors * (part + 1) // parts * LANES)
        first, whole = vectors * part // parts * LANES, end // LANES * LANES
        for i in range(first, whole, LANES):
            store(arena, y + i, load(arena, a + i) * load(arena, b + i))
        if whole < end:
            rest = end - whole
            store_first(arena, y + whole, rest, load_first(arena, a + whole, rest) * load_first(arena, b + whole, rest))
