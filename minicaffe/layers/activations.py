"""Pointwise functions of one formula: ReLU, ELU, Swish, Sigmoid, TanH, BNLL, AbsVal, Clip, Threshold.

The top has the bottom's shape, which may be any; all run in place.
"""

from typing import Any

import numpy as np

from ..errors import LayerError
from ..kernels import activations as kernels
from ..kernels._jit import ELEMENTS, distinct
from ..kernels._threads import run
from .base import Arrays, Diffs, Inferred, Layer, Shape, register


class Pointwise(Layer):
    """What pointwise layers share: one flat pass forward, one backward that reads the top or the bottom.

    ``forward_kernel(x, *scalars, y)``, ``backward_kernel(dy, side, *scalars, dx)``; side is the bottom where
    ``backward_reads`` names it, else the top.
    """

    in_place = True
    backward_reads: tuple[str, ...] = ("tops",)
    forward_kernel: Any = None
    backward_kernel: Any = None

    def scalars(self) -> tuple[float, ...]:
        """The options that the kernels take, as numbers."""
        return ()

    def infer(self, x: Shape) -> Inferred:
        return Inferred([x])

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        x, y = bottoms[0].reshape(-1), tops[0].reshape(-1)
        run(self.forward_kernel, y.size, distinct(x, y), *self._typed(y), y, grain=ELEMENTS)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is not None:
            dy, dx = top_diffs[0].reshape(-1), bottom_diffs[0].reshape(-1)
            sides = self._sides(bottoms, tops)
            run(self.backward_kernel, dx.size, distinct(dy, dx), *sides, *self._typed(dx), dx, grain=ELEMENTS)

    def _sides(self, bottoms: Arrays, tops: Arrays) -> tuple[np.ndarray, ...]:
        return ((bottoms if "bottoms" in self.backward_reads else tops)[0].reshape(-1),)

    def _typed(self, array: np.ndarray) -> list[np.floating]:
        return [array.dtype.type(scalar) for scalar in self.scalars()]


@register("Sigmoid", options="sigmoid_param")
class Sigmoid(Pointwise):
    """y = 1 / (1 + exp(-x)); dx = dy y (1 - y). float32 within 2e-7 of exact, where Caffe 1.0 uses tanh."""

    forward_kernel = staticmethod(kernels.sigmoid_forward)
    backward_kernel = staticmethod(kernels.sigmoid_backward)


@register("TanH", options="tanh_param")
class TanH(Pointwise):
    """y = tanh(x); dx = dy (1 - y^2)."""

    forward_kernel = staticmethod(kernels.tanh_forward)
    backward_kernel = staticmethod(kernels.tanh_backward)


@register("ReLU", options="relu_param")
class ReLU(Pointwise):
    """y = x for x > 0, else negative_slope * x; the slope at 0 is negative_slope, as in Caffe.

    With negative_slope below 0 the sign of x cannot be told from y: backward then reads the bottom.
    """

    forward_kernel = staticmethod(kernels.relu_forward)
    backward_kernel = staticmethod(kernels.relu_backward)

    def setup(self) -> None:
        if self.options.negative_slope < 0:
            self.backward_reads = ("bottoms",)

    def scalars(self) -> tuple[float, ...]:
        return (self.options.negative_slope,)


@register("ELU", options="elu_param")
class ELU(Pointwise):
    """y = x for x > 0, else alpha (exp(x) - 1); dx = dy for x > 0, else dy (y + alpha). Source: Caffe's ELU.

    With alpha below 0 the sign of x cannot be told from y: backward then reads the bottom too, in place as well,
    where Caffe takes the sign of y. Clevert et al., arXiv 1511.07289.
    """

    forward_kernel, backward_kernel = staticmethod(kernels.elu_forward), staticmethod(kernels.elu_backward)

    def setup(self) -> None:
        if self.options.alpha < 0:
            self.backward_reads = ("bottoms", "tops")

    def scalars(self) -> tuple[float, ...]:
        return (self.options.alpha,)

    def _sides(self, bottoms: Arrays, tops: Arrays) -> tuple[np.ndarray, ...]:
        return (*super()._sides(bottoms, tops), tops[0].reshape(-1))


@register("Swish", options="swish_param")
class Swish(Pointwise):
    """y = x s with s = 1 / (1 + exp(-beta x)); dx = dy (s + beta x s (1 - s)). Source: Caffe's Swish.

    Ramachandran et al., arXiv 1710.05941.
    """

    backward_reads = ("bottoms",)
    forward_kernel, backward_kernel = staticmethod(kernels.swish_forward), staticmethod(kernels.swish_backward)

    def scalars(self) -> tuple[float, ...]:
        return (self.options.beta,)


@register("BNLL")
class BNLL(Pointwise):
    """y = log(1 + exp(x)); dx = dy / (1 + exp(-x)). Source: Caffe's BNLL.

    In place backward takes y for x, as Caffe does, which trained nets may rely on: a gradient that is too large.
    """

    backward_reads = ("bottoms",)
    forward_kernel, backward_kernel = staticmethod(kernels.bnll_forward), staticmethod(kernels.bnll_backward)

    def setup(self) -> None:
        if self.param.bottom[:1] == self.param.top[:1]:
            self.backward_reads = ("tops",)


@register("AbsVal")
class AbsVal(Pointwise):
    """y = |x|; dx = dy sign(x), 0 at 0. Source: Caffe's AbsVal, which refuses to run in place."""

    backward_reads = ("bottoms",)
    forward_kernel, backward_kernel = staticmethod(kernels.abs_forward), staticmethod(kernels.abs_backward)


@register("Clip", options="clip_param")
class Clip(Pointwise):
    """y = min(max(x, min), max); dx = dy where min <= x <= max, else 0. Source: Caffe's Clip.

    A NaN stays NaN, where Caffe gives min. In place too the gradient depends on x, where Caffe sees the clipped value
    and lets all of it pass. Raises LayerError without min or max, or with min above max.
    """

    backward_reads = ("bottoms",)
    forward_kernel, backward_kernel = staticmethod(kernels.clip_forward), staticmethod(kernels.clip_backward)

    def setup(self) -> None:
        for field in ("min", "max"):
            if not self.options.HasField(field):
                raise LayerError(f"clip_param has no {field}; expected min and max")
        if not self.options.min <= self.options.max:
            raise LayerError(
                f"clip_param has min {self.options.min:g} and max {self.options.max:g}; expected min <= max"
            )

    def scalars(self) -> tuple[float, ...]:
        return self.options.min, self.options.max


@register("Threshold", options="threshold_param")
class Threshold(Pointwise):
    """y = 1 where x > threshold, else 0; there is no gradient. Source: Caffe's Threshold."""

    backward_reads = ()
    no_gradient = (0,)
    forward_kernel = staticmethod(kernels.threshold_forward)

    def scalars(self) -> tuple[float, ...]:
        return (self.options.threshold,)
