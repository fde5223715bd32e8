"""The memory pass: what is needed at one time never overlaps; what one region uses alone is local."""

import itertools
import random
from typing import NamedTuple

import pytest

from minicaffe.kernels.fast.copy_rows import Copy, copy
from minicaffe.plan.fast.builder import Buffer, Step
from minicaffe.plan.fast.memory import ALIGN, CACHE, Interval, lay_out, pack
from minicaffe.plan.fast.regions import Region


class Placed(NamedTuple):
    interval: Interval
    at: int


def overlap(a: Placed, b: Placed) -> bool:
    together = a.interval.first <= b.interval.last and b.interval.first <= a.interval.last
    return together and a.at < b.at + b.interval.size and b.at < a.at + a.interval.size


@pytest.mark.parametrize("seed", range(20))
def test_intervals_never_overlap_in_time_and_place(seed):
    draw = random.Random(seed)
    intervals = []
    for _ in range(60):
        first = draw.randrange(20)
        intervals.append(Interval(draw.randrange(1, 500), first, first + draw.randrange(6)))
    offsets, end = pack(intervals)
    placed = [Placed(*pair) for pair in zip(intervals, offsets)]
    assert not [(a, b) for i, a in enumerate(placed) for b in placed[:i] if overlap(a, b)]
    assert all(at % ALIGN == 0 for at in offsets)
    assert end >= max(at + interval.size for interval, at in placed)
    busiest = max(sum(i.size for i in intervals if i.first <= t <= i.last) for t in range(26))
    assert busiest <= end < 2 * busiest + ALIGN * len(intervals)


def test_one_after_the_other_share_their_place():
    offsets, end = pack([Interval(64, 0, 1), Interval(64, 2, 3), Interval(64, 4, 4)])
    assert offsets == [0, 0, 0]
    assert end == 64


def test_nothing_needs_nothing():
    assert pack([]) == ([], 0)


def images(label: str, step: int = 64) -> Buffer:
    return Buffer(label, "images", step)


def copied(x: Buffer, y: Buffer) -> Step:
    return Step(copy, Copy(x, y, 64), None, 1, (), 0)


def test_what_one_region_uses_alone_is_local():
    a, inside, b = images("a"), images("inside"), images("b")
    regions = [Region(True, [copied(a, inside), copied(inside, b)]), Region(True, [copied(b, a)])]
    layout = lay_out(regions, (), images=40, group=5)
    assert set(layout.local) == {inside}
    assert set(layout.shared) == {a, b}
    assert layout.shared_size == 2 * 40 * 64
    assert layout.local_size == 64 * layout.chunks[regions[0]]


def test_a_region_over_other_units_has_nothing_local():
    a, b = images("a"), images("b")
    region = Region(False, [Step(copy, Copy(a, b, 64), 40, 1, (), 0)])
    layout = lay_out([region], (), images=40, group=5)
    assert not layout.local
    assert not layout.chunks


def test_memory_is_used_again_when_its_buffer_is_no_longer_needed():
    chain = [images(f"b{i}") for i in range(6)]
    regions = [Region(True, [copied(x, y)]) for x, y in itertools.pairwise(chain)]
    layout = lay_out(regions, (), images=10, group=2)
    inner = [layout.shared[buffer] for buffer in chain[1:-1]]
    assert len(set(inner)) == 2  # one being read, one being written
    assert layout.shared_size == 2 * 10 * 64


def test_lasting_buffers_are_never_given_up():
    first, others = images("first"), [images(f"b{i}") for i in range(4)]
    chain = [first, *others]
    regions = [Region(True, [copied(x, y)]) for x, y in itertools.pairwise(chain)]
    layout = lay_out(regions, {first}, images=10, group=2)
    assert layout.shared[first] not in {layout.shared[buffer] for buffer in others[:-1]}


def test_partial_sums_have_a_piece_for_each_group():
    x, sums = images("x"), Buffer("sums", "groups", 32)
    region = Region(True, [Step(copy, Copy(x, sums, 32), None, 1, (), 0)])
    after = Region(False, [Step(copy, Copy(sums, x, 32), 1, 1, (), 0)])
    layout = lay_out([region, after], (), images=10, group=3)
    assert layout.shared_size == 10 * 64 + 4 * 32


def test_private_buffers_of_neighbours_share_their_place():
    x, y = images("x"), images("y")
    work = [Buffer(f"work{i}", "private", 128) for i in range(3)]

    class Fields(NamedTuple):
        x: object
        y: object
        work: object

    steps = [Step(copy, Fields(x, y, one), None, 1, (), 0) for one in work]
    layout = lay_out([Region(True, steps)], (), images=4, group=4)
    assert len({layout.local[one] for one in work}) == 1


@pytest.mark.parametrize("step,group,chunk", [(16, 13, 13), (CACHE // 8, 13, 7), (CACHE, 13, 1), (2 * CACHE, 5, 1)])
def test_chunks_fit_the_cache_and_are_alike(step, group, chunk):
    region = Region(True, [copied(images("x", step), images("y", 0))])
    assert lay_out([region], (), images=26, group=group).chunks[region] == chunk
