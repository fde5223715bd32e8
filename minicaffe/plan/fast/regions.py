"""Steps to regions: what runs depth first together, and where everyone must wait.

Per-image steps form one region as long as none waits for the whole batch: each chunk of images passes through all of
them. Other steps share a region where none reads or writes what another writes. A step runs in the first region that
what it depends on allows, so that what several steps read is read while it is in the cache, and threads meet seldom.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .builder import Buffer, PlainStep, Step


@dataclass(eq=False)
class Region:
    """Steps between two points where all threads meet. ``by_image``: depth first, on chunks of images."""

    by_image: bool
    steps: list[Step] = field(default_factory=list)

    def buffers(self) -> set[Buffer]:
        return set().union(*(step.reads() for step in self.steps))

    def writes(self) -> set[Buffer]:
        return set().union(*(step.writes() for step in self.steps))


def make_regions(steps: Sequence[Step | PlainStep]) -> list[list[Region] | PlainStep]:
    """Programs (lists of regions) and the plain layers between them, in the order of ``steps``."""
    out: list[list[Region] | PlainStep] = []
    together: list[Step] = []
    for step in (*steps, None):
        if isinstance(step, Step):
            together.append(step)
            continue
        if together:
            out.append(_schedule(together))
            together = []
        if step is not None:
            out.append(step)
    return out


def _schedule(steps: list[Step]) -> list[Region]:
    """Regions of per-image steps and of others in turn; in each all that can run by then, in the order of ``steps``."""
    before = _dependencies(steps)
    waiting = list(range(len(steps)))
    done: set[int] = set()
    regions: list[Region] = []
    by_image = True
    while waiting:
        region, earlier = Region(by_image), set(done)
        for i in waiting:
            if (steps[i].units is None) == by_image and before[i] <= (done if by_image else earlier):
                region.steps.append(steps[i])
                done.add(i)
        waiting = [i for i in waiting if i not in done]
        if region.steps:
            regions.append(region)
        by_image = not by_image
    return regions


def _dependencies(steps: Iterable[Step]) -> list[set[int]]:
    """The steps that each must follow: they write what it touches, or touch what it writes, private space apart."""
    out: list[set[int]] = []
    written: dict[Buffer, int] = {}
    touched: dict[Buffer, set[int]] = {}
    for i, step in enumerate(steps):
        writes = {buffer for buffer in step.writes() if buffer.kind != "private"}
        touches = {buffer for buffer in step.reads() if buffer.kind != "private"}
        follows = {written[buffer] for buffer in touches if buffer in written}
        follows.update(*(touched.get(buffer, ()) for buffer in writes))
        out.append(follows)
        for buffer in touches:
            touched.setdefault(buffer, set()).add(i)
        for buffer in writes:
            written[buffer], touched[buffer] = i, {i}
    return out
