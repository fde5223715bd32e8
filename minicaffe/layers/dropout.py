"""Dropout: in training, set a random share of the numbers to zero."""

from collections.abc import Mapping

import numpy as np

from ..errors import LayerError
from ..kernels._jit import ELEMENTS, distinct
from ..kernels._threads import run
from ..kernels.random import drop, stream_key
from .base import Arrays, Diffs, Inferred, Layer, Shape, register


@register("Dropout", options="dropout_param")
class Dropout(Layer):
    """TRAIN: y = x / (1 - dropout_ratio) with probability 1 - dropout_ratio, else 0. TEST: y = x.

    Source: Srivastava et al., JMLR 15, 2014; Caffe's Dropout. The mask follows from the layer's seed, the number of
    forwards so far and the element's index, so that backward draws it again; nothing is stored. A ratio of 0,
    which Caffe refuses, is the identity; LayerError unless 0 <= ratio < 1.
    """

    in_place = True

    def setup(self) -> None:
        ratio = self.options.dropout_ratio
        if not 0 <= ratio < 1:
            raise LayerError(f"dropout_ratio is {ratio:g}; expected at least 0 and less than 1")
        self.forwards = 0

    def infer(self, x: Shape) -> Inferred:
        return Inferred([x])

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        if self.phase == "TRAIN":
            self.forwards += 1
        self._apply(bottoms[0], tops[0])

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is not None:
            self._apply(top_diffs[0], bottom_diffs[0])

    def _apply(self, x: np.ndarray, y: np.ndarray) -> None:
        source, y = distinct(x.reshape(-1), y.reshape(-1)), y.reshape(-1)
        ratio = self.options.dropout_ratio
        if self.phase == "TRAIN" and ratio > 0:
            threshold, factor = np.uint64(round(ratio * 2**32)), y.dtype.type(1 / (1 - ratio))
            run(drop, y.size, source, stream_key(self.seed, self.forwards), threshold, factor, y, grain=ELEMENTS)
        elif source is not None:
            np.copyto(y, source)

    def state(self) -> dict[str, int]:
        return {"forwards": self.forwards}

    def restore(self, state: Mapping[str, int]) -> None:
        self.forwards = state["forwards"]
