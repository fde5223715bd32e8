"""Steps to regions: what runs depth first together, and where everyone must wait.

Per-image steps that follow one another form one region: each chunk of images passes through all of them. Other
steps share a region where none reads or writes what another writes.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    for step in steps:
        if isinstance(step, PlainStep):
            out.append(step)
            continue
        if not out or isinstance(out[-1], PlainStep):
            out.append([])
        program = out[-1]
        by_image = step.units is None
        if not (program and program[-1].by_image == by_image and (by_image or _independent(program[-1], step))):
            program.append(Region(by_image))
        program[-1].steps.append(step)
    return out


def _independent(region: Region, step: Step) -> bool:
    """Whether the step may run beside those of the region. Private work space never counts."""
    touched = {buffer for buffer in region.buffers() if buffer.kind != "private"}
    return not (step.writes() & touched) and not (step.reads() & region.writes() - _private(step))


def _private(step: Step) -> set[Buffer]:
    return {buffer for buffer in step.reads() if buffer.kind == "private"}
