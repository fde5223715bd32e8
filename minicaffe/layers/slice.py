"""Slice: one bottom cut into several tops along one axis."""

import itertools

import numpy as np

from ..errors import LayerError, plural
from .base import Arrays, Diffs, Inferred, Layer, Shape, axis_index, count, register


@register("Slice", options="slice_param", tops=(1, None))
class Slice(Layer):
    """The tops are the pieces of x along ``axis`` (or the older ``slice_dim``), in order.

    ``slice_point`` gives where each top but the first begins; without it all tops are equally wide. dx = the tops'
    diffs, put together again. Source: Caffe's Slice. Raises LayerError for cuts that do not make as many tops.

    Departure: a last ``slice_point`` at the end of the axis, which makes an empty top, is a LayerError.
    """

    def setup(self) -> None:
        if self.options.HasField("axis") and self.options.HasField("slice_dim"):
            raise LayerError("found both axis and slice_dim; expected one of them")
        points, tops = list(self.options.slice_point), len(self.param.top)
        if points and len(points) != tops - 1:
            raise LayerError(
                f"found {plural(len(points), 'slice_point')} for {plural(tops, 'top')}; expected {tops - 1}"
            )

    def infer(self, x: Shape) -> Inferred:
        old = self.options.HasField("slice_dim")
        field = "slice_dim" if old else "axis"
        axis = axis_index(getattr(self.options, field), len(x), field)
        cuts = self._cuts(axis, x[axis])
        inner = count(x, axis + 1)
        self.outer = count(x, 0, axis)
        self.spans = [(start * inner, stop * inner) for start, stop in cuts]
        return Inferred([(*x[:axis], stop - start, *x[axis + 1 :]) for start, stop in cuts])

    def _cuts(self, axis: int, size: int) -> list[tuple[int, int]]:
        points, tops = list(self.options.slice_point), len(self.param.top)
        if not points:
            if size % tops:
                raise LayerError(f"axis {axis} has {size} elements, which {plural(tops, 'top')} cannot share equally")
            points = [size // tops * i for i in range(1, tops)]
        cuts = list(itertools.pairwise([0, *points, size]))
        if any(start >= stop for start, stop in cuts):
            found = ", ".join(map(str, points))
            raise LayerError(
                f"slice_point is {found}; expected rising numbers from 1 to {size - 1}, within axis {axis}"
            )
        return cuts

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        x = bottoms[0].reshape(self.outer, -1)
        for y, (start, stop) in zip(tops, self.spans):
            np.copyto(y.reshape(self.outer, -1), x[:, start:stop])

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is not None:
            dx = bottom_diffs[0].reshape(self.outer, -1)
            for dy, (start, stop) in zip(top_diffs, self.spans):
                np.copyto(dx[:, start:stop], dy.reshape(self.outer, -1))
