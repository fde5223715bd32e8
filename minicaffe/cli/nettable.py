"""What the tables of ``check`` and ``summary`` have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import UsageError, shape_text

if TYPE_CHECKING:
    from ..analysis.check import Checked
    from ..analysis.summary import Totals


def title(state: Checked) -> str:
    """The phases and stages of a checked state: ``TRAIN and TEST, stage deploy``."""
    return " and ".join(state.phases) + "".join(f", stage {stage}" for stage in state.stages)


def shapes_text(shapes: Mapping[str, tuple | None]) -> str:
    """The shapes of a layer's blobs; ? for what is not known."""
    return ", ".join("?" if shape is None else shape_text(shape) for shape in shapes.values()) or "-"


def listed(shapes: Mapping[str, tuple | None]) -> dict[str, list[int] | None]:
    """Shapes as JSON has them."""
    return {name: None if shape is None else list(shape) for name, shape in shapes.items()}


def known(sums: Totals) -> dict[str, int | None]:
    """The totals as JSON has them: None where more comes that is not known."""
    names = ("parameters", "multiply_adds", "bytes")
    return {name: None if more else value for name, value, more in zip(names, sums.values, sums.open)}


def shape_flag(name: str, text: str) -> tuple[int, ...]:
    """The value of ``--shape NAME=TEXT``."""
    try:
        shape = tuple(int(word) for word in text.split(","))
    except ValueError:
        shape = (0,)
    if min(shape) < 1:
        raise UsageError(f'--shape {name} is "{text}"; expected numbers of at least 1, such as {name}=64,3,28,28')
    return shape
