"""Adds partial sums, so that what follows reads one: memory is read in order, which scattered reads of each are not."""

from typing import NamedTuple

from .rows import Operand, row_kernel
from .vector import LANES, load, store

STRETCH = 128 * LANES
"""Elements of a unit."""


class AddPieces(NamedTuple):
    sums: Operand
    pieces: int
    size: int  # elements of a piece, a multiple of LANES


@row_kernel(AddPieces, writes=("sums",))
def add_pieces(arena, r, start, stop):
    """Add to the first piece all others, in order; units are stretches of STRETCH elements."""
    base, step, pieces = r.sums.base, r.sums.step, r.pieces
    for at in range(base + start * STRETCH, base + min(stop * STRETCH, r.size), LANES):
        total = load(arena, at)
        for piece in range(1, pieces):
            total = total + load(arena, at + piece * step)
        store(arena, at, total)
