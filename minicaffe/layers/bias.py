"""Bias: add a number along chosen axes."""

import numpy as np

from ..kernels._jit import distinct
from ..kernels._threads import run
from ..kernels.affine import affine_forward, affine_sums
from .base import Arrays, Diffs, Inferred, Layer, Param, Shape, register
from .shapes import around_axis, spanned_axes, spanned_by


@register("Bias", options="bias_param", bottoms=(1, 2))
class Bias(Layer):
    """y = x + beta: beta spans axes [axis, axis + num_axes) of x and repeats along the others.

    beta is a parameter (``filler``), or bottom 1 where there is one, whose axes then take the place of
    ``num_axes``. dx = dy, dbeta = sum dy, in float64. Source: Caffe's Bias.
    """

    in_place = True

    def infer(self, x: Shape, *other: Shape) -> Inferred:
        if other:
            start, stop = spanned_by(x, self.options.axis, other[0])
        else:
            start, stop = spanned_axes(x, self.options.axis, self.options.num_axes)
        self.view = around_axis(x, start, stop)
        return Inferred([x], [] if other else [Param("beta", x[start:stop], self.options.filler)])

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        x, y = bottoms[0].reshape(self.view), tops[0].reshape(self.view)
        beta = (bottoms[1] if len(bottoms) > 1 else self.params[0]).reshape(-1)
        run(affine_forward, y.size // self.view[2], distinct(x, y), None, beta, y)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        dbeta = bottom_diffs[1] if len(bottoms) > 1 else self.param_diffs[0]
        if len(bottoms) > 1 and dbeta is not None:
            dbeta.fill(0)
        if dbeta is not None:
            run(affine_sums, self.view[1], None, top_diffs[0].reshape(self.view), None, dbeta.reshape(-1))
        if bottom_diffs[0] is not None and distinct(bottom_diffs[0], top_diffs[0]) is not None:
            np.copyto(bottom_diffs[0], top_diffs[0])
