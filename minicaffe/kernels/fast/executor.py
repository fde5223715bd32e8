"""Runs programs of rows: one compiled loop, entered by all threads at once.

A *piece* is rows [first, last) over units [start, stop), ``chunk`` units at a time: each chunk passes through all the
rows before the next begins, so that what they hand on is still in the cache. A *region* is pieces in any order,
which threads take one after another: each its own share of the list, then what is left of the others' shares. All
meet before the next region begins. What a piece computes does not depend on who takes it. Waiting threads spin for a
while and then doze: where another program has taken a core, the system can move the thread that is late to the one
that is left.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .._atomic import doze, fetch_add, read
from .._jit import inline
from .._threads import SPINS, together
from .clock import time_stamp
from .rows import WIDTH, RowKernel, call_row, floats, integers

PIECE = 5
"""Numbers of a piece: first row, last row, start, stop, chunk."""

_ABORT, _LEFT, _ARRIVED, _TAKEN = 0, 1, 8, 16  # places in ``sync``; a cache line for what is read in loops


class _Program(NamedTuple):
    """Addresses of int64 numbers, and how many."""

    rows: int  # of the first worker
    worker_rows: int  # numbers of one worker's rows
    pieces: int
    regions: int  # where each region's pieces begin, and the end
    count: int  # of regions
    guard: int  # regions, after which it ends unless all is finite
    guarded: int  # addresses of float32
    guarded_count: int
    sync: int
    ticks: int  # 0 where nobody wants them
    worker_ticks: int


@inline
def _finite(places, count):
    for i in range(count):
        if not abs(floats(places[i])[0]) < np.inf:
            return False
    return True


@inline
def _reached(sync, at, number):
    """Wait until sync[at] has reached ``number``; False if that is given up."""
    spins = 0
    while read(sync, at) < number:
        if read(sync, _ABORT):
            return False
        spins += 1
        if spins > SPINS:
            doze()
    return True


@inline
def _run_piece(arena, rows, pieces, at, ticks, timed):
    first, last, n, stop, chunk = pieces[at], pieces[at + 1], pieces[at + 2], pieces[at + 3], pieces[at + 4]
    while n < stop:
        behind = min(n + chunk, stop)
        for row in range(first, last):
            before = time_stamp() if timed else 0
            call_row(arena, rows, row * WIDTH, n, behind)
            if timed:
                ticks[row] += time_stamp() - before
        n = behind


def _run(arena, r, worker, workers):
    pieces, regions, sync = integers(r.pieces), integers(r.regions), integers(r.sync)
    mine = integers(r.rows + 8 * worker * r.worker_rows)
    timed, ticks = r.ticks != 0, integers(r.ticks + 8 * worker * r.worker_ticks)
    for region in range(r.count):
        begin, count = regions[region], regions[region + 1] - regions[region]
        turn = 0
        while turn < workers:  # its own share first, which it had in the region before as well; then what others left
            owner = (worker + turn) % workers
            at, end = begin + count * owner // workers, begin + count * (owner + 1) // workers
            at += fetch_add(sync, _TAKEN + region * workers + owner, 1)
            if at < end:
                _run_piece(arena, mine, pieces, at * PIECE, ticks, timed)
            else:
                turn += 1
        if workers > 1:
            fetch_add(sync, _ARRIVED, 1)
            if not _reached(sync, _ARRIVED, workers * (region + 1)):
                return
        if region + 1 == r.guard and not _finite(integers(r.guarded), r.guarded_count):
            break
    if worker:
        fetch_add(sync, _LEFT, 1)
    else:
        _reached(sync, _LEFT, workers - 1)


_kernel = RowKernel(_run, _Program, ())


class Task:
    """A program, ready to run.

    ``rows`` (workers, rows, WIDTH): those of one worker differ from another's in their scratch only. ``pieces``
    (pieces, PIECE); ``regions`` holds where each region's pieces begin, and the end. ``guard``: after so many regions
    the program ends, unless the numbers of ``guarded`` (addresses of float32) are finite.
    """

    def __init__(
        self,
        arena: np.ndarray,
        rows: np.ndarray,
        pieces: np.ndarray,
        regions: np.ndarray,
        guard: int = 0,
        guarded: Sequence[int] = (),
    ):
        self.workers, self.rows = len(rows), rows
        self._sync = np.zeros(_TAKEN + (len(regions) - 1) * self.workers, np.int64)
        places = np.array(guarded, np.int64)
        self._held = arena, rows, pieces, regions, places  # whose memory the row names
        self._arena = arena.ctypes.data
        rows_at, pieces_at, regions_at, sync_at, places_at = (
            array.ctypes.data for array in (rows, pieces, regions, self._sync, places)
        )
        facts = rows_at, rows[0].size, pieces_at, regions_at, len(regions) - 1, guard, places_at, places.size
        self._facts = _Program(*facts, sync_at, 0, 0)
        self._row = _kernel.encode(self._facts)

    def run(self, ticks: np.ndarray | None = None) -> None:
        """Run it. ``ticks`` (workers, rows) takes the processor's time stamps that each row spent, where given."""
        row = self._row
        if ticks is not None:
            row = _kernel.encode(self._facts._replace(ticks=ticks.ctypes.data, worker_ticks=ticks.shape[1]))
        self._sync.fill(0)
        together(self._arena, row, self.workers, self._abort)

    def _abort(self):
        self._sync[_ABORT] = 1
