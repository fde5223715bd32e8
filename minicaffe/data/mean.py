"""The mean image of a database, as Caffe's compute_image_mean computes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .progress import Progress, ignore

if TYPE_CHECKING:
    from .leveldb_source import LevelDbSource
    from .lmdb_source import LmdbSource

__all__ = ["compute_mean"]

_BLOCK = 1 << 24
"""Bytes of images that are added up at once."""


def compute_mean(source: LmdbSource | LevelDbSource, progress: Progress = ignore) -> np.ndarray:
    """The sum of all images over their number: float32 (C, H, W).

    Equal to Caffe's, bit by bit, while the sums are below 2**24, up to which its float32 sums are exact; beyond,
    this is the better mean. Leaves the source at its first record.
    """
    exact = np.uint64 if source.dtype == np.uint8 else np.float64
    total: Any = np.zeros(source.shape, exact)
    block = max(1, min(500, _BLOCK // (total.size * source.dtype.itemsize)))
    images = np.empty((block, *source.shape), source.dtype)
    labels = np.empty(block, np.int64)
    source.seek(0)
    for start in range(0, source.count, block):
        n = min(block, source.count - start)
        source.read(images[:n], labels[:n])
        total += images[:n].sum(axis=0, dtype=exact)
        progress("mean", start + n, source.count)
    return total.astype(np.float32) / np.float32(source.count)
