"""Concat: bottoms side by side along one axis."""

import numpy as np

from ..errors import LayerError, shape_text
from .base import Arrays, Diffs, Inferred, Layer, Shape, axis_index, count, register


@register("Concat", options="concat_param", bottoms=(1, None))
class Concat(Layer):
    """y = the bottoms one after another along ``axis`` (or the older ``concat_dim``); their other axes must agree.

    dx_i is the part of dy that x_i became. Source: Caffe's Concat.
    """

    def setup(self) -> None:
        if self.options.HasField("axis") and self.options.HasField("concat_dim"):
            raise LayerError("found both axis and concat_dim; expected one of them")

    def infer(self, first: Shape, *others: Shape) -> Inferred:
        old = self.options.HasField("concat_dim")
        field = "concat_dim" if old else "axis"
        axis = axis_index(getattr(self.options, field), len(first), field)
        for i, other in enumerate(others, start=1):
            if first[:axis] + first[axis + 1 :] != other[:axis] + other[axis + 1 :] or len(other) != len(first):
                raise LayerError(
                    f"bottom {i} has shape {shape_text(other)}, bottom 0 has {shape_text(first)}; "
                    f"expected them to differ on axis {axis} only"
                )
        bottoms = (first, *others)
        self.outer = count(first, 0, axis)
        widths = [count(bottom, axis) for bottom in bottoms]
        self.spans = [(sum(widths[:i]), sum(widths[: i + 1])) for i in range(len(widths))]
        return Inferred([(*first[:axis], sum(bottom[axis] for bottom in bottoms), *first[axis + 1 :])])

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        y = tops[0].reshape(self.outer, -1)
        for x, (start, stop) in zip(bottoms, self.spans):
            np.copyto(y[:, start:stop], x.reshape(self.outer, -1))

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        dy = top_diffs[0].reshape(self.outer, -1)
        for dx, (start, stop) in zip(bottom_diffs, self.spans):
            if dx is not None:
                np.copyto(dx.reshape(self.outer, -1), dy[:, start:stop])
