"""Axpy: channels scaled by another blob, and a third one added."""

import numpy as np

from ..errors import LayerError, shape_text
from ..kernels._threads import run
from ..kernels.affine import affine_forward, affine_sums
from ..kernels.axpy import axpy
from .base import Arrays, Diffs, Inferred, Layer, Shape, count, register


@register("Axpy", bottoms=3)
class Axpy(Layer):
    """y = a x + z: bottoms a (N, C) or (N, C, 1, 1), x (N, C, ...), z of the shape of x, a factor for each channel.

    da = sum of dy x over the channel (in float64), dx = a dy, dz = dy. Hu et al., arXiv 1709.01507. Source: Axpy of
    hujie-frank/SENet. LayerError for other shapes.
    """

    backward_reads = ("bottoms",)

    def infer(self, a: Shape, x: Shape, z: Shape) -> Inferred:
        if len(x) < 2 or a[:2] != x[:2] or count(a, 2) != 1:
            raise LayerError(
                f"bottom 0 is {shape_text(a)}, bottom 1 {shape_text(x)}; expected N x C (x 1 x 1) and N x C x ..."
            )
        if z != x:
            raise LayerError(f"bottom 2 is {shape_text(z)}, bottom 1 {shape_text(x)}; expected the same")
        self.view = (x[0] * x[1], count(x, 2))
        return Inferred([x])

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        a, x, z, y = bottoms[0].reshape(-1), *(array.reshape(self.view) for array in (*bottoms[1:], tops[0]))
        run(axpy, self.view[0], a, x, z, y)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        view = (1, *self.view)
        a, x, dy = bottoms[0].reshape(-1), bottoms[1].reshape(view), top_diffs[0].reshape(view)
        da, dx, dz = bottom_diffs
        if da is not None:
            da.fill(0)
            run(affine_sums, view[1], x, dy, da.reshape(-1), None)
        if dx is not None:
            run(affine_forward, view[1], dy, a, None, dx.reshape(view))
        if dz is not None:
            np.copyto(dz, top_diffs[0])
