"""EuclideanLoss: half the mean squared distance between two blobs."""

import numpy as np

from ..errors import LayerError, shape_text
from ..kernels._threads import run
from ..kernels.euclidean import BLOCK, euclidean_backward, euclidean_forward
from .base import Arrays, Diffs, Inferred, Layer, Scratch, Shape, count, register


@register("EuclideanLoss", bottoms=2)
class EuclideanLoss(Layer):
    """loss = sum((a - b)^2) / (2 N), N the first dimension of ``a``; both bottoms may receive gradients.

    a, b: any shape of equal count per item, float32 or float64; loss: a scalar. Source: Caffe's
    EuclideanLoss. Raises LayerError for scalar bottoms, and for bottoms that differ in these numbers.
    """

    loss = True
    backward_reads = ("bottoms",)

    def infer(self, a: Shape, b: Shape) -> Inferred:
        if not a:
            raise LayerError("bottom 0 is a scalar; expected items along axis 0")
        if a[:1] != b[:1] or count(a) != count(b):
            raise LayerError(
                f"compares {shape_text(a)} with {shape_text(b)}; expected equal numbers of items and values"
            )
        return Inferred(tops=[()], scratch={"partial": Scratch((-(-count(a) // BLOCK),), "float64")})

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        a, b = (bottom.reshape(-1) for bottom in bottoms)
        partial = self.scratch.partial
        run(euclidean_forward, partial.size, a, b, partial)
        tops[0][...] = partial.sum() / (2 * bottoms[0].shape[0])

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        a, b = (bottom.reshape(-1) for bottom in bottoms)
        weight = top_diffs[0][()] / np.asarray(bottoms[0].shape[0], top_diffs[0].dtype)
        for diff, sign in zip(bottom_diffs, (1, -1)):
            if diff is not None:
                run(euclidean_backward, self.scratch.partial.size, a, b, a.dtype.type(sign * weight), diff.reshape(-1))
