"""MultinomialLogisticLoss: cross-entropy of probabilities that are given, against labels."""

from ..kernels._threads import run
from ..kernels.losses import likelihood_backward
from ..kernels.softmax import log_loss
from .base import Arrays, Diffs, Inferred, Layer, Scratch, Shape, register
from .labels import labelled_items, read_labels
from .softmax import rows_grain

FLOOR = 1e-20  # what probabilities count as at least


@register("MultinomialLogisticLoss", bottoms=2)
class MultinomialLogisticLoss(Layer):
    """loss = sum over n of -log(max(p[n, label], 1e-20)) / N; dp = -1 / max(p, 1e-20) / N at the label, else 0.

    p: (N, ...), all numbers of an item being its classes; labels: N, in any shape (N, 1, ...). SoftmaxWithLoss is
    the better choice where p comes from scores. Source: Caffe's MultinomialLogisticLoss.

    Raises DataError for a label that is no class, in every forward.
    """

    loss = True
    no_gradient = (1,)
    backward_reads = ("bottoms",)

    def infer(self, p: Shape, label: Shape) -> Inferred:
        self.view = items, _ = labelled_items(p, label)
        scratch = {
            "label": Scratch((items, 1), "int32"),
            "loss": Scratch((items,), "float64"),
            "counted": Scratch((items,), "int64"),
        }
        return Inferred([()], scratch=scratch)

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        p, scratch = bottoms[0].reshape(*self.view, 1), self.scratch
        read_labels(bottoms[1], self.view[1], None, scratch.label)
        run(log_loss, len(p), p, scratch.label, p.dtype.type(FLOOR), scratch.loss, scratch.counted, grain=rows_grain(p))
        tops[0].fill(scratch.loss.sum() / len(p))

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is not None:
            p, dp = bottoms[0].reshape(self.view), bottom_diffs[0].reshape(self.view)
            number, label = p.dtype.type, self.scratch.label.reshape(-1)
            factor = number(float(top_diffs[0]) / len(p))
            run(likelihood_backward, len(p), p, label, number(FLOOR), factor, dp, grain=rows_grain(p))
