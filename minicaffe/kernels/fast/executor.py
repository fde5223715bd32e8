"""Runs programs of rows: one compiled loop, entered by all threads at once.

A *piece* is rows [first, last) over units [start, stop), ``chunk`` units at a time: each chunk passes through all the
rows before the next begins, so that what they hand on is still in the cache. A *region* is pieces in any order,
which threads take one after another; all meet before the next region begins. What a piece computes does not depend
on who takes it. Waiting threads spin for a while and then doze: where another program has taken a core, the system can
move the thread that is late to the one that is left.
"""

import numpy as np

from .._atomic import doze, fetch_add, read
from .._jit import SPINS, kernel, together
from .clock import time_stamp
from .rows import WIDTH, call_row

PIECE = 5
"""Numbers of a piece: first row, last row, start, stop, chunk."""

_ABORT, _ARRIVED, _TAKEN = 0, 8, 16  # places in ``sync``; a cache line each for the first two


@kernel
def _run(worker, workers, arena, rows, pieces, regions, sync, ticks):
    """``regions`` holds where each region's pieces begin, and the end; ``ticks`` (a number per row) may be empty."""
    mine = rows[worker].reshape(-1)
    timed = ticks.shape[1] > 0
    for region in range(regions.size - 1):
        count = regions[region + 1] - regions[region]
        while True:
            taken = fetch_add(sync, _TAKEN + region, 1)
            if taken >= count:
                break
            piece = regions[region] + taken
            first, last, n, stop, chunk = pieces[piece]
            while n < stop:
                end = min(n + chunk, stop)
                for row in range(first, last):
                    before = time_stamp() if timed else 0
                    call_row(arena, mine, row * WIDTH, n, end)
                    if timed:
                        ticks[worker, row] += time_stamp() - before
                n = end
        if workers > 1:
            fetch_add(sync, _ARRIVED, 1)
            spins = 0
            while read(sync, _ARRIVED) < workers * (region + 1):
                if read(sync, _ABORT):
                    return
                spins += 1
                if spins > SPINS:
                    doze()


def new_sync(regions: int) -> np.ndarray:
    """What threads agree by, for a program of so many regions."""
    return np.zeros(_TAKEN + regions, np.int64)


def execute(arena, rows, pieces, regions, sync, ticks=None) -> None:
    """Run a program. ``rows`` (workers, rows, WIDTH): those of one worker differ from another's in their scratch only.

    ``ticks`` (workers, rows) takes the processor's time stamps that each row spent, where given.
    """
    sync[:] = 0

    def abort():
        sync[_ABORT] = 1

    nothing = np.zeros((0, 0), np.int64)
    together(_run, len(rows), abort, arena, rows, pieces, regions, sync, nothing if ticks is None else ticks)
