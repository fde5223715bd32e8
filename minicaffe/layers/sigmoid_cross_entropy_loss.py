"""SigmoidCrossEntropyLoss: cross-entropy of the sigmoid of scores, against targets, number by number."""

import math

from ..errors import LayerError, shape_text
from ..kernels._jit import ELEMENTS
from ..kernels._threads import run
from ..kernels.losses import BLOCK, sigmoid_cross_entropy_backward, sigmoid_cross_entropy_forward
from .base import Arrays, Diffs, Inferred, Layer, Scratch, Shape, count, register
from .normalization import ignored_label, normaliser, normalization_mode


@register("SigmoidCrossEntropyLoss", bottoms=2)
class SigmoidCrossEntropyLoss(Layer):
    """loss = -sum of (t log p + (1 - t) log(1 - p)) / n, with p = 1 / (1 + exp(-x)); dx = (p - t) / n.

    x, t: equal first dimension and count; t is any number, usually 0 to 1. ``loss_param.ignore_label`` leaves out the
    numbers whose target is that integer once its fraction is cut off (so 0 also leaves out 0.5), as in Caffe. n, at
    least 1: BATCH_SIZE (default) the first dimension, FULL all numbers, VALID those that are not left out, NONE 1;
    the older ``normalize: true`` means VALID. Source: Caffe's SigmoidCrossEntropyLoss.
    """

    loss = True
    more_options = ("loss_param",)
    no_gradient = (1,)
    backward_reads = ("bottoms",)

    def setup(self) -> None:
        self.normalization = normalization_mode(self.param.loss_param, default="BATCH_SIZE")
        ignored = ignored_label(self.param.loss_param)
        self.ignored = math.nan if ignored is None else float(ignored)

    def infer(self, x: Shape, target: Shape) -> Inferred:
        if not x or x[:1] != target[:1] or count(x) != count(target):
            raise LayerError(
                f"compares {shape_text(x)} with targets of {shape_text(target)}; "
                "expected equal numbers of items and values"
            )
        self.sizes = x[0], count(x, 1)
        blocks = (-(-count(x) // BLOCK),)
        return Inferred([()], scratch={"loss": Scratch(blocks, "float64"), "counted": Scratch(blocks, "int64")})

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        x, target = (bottom.reshape(-1) for bottom in bottoms)
        loss, counted = self.scratch.loss, self.scratch.counted
        run(sigmoid_cross_entropy_forward, loss.size, x, target, self.ignored, loss, counted)
        tops[0].fill(loss.sum() / self._normaliser())

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is not None:
            x, target, dx = (array.reshape(-1) for array in (*bottoms, bottom_diffs[0]))
            factor = dx.dtype.type(float(top_diffs[0]) / self._normaliser())
            run(sigmoid_cross_entropy_backward, x.size, x, target, self.ignored, factor, dx, grain=ELEMENTS)

    def _normaliser(self) -> float:
        return normaliser(self.normalization, *self.sizes, self.scratch.counted)
