"""Softmax: probabilities from scores."""

import numpy as np

from ..kernels._jit import ELEMENTS, distinct
from ..kernels._threads import run
from ..kernels.softmax import softmax_planes, softmax_planes_backward, softmax_rows, softmax_rows_backward
from .base import Arrays, Diffs, Inferred, Layer, Scratch, Shape, axis_index, register
from .shapes import around_axis


@register("Softmax", options="softmax_param")
class Softmax(Layer):
    """y = exp(x) / sum of exp(x) along ``axis``; the largest score is subtracted first, so nothing overflows.

    dx = y (dy - sum of dy y along the axis). Source: Caffe's Softmax.
    """

    in_place = True
    backward_reads = ("tops",)

    def infer(self, x: Shape) -> Inferred:
        outer, classes, inner = around_axis(x, axis_index(self.options.axis, len(x)))
        self.view = (outer, classes) if inner == 1 else (outer, classes, inner)
        return Inferred([x], scratch={"work": Scratch((outer, inner))})

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        softmax(bottoms[0].reshape(self.view), self.scratch.work, tops[0].reshape(self.view))

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is None:
            return
        y, dy, dx = (array.reshape(self.view) for array in (tops[0], top_diffs[0], bottom_diffs[0]))
        grain = rows_grain(y)
        if y.ndim == 2:
            run(softmax_rows_backward, len(y), distinct(dy, dx), y, dx, grain=grain)
        else:
            run(softmax_planes_backward, len(y), distinct(dy, dx), y, self.scratch.work, dx, grain=grain)


def rows_grain(array: np.ndarray) -> int:
    """How many rows are worth a thread's while."""
    return max(1, ELEMENTS * len(array) // max(1, array.size))


def softmax(x: np.ndarray, work: np.ndarray, y: np.ndarray) -> None:
    """Fill ``y`` with the softmax of ``x`` over axis 1: (outer, classes), or (outer, classes, inner).

    ``work`` is (outer, inner); only the second form uses it.
    """
    if y.ndim == 2:
        run(softmax_rows, len(y), distinct(x, y), y, grain=rows_grain(y))
    else:
        run(softmax_planes, len(y), distinct(x, y), work, y, grain=rows_grain(y))
