"""Shapes of all values, parameters and work arrays: integers only, before any array exists."""

from __future__ import annotations

from typing import Any

from ..errors import DataError, LayerError, shape_text
from ..layers.base import Inferred, Shape, count
from ..proto.blobs import MOST_AXES, MOST_NUMBERS
from .wiring import Draft


def infer_shapes(drafts: list[Draft], problems: list[str]) -> tuple[dict[tuple[str, int], Shape], list]:
    """The shape of every (name, version), and what each layer's ``infer`` returned (None where it failed).

    A layer below a failed one cannot be judged and is passed over in silence: its cause is already listed.
    """
    shapes: dict[tuple[str, int], Shape] = {}
    writer: dict[tuple[str, int], str] = {}
    inferred: list[Inferred | None] = []
    for draft in drafts:
        result = None
        if all(read in shapes for read in draft.reads):
            bottoms = [shapes[read] for read in draft.reads]
            try:
                result = draft.layer.infer(*bottoms)
                check_dimensions(draft, result)
            except DataError as error:
                problems.append(f"{draft.title}: {error}")
                result = None
            except LayerError as error:
                problems.append(f"{draft.title}: {error}{sources(draft, bottoms, writer)}")
                result = None
        if result is not None:
            shapes.update(zip(draft.writes, (tuple(int(n) for n in top) for top in result.tops)))
            writer.update((write, draft.layer.name) for write in draft.writes)
        inferred.append(result)
    return shapes, inferred


def open_files(drafts: list[Draft], problems: list[str]) -> None:
    """Let every layer that reads files open them; only now, when the rest of the net is known to be sound."""
    for draft in drafts:
        if draft.layer.reads_files:
            try:
                draft.layer.open()
            except (DataError, LayerError) as error:
                problems.append(f"{draft.title}: {error}")


def check_dimensions(draft: Draft, result: Inferred) -> None:
    """Raise LayerError for a top with a dimension below 1, or with more axes or numbers than a blob can have."""
    for (name, _), shape in zip(draft.writes, result.tops):
        for axis, size in enumerate(shape):
            if size < 1:
                raise LayerError(
                    f'dimension {axis} of top "{name}" would be {size} ({shape_text(shape)}); expected at least 1'
                )
        if len(shape) > MOST_AXES:
            raise LayerError(f'top "{name}" would have {len(shape)} axes; expected at most {MOST_AXES}')
        if count(shape) > MOST_NUMBERS:
            numbers = f"{shape_text(shape)}, {count(shape):,} numbers"
            raise LayerError(f'top "{name}" would be {numbers}; expected at most {MOST_NUMBERS:,}')


def sources(draft: Draft, bottoms: Any, writer: Any) -> str:
    """Where the bottoms of a layer come from, to end an error with."""
    if not bottoms:
        return ""
    parts = [
        f'"{read[0]}" {shape_text(shape)} from layer "{writer[read]}"' for read, shape in zip(draft.reads, bottoms)
    ]
    return f" (bottoms: {'; '.join(parts)})"
