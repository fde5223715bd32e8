"""What the machine can do at most: the product of the fast plan on data in the first-level cache, and a long copy."""

import time
from typing import NamedTuple

import numpy as np

from .._jit import ELEMENTS, kernel
from .._threads import run, threads
from .product import multiply
from .vector import LANES, ROWS

_DEPTH = 256
_COLUMNS = 2 * LANES
_REPEATS = 1000
_COPIED = 1 << 24  # numbers, more than caches hold
_ROUNDS = 5


class Peak(NamedTuple):
    """Figures of all threads together: operations, and bytes read and written, in a second."""

    flops: float
    bytes: float


@kernel
def _products(start, stop, repeats, depth, a, b, c):
    """c[n] = a b, ``repeats`` times; a (ROWS, depth), b (depth, 2 LANES)."""
    for n in range(start, stop):
        at = n * ROWS * _COLUMNS
        for _ in range(repeats):
            multiply(a, 0, depth, 1, b, 0, _COLUMNS, c, at, _COLUMNS, ROWS, _COLUMNS, depth, False)


def _copy(start, stop, x, y):
    """y = x, by the system's own way to copy memory, which passes the caches."""
    y[start:stop] = x[start:stop]


def measure() -> Peak:
    """The best of a few rounds, on as many threads as ``run`` uses; takes about a quarter of a second."""
    workers = threads()
    a, b = np.ones(ROWS * _DEPTH, np.float32), np.ones(_DEPTH * _COLUMNS, np.float32)
    c = np.zeros(workers * ROWS * _COLUMNS, np.float32)
    x, y = np.ones(_COPIED, np.float32), np.zeros(_COPIED, np.float32)
    product = _best(lambda: run(_products, workers, _REPEATS, _DEPTH, a, b, c))
    copy = _best(lambda: run(_copy, _COPIED, x, y, grain=ELEMENTS))
    flops = 2.0 * ROWS * _COLUMNS * _DEPTH * _REPEATS * workers
    return Peak(flops / product, 2.0 * x.nbytes / copy)


def _best(call) -> float:
    """The least of a few times, in seconds, after a call that is not timed."""
    call()
    times = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)
