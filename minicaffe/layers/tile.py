"""Tile: copies of a blob, one after another along an axis."""

import numpy as np

from ..errors import LayerError
from ..kernels._jit import ELEMENTS
from ..kernels._threads import run
from ..kernels.rows import BLOCK, sum_copies
from .base import Arrays, Diffs, Inferred, Layer, Shape, axis_index, count, register


@register("Tile", options="tile_param")
class Tile(Layer):
    """y = x, ``tiles`` times over along ``axis``; dx = the sum of the copies' dy, in their order.

    Source: Caffe's Tile. Raises LayerError where ``tiles`` is missing or below 1.
    """

    def setup(self) -> None:
        if self.options.tiles < 1:
            found = f"is {self.options.tiles}" if self.options.HasField("tiles") else "is missing"
            raise LayerError(f"tiles {found}; expected at least 1")

    def infer(self, x: Shape) -> Inferred:
        axis = axis_index(self.options.axis, len(x))
        self.view = count(x, 0, axis), self.options.tiles, count(x, axis)
        return Inferred([(*x[:axis], x[axis] * self.options.tiles, *x[axis + 1 :])])

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        outer, _, inner = self.view
        np.copyto(tops[0].reshape(self.view), bottoms[0].reshape(outer, 1, inner))

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is not None:
            outer, tiles, inner = self.view
            pieces, grain = outer * -(-inner // BLOCK), max(1, ELEMENTS // (tiles * inner))
            dx = bottom_diffs[0].reshape(outer, inner)
            run(sum_copies, pieces, top_diffs[0].reshape(self.view), dx, grain=grain)
