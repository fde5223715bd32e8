"""Arrays to what they are like. A block at a time: the copies made are small, however large the array."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .facts import Histogram, Numbers

__all__ = ["BINS", "channel_moments", "channel_shares", "numbers_of"]

BINS = 48
_BLOCK = 1 << 15  # numbers


def numbers_of(array: np.ndarray, bins: int = BINS) -> Numbers:
    """Extremes, mean, standard deviation, zeros and, of ``bins``, a histogram of an array; sums are in float64."""
    size, total, zeros, low, high, small, large = 0, 0.0, 0, np.inf, -np.inf, np.inf, -np.inf
    for block in _finite_blocks(array):
        if not block.size:
            continue
        other = _without_zeros(block)
        size += block.size
        zeros += block.size - other.size
        total += float(block.sum(dtype=np.float64))
        low, high = min(low, float(block.min())), max(high, float(block.max()))
        if other.size:
            small, large = min(small, float(other.min())), max(large, float(other.max()))
    broken = array.size - size
    if not size:
        return Numbers(array.shape, None, None, None, None, 0, broken, None)
    mean = total / size
    counts, edges, squares = np.zeros(bins, np.int64), None, 0.0
    for block in _finite_blocks(array):
        centred = block.astype(np.float64)
        centred -= mean
        squares += float(np.square(centred, out=centred).sum())
        if bins and small < large:
            found, edges = np.histogram(_without_zeros(block).astype(np.float64), bins, (small, large))
            counts += found
    histogram = None if edges is None else Histogram(counts, edges)
    return Numbers(array.shape, low, high, mean, float(np.sqrt(squares / size)), zeros, broken, histogram)


def channel_moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and unbiased variance (0 from a single number) of each channel (axis 1; a 1-D array is one): float64."""
    places = x.size // _channels(x)
    with np.errstate(all="ignore"):
        mean = sum(block.sum((0, 2), dtype=np.float64) for block in _item_blocks(x)) / places
        variance = np.zeros_like(mean)
        for block in _item_blocks(x):
            centred = block - mean[:, None]
            variance += np.einsum("ncp,ncp->c", centred, centred)
    return mean, variance / max(1, places - 1)


def channel_shares(y: np.ndarray, holds: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """For each channel the share of its numbers for which ``holds`` (array to truths) does."""
    found = sum(np.count_nonzero(holds(block), (0, 2)) for block in _item_blocks(y))
    return found / (y.size // _channels(y))


def _channels(x: np.ndarray) -> int:
    return x.shape[1] if x.ndim > 1 else 1


def _without_zeros(block: np.ndarray) -> np.ndarray:
    return block if np.count_nonzero(block) == block.size else block[block != 0]


def _finite_blocks(array: np.ndarray) -> Iterator[np.ndarray]:
    flat = array.reshape(-1)
    for start in range(0, flat.size, _BLOCK):
        block = flat[start : start + _BLOCK]
        finite = np.isfinite(block)
        yield block if finite.all() else block[finite]


def _item_blocks(x: np.ndarray) -> Iterator[np.ndarray]:
    """Some items at a time, as (n, C, places)."""
    x = x.reshape(len(x), _channels(x), -1)
    step = max(1, _BLOCK * len(x) // max(1, x.size))
    for start in range(0, len(x), step):
        yield x[start : start + step]
