"""BatchReindex: items of a batch, picked by index."""

import math

import numpy as np

from ..errors import DataError, LayerError, shape_text
from ..kernels._jit import ELEMENTS
from ..kernels._threads import run
from ..kernels.labels import WRONG, class_indices
from ..kernels.rows import add_rows
from .base import Arrays, Diffs, Inferred, Layer, Scratch, Shape, register


@register("BatchReindex", bottoms=2)
class BatchReindex(Layer):
    """y[n] = x[index[n]]: x (N, ...) is bottom 0, index (M) bottom 1, y (M, ...).

    An item may be picked several times or not at all: dx[i] = the sum of dy[n] over all n with index[n] = i, added
    in the order of n. No gradient for the indices. Source: Caffe's BatchReindex. Raises LayerError for indices of
    another shape, DataError for one that is not a whole number from 0 to N - 1 (Caffe cuts off fractions).
    """

    no_gradient = (1,)

    def infer(self, x: Shape, index: Shape) -> Inferred:
        if not x:
            raise LayerError("bottom 0 is a scalar; expected items along axis 0")
        if len(index) != 1:
            raise LayerError(f"bottom 1 is {shape_text(index)}; expected 1 axis, an index for each item of the top")
        return Inferred([(*index, *x[1:])], scratch={"index": Scratch(index, "int64")})

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        (x, given), index = bottoms, self.scratch.index
        run(class_indices, index.size, given, len(x), math.nan, index, grain=ELEMENTS)
        if index.min() == WRONG:
            at = int(np.argmin(index))
            raise DataError(
                f"index {given[at]:g} at position {at} is no item of bottom 0; "
                f"expected a whole number from 0 to {len(x) - 1}"
            )
        np.take(x, index, axis=0, out=tops[0], mode="clip")

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is not None:
            dx, dy = bottom_diffs[0], top_diffs[0]
            dx, dy = dx.reshape(len(dx), -1), dy.reshape(len(dy), -1)
            dx.fill(0)
            run(add_rows, dx.shape[1], self.scratch.index, dy, dx, grain=ELEMENTS)
