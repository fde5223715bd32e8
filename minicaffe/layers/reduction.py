"""Reduction: all axes from one on become their sum, sum of magnitudes or squares, or mean."""

import numpy as np

from ..kernels._jit import ELEMENTS
from ..kernels._threads import run
from ..kernels.reduction import ASUM, BLOCK, SUM, SUMSQ, block_sums, spread
from .base import Arrays, Diffs, Inferred, Layer, Scratch, Shape, axis_index, count, register

_KINDS = {"SUM": SUM, "MEAN": SUM, "ASUM": ASUM, "SUMSQ": SUMSQ}


@register("Reduction", options="reduction_param")
class Reduction(Layer):
    """y = coeff times the SUM, ASUM (of |x|), SUMSQ (of x^2) or MEAN of x over the axes from ``axis`` to the last.

    y has the axes before ``axis``, none for axis 0. dx = coeff dy times 1, sign(x), 2 x or 1 / count. Sums are
    float64, in blocks that are added in order. Raises LayerError for an axis out of range. Source: Caffe's Reduction.
    """

    def setup(self) -> None:
        self.operation = self.options.ReductionOp.Name(self.options.operation)
        self.kind = _KINDS[self.operation]
        if self.kind != SUM:
            self.backward_reads = ("bottoms",)

    def infer(self, x: Shape) -> Inferred:
        axis = axis_index(self.options.axis, len(x))
        self.view = rows, dim = count(x, 0, axis), count(x, axis)
        self.coefficient = self.options.coeff / (dim if self.operation == "MEAN" else 1)
        self.blocks = -(-dim // BLOCK)
        self.grain = -(-ELEMENTS // min(dim, BLOCK))
        sums = {"partial": Scratch((rows, self.blocks), "float64"), "total": Scratch((rows,), "float64")}
        return Inferred([x[:axis]], scratch=sums)

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        partial, total = self.scratch.partial, self.scratch.total
        run(block_sums, partial.size, bottoms[0].reshape(self.view), self.kind, partial, grain=self.grain)
        np.sum(partial, axis=1, out=total)
        np.multiply(total, self.coefficient, out=tops[0].reshape(-1), casting="same_kind")

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is not None:
            x, dx = bottoms[0].reshape(self.view), bottom_diffs[0].reshape(self.view)
            dy, factor = top_diffs[0].reshape(-1), dx.dtype.type(self.coefficient)
            units = self.scratch.partial.size
            run(spread, units, dy, x, self.kind, factor, self.blocks, dx, grain=self.grain)
