"""Shapes that several layers check in the same way. Integers only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import LayerError, shape_text
from .base import Shape, axis_index, count


class Sized:
    """The sizes of something with a ``shape``, by Caffe's names for four axes; axes that it lacks count as 1."""

    if TYPE_CHECKING:

        @property
        def shape(self) -> Sequence[int]:
            """Its own business."""

    @property
    def count(self) -> int:
        """How many numbers there are."""
        return count(self.shape)

    @property
    def num(self) -> int:
        """The size of axis 0."""
        return self._size(0)

    @property
    def channels(self) -> int:
        """The size of axis 1."""
        return self._size(1)

    @property
    def height(self) -> int:
        """The size of axis 2."""
        return self._size(2)

    @property
    def width(self) -> int:
        """The size of axis 3."""
        return self._size(3)

    def _size(self, axis: int) -> int:
        return self.shape[axis] if axis < len(self.shape) else 1


def checked_shape(dims: Sequence[int]) -> Shape:
    """``dims`` as a shape; raises LayerError unless every dimension is at least 1."""
    for axis, size in enumerate(dims):
        if size < 1:
            raise LayerError(f"dimension {axis} is {size}; expected at least 1")
    return tuple(int(size) for size in dims)


def around_axis(shape: Shape, axis: int, stop: int | None = None) -> Shape:
    """(outer, middle, inner): the products of the dimensions before, in and after [axis, stop), stop = axis + 1."""
    stop = axis + 1 if stop is None else stop
    return (count(shape, 0, axis), count(shape, axis, stop), count(shape, stop))


def same_shapes(shapes: Sequence[Shape]) -> Shape:
    """The one shape that all bottoms have; raises LayerError naming the first that differs."""
    for i, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise LayerError(
                f"bottom {i} has shape {shape_text(shape)}, bottom 0 has {shape_text(shapes[0])}; expected the same"
            )
    return shapes[0]


def spanned_axes(x: Shape, axis: int, num_axes: int) -> tuple[int, int]:
    """First and last + 1 of the ``num_axes`` (-1: all) axes of ``x`` that begin at ``axis``."""
    start = axis_index(axis, len(x)) if num_axes else 0
    if num_axes < -1:
        raise LayerError(f"num_axes is {num_axes}; expected -1 (to the end) or more")
    stop = len(x) if num_axes == -1 else start + num_axes
    if stop > len(x):
        raise LayerError(
            f"axis {axis} and num_axes {num_axes} reach beyond the bottom, which has {len(x)} axes ({shape_text(x)})"
        )
    return start, stop


def spanned_by(x: Shape, axis: int, other: Shape) -> tuple[int, int]:
    """Where bottom 1, of shape ``other``, lies in ``x``: its axes must equal those of ``x`` from ``axis`` on."""
    start = axis_index(axis, len(x)) if other else 0
    stop = start + len(other)
    if x[start:stop] != other:
        raise LayerError(
            f"bottom 1 has shape {shape_text(other)}, but bottom 0 has {shape_text(x)}: "
            f"expected the dimensions of bottom 0 from axis {start} on"
        )
    return start, stop
