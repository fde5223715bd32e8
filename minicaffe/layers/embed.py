"""Embed: a learned vector for each of a range of whole numbers."""

import math

import numpy as np

from ..errors import DataError, LayerError
from ..kernels._jit import ELEMENTS
from ..kernels._threads import run
from ..kernels.affine import affine_sums
from ..kernels.labels import WRONG, class_indices
from ..kernels.rows import add_rows, gather_rows
from .base import Arrays, Diffs, Inferred, Layer, Param, Scratch, Shape, count, register


@register("Embed", options="embed_param")
class Embed(Layer):
    """y[...] = weights[x[...]] (+ bias): x holds indices, of any shape; y has one axis more, of ``num_output``.

    Parameters: weights (input_dim, num_output), and unless ``bias_term: false`` bias (num_output). dweights[i] = the
    sum of dy over all places with x = i, in their order; dbias = sum dy, in float64. No gradient for x. Source: Caffe's
    Embed. Raises LayerError for sizes of 0, DataError for an index that is not a whole number from 0 to
    input_dim - 1 (Caffe cuts off fractions).
    """

    no_gradient = (0,)

    def setup(self) -> None:
        for field in ("num_output", "input_dim"):
            if getattr(self.options, field) < 1:
                raise LayerError(f"{field} is {getattr(self.options, field)}; expected at least 1")

    def infer(self, x: Shape) -> Inferred:
        o = self.options
        params = [Param("weights", (o.input_dim, o.num_output), o.weight_filler)]
        if o.bias_term:
            params.append(Param("bias", (o.num_output,), o.bias_filler))
        return Inferred([(*x, o.num_output)], params, {"index": Scratch((count(x),), "int32")})

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        index, weights = self.scratch.index, self.params[0]
        self._read(bottoms[0].reshape(-1), index)
        bias = self.params[1] if self.options.bias_term else None
        y = tops[0].reshape(index.size, -1)
        run(gather_rows, len(y), index, weights, bias, y, grain=max(1, ELEMENTS // y.shape[1]))

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        index, (dweights, *dbias) = self.scratch.index, self.param_diffs
        dy = top_diffs[0].reshape(index.size, -1)
        if dweights is not None:
            run(add_rows, dy.shape[1], index, dy, dweights, grain=64)
        if dbias and dbias[0] is not None:
            run(affine_sums, dy.shape[1], None, dy.reshape(*dy.shape, 1), None, dbias[0])

    def _read(self, x: np.ndarray, index: np.ndarray) -> None:
        rows = self.options.input_dim
        run(class_indices, x.size, x, rows, math.nan, index, grain=ELEMENTS)
        if index.min() == WRONG:
            at = int(np.argmin(index))
            raise DataError(f"index {x[at]:g} at position {at} is outside the {rows} rows: expected 0 to {rows - 1}")
