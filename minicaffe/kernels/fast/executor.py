"""Runs programs of rows: one compiled loop, entered by all threads at once.

A *piece* is rows [first, last) over units [start, stop), ``chunk`` units at a time: each chunk passes through all the
rows before the next begins, so that what they hand on is still in the cache. A *region* is pieces in any order,
which threads take one after another; all meet before the next region begins. What a piece computes does not depend
on who takes it. Waiting threads spin for a while and then doze: where another
program has taken a core, the system can move the thread that is late to the one that is left.
"""

import sys

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .._jit import kernel, together
from .clock import time_stamp
from .rows import WIDTH, call_row

PIECE = 5
"""Numbers of a piece: first row, last row, start, stop, chunk."""

_ABORT, _ARRIVED, _TAKEN = 0, 8, 16  # places in ``sync``; a cache line each for the first two
_SPINS = 50_000  # readings of a flag, a tenth of a millisecond or so
_NAP = 50  # microseconds
_DOZES = sys.platform != "win32"


@intrinsic
def _fetch_add(typing, array, at, value):
    """array[at] += value, as one operation among threads; returns what was there before."""

    def generate(context, builder, signature, args):
        base = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.atomic_rmw("add", builder.gep(base, [args[1]]), args[2], "seq_cst")

    return types.int64(array, types.intp, types.int64), generate


@intrinsic
def _read(typing, array, at):
    """array[at], as other threads have left it."""

    def generate(context, builder, signature, args):
        base = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.load_atomic(builder.gep(base, [args[1]]), "acquire", 8)

    return types.int64(array, types.intp), generate


@intrinsic
def _doze(typing):
    """Leave the core to others for some microseconds."""

    def generate(context, builder, signature, args):
        if _DOZES:
            kind = ir.FunctionType(ir.IntType(32), [ir.IntType(32)])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "usleep"), [kind.args[0](_NAP)])
        return context.get_dummy_value()

    return types.void(), generate


@kernel
def _run(worker, workers, arena, rows, pieces, regions, sync, ticks):
    """``regions`` holds where each region's pieces begin, and the end; ``ticks`` (a number per row) may be empty."""
    mine = rows[worker].reshape(-1)
    timed = ticks.shape[1] > 0
    for region in range(regions.size - 1):
        count = regions[region + 1] - regions[region]
        while True:
            taken = _fetch_add(sync, _TAKEN + region, 1)
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
            _fetch_add(sync, _ARRIVED, 1)
            spins = 0
            while _read(sync, _ARRIVED) < workers * (region + 1):
                if _read(sync, _ABORT):
                    return
                spins += 1
                if spins > _SPINS:
                    _doze()


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
