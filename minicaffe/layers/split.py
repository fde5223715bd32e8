"""Split: one blob for several readers. The graph inserts it wherever a blob is read more than once."""

import numpy as np

from ..kernels._jit import ELEMENTS
from ..kernels._threads import run
from ..kernels.eltwise import weighted_sum
from .base import Arrays, Diffs, Inferred, Layer, Shape, register


@register("Split", tops=(1, None))
class Split(Layer):
    """Every top is x itself; dx = the sum of the tops' diffs, added in their order. Source: Caffe's Split."""

    shares = "data"

    def infer(self, x: Shape) -> Inferred:
        return Inferred([x] * len(self.param.top))

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is None:
            return
        dx, (first, *others) = bottom_diffs[0].reshape(-1), (diff.reshape(-1) for diff in top_diffs)
        one = dx.dtype.type(1)
        if not others:
            np.copyto(dx, first)
        for i, diff in enumerate(others):
            run(weighted_sum, dx.size, None if i else first, one, diff, one, dx, grain=ELEMENTS)
