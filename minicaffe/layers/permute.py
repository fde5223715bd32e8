"""Permute: the axes in another order."""

import numpy as np

from ..errors import LayerError, shape_text
from .base import Arrays, Diffs, Inferred, Layer, Shape, register


@register("Permute", options="permute_param")
class Permute(Layer):
    """Axis i of y is axis ``order[i]`` of x; axes that ``order`` leaves out follow in their own order.

    dx is dy with the axes put back. Liu et al., arXiv 1512.02325. Source: Permute of weiliu89/caffe (ssd). LayerError
    for an axis that x does not have, or that is named twice.
    """

    def setup(self) -> None:
        order = list(self.options.order)
        twice = sorted({axis for axis in order if order.count(axis) > 1})
        if twice:
            raise LayerError(f"order names axis {twice[0]} more than once; expected each axis once")

    def infer(self, x: Shape) -> Inferred:
        order = list(self.options.order)
        if order and max(order) >= len(x):
            raise LayerError(
                f"order names axis {max(order)}, but the bottom has {len(x)} axes ({shape_text(x)}); "
                f"expected 0 to {len(x) - 1}"
            )
        self.order = (*order, *(axis for axis in range(len(x)) if axis not in order))
        return Inferred([tuple(x[axis] for axis in self.order)])

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        np.copyto(tops[0], bottoms[0].transpose(self.order))

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is not None:
            np.copyto(bottom_diffs[0].transpose(self.order), top_diffs[0])
