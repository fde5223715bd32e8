"""Where buffers lie: lifetimes to offsets.

What one region alone uses lies in *local* memory, a piece for each image of a chunk and for each worker, small enough
to stay in the cache. Everything else lies in the *shared* arena for as long as anyone still needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .builder import Buffer
from .regions import Region

ALIGN = 16
"""Buffers begin at multiples of so many elements: a cache line."""

CACHE = 3 * 2**17
"""Elements that the buffers of one chunk should stay below: one and a half times a second-level cache of 1 MB, as not
all of them are in use at once."""


class Interval(NamedTuple):
    """``size`` elements that are needed from time ``first`` to ``last``, both included."""

    size: int
    first: int
    last: int


def pack(intervals: Sequence[Interval]) -> tuple[list[int], int]:
    """Offsets such that no two intervals overlap in time and place, and the end of it all; the largest come first."""
    offsets = [0] * len(intervals)
    placed: list[int] = []
    end = 0
    for index in sorted(range(len(intervals)), key=lambda i: (-intervals[i].size, i)):
        size, first, last = intervals[index]
        size = -(-size // ALIGN) * ALIGN
        there = sorted(
            (offsets[i], offsets[i] + -(-intervals[i].size // ALIGN) * ALIGN)
            for i in placed
            if intervals[i].first <= last and first <= intervals[i].last
        )
        at = 0
        for begin, stop in there:
            if begin - at >= size:
                break
            at = max(at, stop)
        offsets[index] = at
        end = max(end, at + size)
        placed.append(index)
    return offsets, end


@dataclass(frozen=True)
class Layout:
    """``shared`` and ``local``: the offset of each buffer there. ``chunks``: images of a chunk, by region.

    A "private" buffer lies in local memory as well.
    """

    shared: dict[Buffer, int]
    local: dict[Buffer, int]
    shared_size: int
    local_size: int
    chunks: dict[Region, int]


def lay_out(regions: Sequence[Region], lasting: Iterable[Buffer], images: int, group: int) -> Layout:
    """Memory for programs whose regions run in this order; ``lasting`` buffers are never given up.

    ``group``: images of one partial sum, which no chunk exceeds.
    """
    times: dict[Buffer, list[int]] = {}
    for time, region in enumerate(regions):
        for buffer in region.buffers():
            times.setdefault(buffer, []).append(time)
    forever = set(lasting)
    local = {
        buffer
        for buffer, used in times.items()
        if buffer.kind == "images" and len(used) == 1 and regions[used[0]].by_image and buffer not in forever
    }
    chunks = {region: _chunk(region, group) for region in regions if region.by_image}
    inside, local_size = _lay_out_local(regions, local, chunks)
    kept = [buffer for buffer in times if buffer.kind in ("images", "groups", "one") and buffer not in local]
    groups = -(-images // group)
    pieces = {"images": images, "groups": groups, "one": 1}
    end = len(regions)
    intervals = [
        Interval(buffer.step * pieces[buffer.kind], 0, end)
        if buffer in forever
        else Interval(buffer.step * pieces[buffer.kind], times[buffer][0], times[buffer][-1])
        for buffer in kept
    ]
    offsets, shared_size = pack(intervals)
    return Layout(dict(zip(kept, offsets)), inside, shared_size, local_size, chunks)


def _chunk(region: Region, group: int) -> int:
    """Images that pass through a region together: as many as fit the cache, in pieces of like size."""
    image = sum(buffer.step for buffer in region.buffers() if buffer.kind == "images")
    most = max(1, min(group, CACHE // max(1, image)))
    return -(-group // -(-group // most))


def _lay_out_local(
    regions: Sequence[Region], local: set[Buffer], chunks: Mapping[Region, int]
) -> tuple[dict[Buffer, int], int]:
    """Each region's own buffers, and the work space of each step, which its neighbours may use again."""
    offsets: dict[Buffer, int] = {}
    size = 0
    for region in regions:
        uses: dict[Buffer, list[int]] = {}
        for time, step in enumerate(region.steps):
            for buffer in step.reads():
                if buffer in local or buffer.kind == "private":
                    uses.setdefault(buffer, []).append(time)
        intervals = [
            Interval(buffer.step * (1 if buffer.kind == "private" else chunks[region]), used[0], used[-1])
            for buffer, used in uses.items()
        ]
        places, end = pack(intervals)
        offsets.update(zip(uses, places))
        size = max(size, end)
    return offsets, size
