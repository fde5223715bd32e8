"""InfogainLoss: cross-entropy of the softmax of scores, each label weighted towards each class by a matrix."""

from typing import Any

import numpy as np

from ..errors import DataError, LayerError, ProtoError, shape_text
from ..kernels._threads import run
from ..kernels.losses import infogain_backward, infogain_forward
from ..proto import array_from_blob, caffe_pb2, read_message
from .base import Arrays, Diffs, Inferred, Layer, Scratch, Shape, axis_index, count, register
from .labels import check_label_count, read_labels
from .multinomial_logistic_loss import FLOOR
from .normalization import ignored_label, normaliser, normalization_mode
from .shapes import around_axis
from .softmax import rows_grain, softmax


@register("InfogainLoss", options="infogain_loss_param", bottoms=(2, 3), tops=(1, 2))
class InfogainLoss(Layer):
    """loss = -sum over places and classes c of H[label, c] log(max(p[c], 1e-20)) / n, p the softmax along ``axis``.

    Bottom 1 holds a label for each place outside the axis; ``loss_param`` is as in SoftmaxWithLoss. H, classes x
    classes numbers, is bottom 2, or where there is none the binaryproto ``source``. Top 1, if there is one, is p;
    no gradient comes from it. dx = (p sum of H[label] - H[label, c]) * loss weight / n, 0 where ignored. With H
    the identity this is SoftmaxWithLoss. Source: Caffe's InfogainLoss.

    Raises LayerError for a missing ``source`` and an H of another size; DataError for a file that cannot be read,
    and in every forward for a label that is no class.
    """

    loss = True
    more_options = ("loss_param",)
    no_gradient = (1, 2)
    reads_files = True

    def setup(self) -> None:
        self.normalization = normalization_mode(self.param.loss_param)
        self.ignored = ignored_label(self.param.loss_param)
        self.gain: Any = None
        self.reads_files = len(self.param.bottom) < 3
        if self.reads_files and not self.options.source:
            raise LayerError("infogain_loss_param has no source; expected a binaryproto with H, or H as bottom 2")

    def open(self) -> None:
        path = self.find(self.options.source)
        try:
            self.gain = array_from_blob(read_message(path, caffe_pb2.BlobProto))
        except ProtoError as error:
            raise DataError(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from None

    def infer(self, x: Shape, label: Shape, *matrix: Shape) -> Inferred:
        result = self.outline(x, label, *matrix)
        if not matrix:
            self._check_size(self.options.source, self.gain.shape)
        return result

    def outline(self, x: Shape, label: Shape, *matrix: Shape) -> Inferred:
        axis = axis_index(self.options.axis, len(x))
        check_label_count(x, label, axis)
        self.view = outer, classes, inner = around_axis(x, axis)
        self.softmax_view = (outer, classes) if inner == 1 else self.view
        if matrix:
            self._check_size("bottom 2", matrix[0])
        scratch = {
            "probability": Scratch(self.view),
            "work": Scratch((outer, inner)),
            "label": Scratch((outer, inner), "int32"),
            "gain": Scratch((classes, classes)),
            "gain_sum": Scratch((classes,)),
            "loss": Scratch((outer,), "float64"),
            "counted": Scratch((outer,), "int64"),
        }
        return Inferred([(), x][: len(self.param.top)], scratch=scratch)

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        s, (outer, classes, _) = self.scratch, self.view
        read_labels(bottoms[1], classes, self.ignored, s.label)
        np.copyto(
            s.gain, (bottoms[2] if len(bottoms) > 2 else self.gain).reshape(classes, classes), casting="same_kind"
        )
        softmax(bottoms[0].reshape(self.softmax_view), s.work, s.probability.reshape(self.softmax_view))
        floor, grain = s.probability.dtype.type(FLOOR), rows_grain(s.probability)
        run(infogain_forward, outer, s.probability, s.label, s.gain, floor, s.loss, s.counted, grain=grain)
        tops[0].fill(s.loss.sum() / self._normaliser())
        if len(tops) > 1:
            np.copyto(tops[1].reshape(self.view), s.probability)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is not None:
            s, dx = self.scratch, bottom_diffs[0].reshape(self.view)
            np.sum(s.gain, axis=1, out=s.gain_sum)
            factor = dx.dtype.type(float(top_diffs[0]) / self._normaliser())
            matrix = s.gain, s.gain_sum
            run(infogain_backward, len(dx), s.probability, s.label, *matrix, factor, dx, grain=rows_grain(dx))

    def _check_size(self, place: str, shape: Shape) -> None:
        classes = self.view[1]
        if count(shape) != classes * classes:
            raise LayerError(f"H ({place}) is {shape_text(shape)}; expected {classes} x {classes}, one row per class")

    def _normaliser(self) -> float:
        outer, _, inner = self.view
        return normaliser(self.normalization, outer, inner, self.scratch.counted)
