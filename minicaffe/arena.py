"""All parameters of a net in one piece of memory: one array of data, one of diffs, a segment for each parameter.

Learned parameters lie together, so that one kernel call updates or clears them all and one buffer is all that
ever has to be exchanged. State (BatchNorm's statistics) lies in a second pair of arrays.
"""

from __future__ import annotations

import contextlib
import mmap
import weakref
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from .graph import ParamFact
from .layers.base import count

_ALIGN = 16  # numbers; 64 bytes of float32, a cache line and a vector

LARGE_PAGE = 2**21
"""Bytes of a large page, for which a processor has to remember one address instead of 512."""


def aligned_zeros(numbers: int, dtype: Any) -> np.ndarray:
    """A zeroed one-dimensional array whose first byte lies on a 64-byte boundary.

    As far as it fills large pages it lies in such, where the system has them: kernels that walk along dozens of rows
    at once would wait for addresses otherwise.
    """
    dtype = np.dtype(dtype)
    size = numbers * dtype.itemsize
    large = size // LARGE_PAGE * LARGE_PAGE if hasattr(mmap, "MADV_HUGEPAGE") else 0
    if large:
        memory = mmap.mmap(-1, size + LARGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        raw = np.frombuffer(memory, np.uint8)
    else:
        raw = np.zeros(size + 64, np.uint8)
    start = -raw.ctypes.data % (LARGE_PAGE if large else 64)
    if large:
        with contextlib.suppress(OSError):  # a system may have none all the same
            memory.madvise(mmap.MADV_HUGEPAGE, start, large)
    return raw[start : start + size].view(dtype)


@dataclass(frozen=True)
class Segment:
    """Where one owned parameter lies in the learned arrays, and its multipliers."""

    param: int
    start: int
    stop: int
    lr_mult: float
    decay_mult: float


class _Window:
    """Hands out an array through NumPy's interface, so that every view of it keeps the first one alive."""

    def __init__(self, array: np.ndarray):
        self.array = array
        self.__array_interface__ = array.__array_interface__


class Views:
    """Views that users were given of arrays; true as long as any is alive."""

    def __init__(self) -> None:
        self._given: list[weakref.ref] = []

    def give(self, array: np.ndarray) -> np.ndarray:
        """A view of ``array``."""
        view = np.asarray(_Window(array))
        self._given.append(weakref.ref(view))
        return view

    def __bool__(self) -> bool:
        self._given = [view for view in self._given if view() is not None]
        return bool(self._given)


class Arena:
    """Memory for ``params``; ``segments`` list the learned ones that own their memory, in net order.

    ``data[i]`` and ``diff[i]`` are the arrays of parameter ``i``; parameters that share an owner share them. Where
    clearing was put off, ``diff`` holds old numbers until ``settle``; ``learned_diff`` and ``shown`` settle first.
    """

    def __init__(self, params: Sequence[ParamFact], dtype: Any) -> None:
        learned, self.segments = self._lay_out(params, learned=True)
        state, state_segments = self._lay_out(params, learned=False)
        self.learned = aligned_zeros(learned, dtype)
        self._learned_diff = aligned_zeros(learned, dtype)
        self._clear_due = False
        self._views = Views()
        self.state = aligned_zeros(state, dtype)
        state_diff = aligned_zeros(state, dtype)
        where = {segment.param: (self.learned, self._learned_diff, segment) for segment in self.segments}
        where.update({segment.param: (self.state, state_diff, segment) for segment in state_segments})
        self.data: list[np.ndarray] = []
        self.diff: list[np.ndarray] = []
        for fact in params:
            data, diff, segment = where[fact.owner]
            self.data.append(data[segment.start : segment.stop].reshape(fact.shape))
            self.diff.append(diff[segment.start : segment.stop].reshape(fact.shape))

    @property
    def learned_diff(self) -> np.ndarray:
        """The diffs of all learned parameters."""
        self.settle()
        return self._learned_diff

    def shown(self, diff: np.ndarray) -> np.ndarray:
        """A parameter's diff for a user, who may keep it and write to it."""
        self.settle()
        return self._views.give(diff)

    def clear(self, later: bool = False) -> None:
        """Set all learned diffs to zero; ``later``: not before someone looks, and ``clear_rest`` may come first."""
        self._clear_due = later and not self._views
        if not self._clear_due:
            self._learned_diff.fill(0)

    def settle(self) -> None:
        """Clear now, where it was put off."""
        if self._clear_due:
            self.clear()

    def clear_rest(self, rest: Sequence[slice]) -> bool:
        """Where clearing was put off, clear ``rest`` only, as all else is about to be overwritten; whether it was."""
        due, self._clear_due = self._clear_due, False
        if due:
            for part in rest:
                self._learned_diff[part] = 0
        return due

    def without(self, params: Set[int]) -> list[slice]:
        """The parts of the learned arrays that hold no parameter of ``params``."""
        parts: list[slice] = []
        for segment in self.segments:
            if segment.param not in params:
                start = parts.pop().start if parts and parts[-1].stop == segment.start else segment.start
                parts.append(slice(start, _filled(segment.stop)))
        return parts

    @staticmethod
    def _lay_out(params: Sequence[ParamFact], learned: bool) -> tuple[int, tuple[Segment, ...]]:
        at, segments = 0, []
        for fact in params:
            if fact.owner == fact.id and fact.learned == learned:
                size = count(fact.shape)
                segments.append(Segment(fact.id, at, at + size, fact.lr_mult, fact.decay_mult))
                at = _filled(at + size)
        return at, tuple(segments)


def _filled(numbers: int) -> int:
    """Filled up to where a segment may begin."""
    return -(-numbers // _ALIGN) * _ALIGN
