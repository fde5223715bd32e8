"""RReLU: a rectifier whose slope below 0 is random in training."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import LayerError
from ..kernels._jit import ELEMENTS, distinct
from ..kernels._threads import run
from ..kernels.activations import relu_backward, relu_forward
from ..kernels.fork_activations import rrelu
from ..kernels.random import stream_key
from .base import Arrays, Diffs, Inferred, Layer, Shape, register


@register("RReLU", options="rrelu_param")
class RReLU(Layer):
    """y = x for x > 0, else x / a. TRAIN: a is drawn for each element, uniform in [lb, ub). TEST: a = (lb + ub) / 2.

    dx = dy for x > 0, else dy / a. Any shape. Xu et al., arXiv 1505.00853. Source: RReLU of ducha-aiki/caffe, Insanity
    of happynear/caffe-windows. Draws follow from the layer's seed, the number of forwards so far and the element's
    index, so that backward draws them again; nothing is stored. LayerError unless 0 < lb <= ub.
    """

    in_place = True
    backward_reads = ("tops",)

    def setup(self) -> None:
        o = self.options
        if not 0 < o.lb <= o.ub:
            raise LayerError(f"rrelu_param has lb {o.lb:g} and ub {o.ub:g}; expected 0 < lb <= ub")
        self.forwards = 0

    def infer(self, x: Shape) -> Inferred:
        return Inferred([x])

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        x, y = bottoms[0].reshape(-1), tops[0].reshape(-1)
        if self.phase == "TRAIN":
            self.forwards += 1
            run(rrelu, y.size, distinct(x, y), None, *self._draws(y), y, grain=ELEMENTS)
        else:
            run(relu_forward, y.size, distinct(x, y), self._mean_slope(y), y, grain=ELEMENTS)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is None:
            return
        y, dy, dx = (array.reshape(-1) for array in (tops[0], top_diffs[0], bottom_diffs[0]))
        if self.phase == "TRAIN":
            run(rrelu, dx.size, distinct(dy, dx), y, *self._draws(dx), dx, grain=ELEMENTS)
        else:
            run(relu_backward, dx.size, distinct(dy, dx), y, self._mean_slope(dx), dx, grain=ELEMENTS)

    def _draws(self, array: np.ndarray) -> tuple[Any, ...]:
        o, number = self.options, array.dtype.type
        return stream_key(self.seed, self.forwards), number(o.lb), number(o.ub - o.lb), number(2**-24)

    def _mean_slope(self, array: np.ndarray) -> np.floating:
        return array.dtype.type(2 / (self.options.lb + self.options.ub))

    def state(self) -> dict[str, int]:
        return {"forwards": self.forwards}

    def restore(self, state: Mapping[str, int]) -> None:
        self.forwards = state["forwards"]
