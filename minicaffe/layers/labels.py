"""Labels for losses and accuracies: read as class indices, always checked."""

from __future__ import annotations

import math
from typing import NoReturn

import numpy as np

from ..errors import DataError, LayerError, plural, shape_text
from ..kernels._jit import ELEMENTS
from ..kernels._threads import run
from ..kernels.labels import WRONG, class_indices
from .base import Shape, count


def check_label_count(scores: Shape, label: Shape, axis: int) -> None:
    """Raise LayerError unless there is one label for each place of ``scores`` outside ``axis``."""
    places = scores[:axis] + scores[axis + 1 :]
    if count(label) != count(places):
        raise LayerError(
            f"bottom 1 holds {plural(count(label), 'label')} ({shape_text(label)}), but bottom 0 "
            f"({shape_text(scores)}, classes on axis {axis}) needs {count(places)} ({shape_text(places)})"
        )


def labelled_items(x: Shape, label: Shape) -> tuple[int, int]:
    """(items, numbers per item) of bottom 0; raises LayerError unless there is one label for each of its items."""
    if not x:
        raise LayerError("bottom 0 is a scalar; expected at least one axis, the items")
    if count(label) != x[0] or label[:1] != x[:1]:
        raise LayerError(
            f"the labels are {shape_text(label)}, but bottom 0 is {shape_text(x)}: expected {plural(x[0], 'label')}"
        )
    return x[0], count(x, 1)


def read_labels(label: np.ndarray, classes: int, ignored: int | None, index: np.ndarray) -> None:
    """Fill ``index`` (int32, as many as there are labels) with class indices, negative where ``ignored``.

    Raises DataError naming the first label that is not a whole number from 0 to classes - 1.
    """
    flat = index.reshape(-1)
    none = math.nan if ignored is None else float(ignored)
    run(class_indices, flat.size, label.reshape(-1), classes, none, flat, grain=ELEMENTS)
    if flat.min() == WRONG:
        _refuse(label, int(np.argmin(flat)), classes)


def _refuse(label: np.ndarray, position: int, classes: int) -> NoReturn:
    label = label.reshape(-1) if label.ndim == 0 else label
    first, *rest = (int(at) for at in np.unravel_index(position, label.shape))
    place = [str(at) for at, size in zip(rest, label.shape[1:]) if size > 1]
    value = float(label.reshape(-1)[position])
    where = f"label {value:g} at batch index {first}" + (f", position ({', '.join(place)})," if place else "")
    if value.is_integer():
        raise DataError(f"{where} is outside the {classes} classes (0 to {classes - 1})")
    raise DataError(f"{where} is not a class; expected a whole number from 0 to {classes - 1}")
