"""HingeLoss: how far scores are from the right side of a margin of 1, one class against all others."""

from ..kernels._threads import run
from ..kernels.losses import hinge_backward, hinge_forward
from .base import Arrays, Diffs, Inferred, Layer, Scratch, Shape, register
from .labels import labelled_items, read_labels
from .softmax import rows_grain


@register("HingeLoss", options="hinge_loss_param", bottoms=2)
class HingeLoss(Layer):
    """loss = sum over n, c of max(0, 1 - s x)^p / N: s is 1 where c is the label and -1 elsewhere, p is ``norm``.

    x: (N, ...), all numbers of an item being its classes; labels: N, in any shape (N, 1, ...); p: L1 (default)
    or L2. dx = -s / N where the margin is above 0, for L2 times twice the margin; all times the loss weight.
    Source: Caffe's HingeLoss. Raises DataError for a label that is no class, in every forward.
    """

    loss = True
    no_gradient = (1,)
    backward_reads = ("bottoms",)

    def infer(self, x: Shape, label: Shape) -> Inferred:
        self.view = items, _ = labelled_items(x, label)
        self.squared = self.options.norm == self.options.L2
        return Inferred([()], scratch={"label": Scratch((items,), "int32"), "loss": Scratch((items,), "float64")})

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        x, label, loss = bottoms[0].reshape(self.view), self.scratch.label, self.scratch.loss
        read_labels(bottoms[1], self.view[1], None, label)
        run(hinge_forward, len(x), x, label, self.squared, loss, grain=rows_grain(x))
        tops[0].fill(loss.sum() / len(x))

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is not None:
            x, dx = bottoms[0].reshape(self.view), bottom_diffs[0].reshape(self.view)
            factor = dx.dtype.type(float(top_diffs[0]) / len(x))
            run(hinge_backward, len(x), x, self.scratch.label, self.squared, factor, dx, grain=rows_grain(x))
