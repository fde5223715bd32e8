"""SoftmaxWithLoss: cross-entropy of the softmax of scores, against labels."""

import numpy as np

from ..kernels._threads import run
from ..kernels.softmax import log_loss, softmax_loss_backward
from .base import Arrays, Diffs, Inferred, Layer, Scratch, Shape, axis_index, register
from .labels import check_label_count, read_labels
from .normalization import ignored_label, normaliser, normalization_mode
from .shapes import around_axis
from .softmax import rows_grain, softmax

_FLOOR = np.float32(1.17549435e-38)  # FLT_MIN: a probability of 0 costs 87.3365


@register("SoftmaxWithLoss", options="softmax_param", bottoms=2, tops=(1, 2))
class SoftmaxWithLoss(Layer):
    """loss = sum of -log(max(p[label], FLT_MIN)) / n, with p the softmax of bottom 0 along ``softmax_param.axis``.

    Bottom 1 holds a label for each place outside that axis; ``loss_param.ignore_label`` leaves places out. n, at
    least 1: VALID (default) the places that count, FULL all of them, BATCH_SIZE the product of the dimensions
    before the axis, NONE 1; the older ``normalize: false`` means BATCH_SIZE. Top 1, if there is one, is p; no
    gradient comes from it. dx = (p - [label]) * loss weight / n, 0 where ignored. Source: Caffe's SoftmaxWithLoss.

    Raises DataError for a label that is no class, in every forward.
    """

    loss = True
    more_options = ("loss_param",)
    no_gradient = (1,)

    def setup(self) -> None:
        self.normalization = normalization_mode(self.param.loss_param)
        self.ignored = ignored_label(self.param.loss_param)

    def infer(self, x: Shape, label: Shape) -> Inferred:
        axis = axis_index(self.options.axis, len(x))
        check_label_count(x, label, axis)
        self.view = outer, classes, inner = around_axis(x, axis)
        self.softmax_view = (outer, classes) if inner == 1 else self.view
        scratch = {
            "probability": Scratch(self.view),
            "work": Scratch((outer, inner)),
            "label": Scratch((outer, inner), "int32"),
            "loss": Scratch((outer,), "float64"),
            "counted": Scratch((outer,), "int64"),
        }
        return Inferred([(), x][: len(self.param.top)], scratch=scratch)

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        scratch, (outer, classes, _) = self.scratch, self.view
        read_labels(bottoms[1], classes, self.ignored, scratch.label)
        probability = scratch.probability
        softmax(bottoms[0].reshape(self.softmax_view), scratch.work, probability.reshape(self.softmax_view))
        floor = probability.dtype.type(_FLOOR)
        run(
            log_loss,
            outer,
            probability,
            scratch.label,
            floor,
            scratch.loss,
            scratch.counted,
            grain=rows_grain(probability),
        )
        tops[0].fill(scratch.loss.sum() / self._normaliser())
        if len(tops) > 1:
            np.copyto(tops[1].reshape(self.view), probability)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is not None:
            dx = bottom_diffs[0].reshape(self.view)
            factor = dx.dtype.type(float(top_diffs[0]) / self._normaliser())
            scratch, grain = self.scratch, rows_grain(dx)
            run(softmax_loss_backward, self.view[0], scratch.probability, scratch.label, factor, dx, grain=grain)

    def check_labels(self, label: np.ndarray) -> None:
        """Raise DataError for a label that is no class."""
        read_labels(label, self.view[1], self.ignored, np.empty(label.size, np.int32))

    def _normaliser(self) -> float:
        outer, _, inner = self.view
        return normaliser(self.normalization, outer, inner, self.scratch.counted)
