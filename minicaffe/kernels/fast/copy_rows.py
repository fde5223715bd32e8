"""Copies, for a value that must also lie elsewhere."""

from typing import NamedTuple

from .rows import Operand, place, row_kernel
from .vector import LANES, load, store


class Copy(NamedTuple):
    """``size`` elements of each unit."""

    x: Operand
    y: Operand
    size: int


@row_kernel(Copy, writes=("y",))
def copy(arena, r, start, stop):
    """y = x."""
    size = r.size
    whole = size - size % LANES
    for n in range(start, stop):
        x, y = place(r.x, n, start), place(r.y, n, start)
        for i in range(0, whole, LANES):
            store(arena, y + i, load(arena, x + i))
        for i in range(whole, size):
            arena[y + i] = arena[x + i]
