"""Copying parameters into a net by layer name: what fits, what does not, and a table that says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .errors import WeightsError, plural, shape_text


@dataclass(frozen=True)
class CopyReport:
    """Which layers of the net got their parameters, which layers the file has beyond them, which it lacks."""

    copied: tuple[str, ...]
    ignored: tuple[str, ...]
    missing: tuple[str, ...]


def copy_arrays(path: str, source: Mapping[str, Sequence[np.ndarray]], params: Mapping[str, Sequence]) -> CopyReport:
    """Copy ``source`` (layer name -> arrays) into ``params`` (layer name -> blobs) where the names are equal.

    Shapes must agree, but for leading axes of 1 (old files have four axes always). Nothing is copied unless
    everything fits; WeightsError lists all that does not.
    """
    common = [name for name in params if name in source]
    if params and not common:
        known = ", ".join(list(source)[:5]) or "none"
        raise WeightsError(
            f"{path}: none of its layers with weights ({known}{', ...' if len(source) > 5 else ''}) has the name "
            f"of one in the net ({', '.join(list(params)[:5])}{', ...' if len(params) > 5 else ''})"
        )
    wrong: list[tuple[str, str, str]] = []
    for name in common:
        theirs, ours = source[name], params[name]
        if len(theirs) != len(ours):
            wrong.append((name, plural(len(theirs), "blob"), plural(len(ours), "blob")))
            continue
        for i, (array, blob) in enumerate(zip(theirs, ours)):
            if _core(array.shape) != _core(blob.shape):
                wrong.append((f"{name}[{i}]", shape_text(array.shape), shape_text(blob.shape)))
    if wrong:
        raise WeightsError(_table(path, wrong))
    for name in common:
        for array, blob in zip(source[name], params[name]):
            blob.data[...] = array.reshape(blob.shape)
    return CopyReport(
        tuple(common),
        tuple(name for name in source if name not in params),
        tuple(name for name in params if name not in source),
    )


def _core(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape without leading axes of 1."""
    first = next((i for i, n in enumerate(shape) if n != 1), len(shape))
    return tuple(shape[first:])


def _table(path: str, wrong: list[tuple[str, str, str]]) -> str:
    rows = [("parameter", "in the file", "in the net"), *wrong]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    has = "has another shape" if len(wrong) == 1 else "have another shape"
    return f"{path}: {plural(len(wrong), 'parameter')} {has} than in the net:\n  " + "\n  ".join(lines)
