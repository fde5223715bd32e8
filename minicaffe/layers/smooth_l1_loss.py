"""SmoothL1Loss: a distance that outliers pull less."""

import numpy as np

from ..errors import LayerError
from ..kernels._threads import run
from ..kernels.smooth_l1 import BLOCK, smooth_l1_backward, smooth_l1_forward
from .base import Arrays, Diffs, Inferred, Layer, Scratch, Shape, count, register
from .shapes import checked_shape, same_shapes


@register("SmoothL1Loss", options="smooth_l1_loss_param", bottoms=(2, 4))
class SmoothL1Loss(Layer):
    """loss = sum(outside f(d)) / N with d = inside (a - b).

    f(d) = (sigma d)^2 / 2 for |d| < 1 / sigma^2, else |d| - 0.5 / sigma^2. a, b: any shape, N their first dimension;
    bottom 2 is ``inside`` and bottom 3 ``outside``, of the same shape, ones where there are none. da = inside outside
    f'(d) / N, db = -da; none for the weights. Sums are float64. Girshick, arXiv 1504.08083. Source: SmoothL1Loss of
    rbgirshick/caffe-fast-rcnn. LayerError for other shapes and unless sigma > 0.
    """

    loss = True
    backward_reads = ("bottoms",)
    no_gradient = (2, 3)

    def setup(self) -> None:
        if not self.options.sigma > 0:
            raise LayerError(f"sigma is {self.options.sigma:g}; expected a positive number")

    def infer(self, *bottoms: Shape) -> Inferred:
        a = same_shapes(bottoms)
        if not a:
            raise LayerError("bottom 0 is a scalar; expected items along axis 0")
        blocks = -(-count(checked_shape(a)) // BLOCK)
        return Inferred([()], scratch={"partial": Scratch((blocks,), "float64")})

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        partial = self.scratch.partial
        run(smooth_l1_forward, partial.size, *_four(bottoms), self.options.sigma**2, partial)
        tops[0][...] = partial.sum() / len(bottoms[0])

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        weight = float(top_diffs[0][()]) / len(bottoms[0])
        for diff, sign in zip(bottom_diffs[:2], (1, -1)):
            if diff is not None:
                scalars = self.options.sigma**2, sign * weight
                run(smooth_l1_backward, self.scratch.partial.size, *_four(bottoms), *scalars, diff.reshape(-1))


def _four(bottoms: Arrays) -> list[np.ndarray | None]:
    flat = [bottom.reshape(-1) for bottom in bottoms]
    return flat + [None] * (4 - len(flat))
