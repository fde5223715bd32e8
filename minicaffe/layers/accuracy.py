"""Accuracy: the share of places whose label is among the highest scores."""

import numpy as np

from ..errors import LayerError
from ..kernels._threads import run
from ..kernels.labels import count_hits, top_hits
from .base import Arrays, Inferred, Layer, Scratch, Shape, axis_index, register
from .labels import check_label_count, read_labels
from .shapes import around_axis


@register("Accuracy", options="accuracy_param", bottoms=2, tops=(1, 2))
class Accuracy(Layer):
    """Top 0: hits / labels that are not ``ignore_label``. Top 1, if there is one: the same by class, (classes,).

    A hit: fewer than ``top_k`` other classes along ``axis`` score at least as much as the label's, so a tie counts
    against it. With no label at all the share is 0. No gradient. Source: Caffe's Accuracy.

    Raises DataError for a label that is no class, in every forward.
    """

    no_gradient = (0, 1)

    def setup(self) -> None:
        self.ignored = self.options.ignore_label if self.options.HasField("ignore_label") else None

    def infer(self, x: Shape, label: Shape) -> Inferred:
        axis = axis_index(self.options.axis, len(x))
        check_label_count(x, label, axis)
        self.view = outer, classes, inner = around_axis(x, axis)
        if not 1 <= self.options.top_k <= classes:
            raise LayerError(f"top_k is {self.options.top_k}; expected 1 to {classes}, the number of classes")
        scratch = {
            "label": Scratch((outer, inner), "int32"),
            "hit": Scratch((outer, inner), "int32"),
            "right": Scratch((classes,), "int64"),
            "seen": Scratch((classes,), "int64"),
        }
        return Inferred([(), (classes,)][: len(self.param.top)], scratch=scratch)

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        scratch, (outer, classes, inner) = self.scratch, self.view
        read_labels(bottoms[1], classes, self.ignored, scratch.label)
        score = bottoms[0].reshape(self.view)
        run(top_hits, outer, score, scratch.label, self.options.top_k, scratch.hit)
        count_hits(0, outer * inner, scratch.label.reshape(-1), scratch.hit.reshape(-1), scratch.right, scratch.seen)
        tops[0].fill(_share(scratch.right.sum(), scratch.seen.sum()))
        if len(tops) > 1:
            for c in range(classes):
                tops[1][c] = _share(scratch.right[c], scratch.seen[c])


def _share(right: np.int64, seen: np.int64) -> float:
    return right / seen if seen else 0.0
