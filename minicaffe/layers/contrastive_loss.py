"""ContrastiveLoss: pulls similar pairs together, and pushes others apart as far as a margin."""

from ..errors import LayerError, shape_text
from ..kernels._threads import run
from ..kernels.losses import contrastive_backward, contrastive_forward
from .base import Arrays, Diffs, Inferred, Layer, Scratch, Shape, count, register
from .labels import labelled_items, read_labels
from .softmax import rows_grain

_SOFTENER = 1e-4  # Caffe's, against a division by 0


@register("ContrastiveLoss", options="contrastive_loss_param", bottoms=3)
class ContrastiveLoss(Layer):
    """loss = sum over pairs of (s d^2 + (1 - s) max(margin - d, 0)^2) / (2 N), d = |a_n - b_n|, s the similarity.

    a, b: (N, ...) of equal count; s: N numbers, 0 or 1. With ``legacy_version`` a pair that is not similar costs
    max(margin - d^2, 0). da = -db = (a - b) / N for a similar pair; for another one that is within the margin
    -(margin - d) (a - b) / (d + 1e-4) / N, in the legacy form -(a - b) / N. The 1e-4 makes that gradient a little
    smaller than the true one, as in Caffe. Source: Caffe's ContrastiveLoss; Hadsell et al. 2006.

    Departures: features of more than one axis are taken as one vector; a similarity other than 0 and 1 raises
    DataError, where Caffe cuts it to an integer and takes all but 0 for similar.
    """

    loss = True
    no_gradient = (2,)
    backward_reads = ("bottoms",)

    def infer(self, a: Shape, b: Shape, similarity: Shape) -> Inferred:
        if a[:1] != b[:1] or count(a) != count(b):
            raise LayerError(
                f"compares {shape_text(a)} with {shape_text(b)}; expected equal numbers of items and values"
            )
        self.view = items, _ = labelled_items(a, similarity)
        scratch = {
            "similar": Scratch((items,), "int32"),
            "distance": Scratch((items,)),
            "loss": Scratch((items,), "float64"),
        }
        return Inferred([()], scratch=scratch)

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        a, b = (bottom.reshape(self.view) for bottom in bottoms[:2])
        scratch = self.scratch
        read_labels(bottoms[2], 2, None, scratch.similar)
        margin, legacy = a.dtype.type(self.options.margin), self.options.legacy_version
        output = scratch.distance, scratch.loss
        run(contrastive_forward, len(a), a, b, scratch.similar, margin, legacy, *output, grain=rows_grain(a))
        tops[0].fill(scratch.loss.sum() / (2 * len(a)))

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        a, b = (bottom.reshape(self.view) for bottom in bottoms[:2])
        number, scratch = a.dtype.type, self.scratch
        options = number(self.options.margin), self.options.legacy_version, number(_SOFTENER)
        for diff, sign in zip(bottom_diffs, (1, -1)):
            if diff is not None:
                factor = number(sign * float(top_diffs[0]) / len(a))
                output = scratch.distance, factor, diff.reshape(self.view)
                run(contrastive_backward, len(a), a, b, scratch.similar, *options, *output, grain=rows_grain(a))
