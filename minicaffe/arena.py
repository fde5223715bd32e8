"""All parameters of a net in one piece of memory: one array of data, one of diffs, a segment for each parameter.

Learned parameters lie together, so that one kernel call updates or clears them all and one buffer is all that
ever has to be exchanged. State (BatchNorm's statistics) lies in a second pair of arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .graph import ParamFact
from .layers.base import count

_ALIGN = 16  # numbers; 64 bytes of float32, a cache line and a vector


def aligned_zeros(numbers: int, dtype: Any) -> np.ndarray:
    """A zeroed one-dimensional array whose first byte lies on a 64-byte boundary."""
    dtype = np.dtype(dtype)
    raw = np.zeros(numbers * dtype.itemsize + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + numbers * dtype.itemsize].view(dtype)


@dataclass(frozen=True)
class Segment:
    """Where one owned parameter lies in the learned arrays, and its multipliers."""

    param: int
    start: int
    stop: int
    lr_mult: float
    decay_mult: float


class Arena:
    """Memory for ``params``; ``segments`` list the learned ones that own their memory, in net order.

    ``data[i]`` and ``diff[i]`` are the arrays of parameter ``i``; parameters that share an owner share them.
    """

    def __init__(self, params: Sequence[ParamFact], dtype: Any) -> None:
        learned, self.segments = self._lay_out(params, learned=True)
        state, state_segments = self._lay_out(params, learned=False)
        self.learned = aligned_zeros(learned, dtype)
        self.learned_diff = aligned_zeros(learned, dtype)
        self.state = aligned_zeros(state, dtype)
        state_diff = aligned_zeros(state, dtype)
        where = {segment.param: (self.learned, self.learned_diff, segment) for segment in self.segments}
        where.update({segment.param: (self.state, state_diff, segment) for segment in state_segments})
        self.data: list[np.ndarray] = []
        self.diff: list[np.ndarray] = []
        for fact in params:
            data, diff, segment = where[fact.owner]
            self.data.append(data[segment.start : segment.stop].reshape(fact.shape))
            self.diff.append(diff[segment.start : segment.stop].reshape(fact.shape))

    @staticmethod
    def _lay_out(params: Sequence[ParamFact], learned: bool) -> tuple[int, tuple[Segment, ...]]:
        at, segments = 0, []
        for fact in params:
            if fact.owner == fact.id and fact.learned == learned:
                size = count(fact.shape)
                segments.append(Segment(fact.id, at, at + size, fact.lr_mult, fact.decay_mult))
                at += -(-size // _ALIGN) * _ALIGN
        return at, tuple(segments)
