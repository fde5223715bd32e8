"""Exp, Log and Power: functions of scale * x + shift. The top has the bottom's shape, which may be any."""

import math
from typing import Any

import numpy as np

from ..errors import LayerError
from ..kernels import powers as kernels
from ..kernels._jit import ELEMENTS, distinct
from ..kernels._threads import run
from .base import Arrays, Diffs, Inferred, Layer, Shape, register


class _OfLine(Layer):
    """What the three share. Scalars are float64, so that float32 results are within 1e-6 of the exact formula."""

    in_place = True

    def infer(self, x: Shape) -> Inferred:
        return Inferred([x])

    def _forward(self, bottoms: Arrays, tops: Arrays, kernel: Any, *scalars: float) -> None:
        x, y = bottoms[0].reshape(-1), tops[0].reshape(-1)
        run(kernel, y.size, distinct(x, y), *scalars, y, grain=ELEMENTS)

    def _backward(self, side: np.ndarray, dy: np.ndarray, dx: np.ndarray, kernel: Any, *scalars: float) -> None:
        dy, dx = dy.reshape(-1), dx.reshape(-1)
        run(kernel, dx.size, distinct(dy, dx), side.reshape(-1), *scalars, dx, grain=ELEMENTS)


@register("Exp", options="exp_param")
class Exp(_OfLine):
    """y = base^(scale x + shift), base e where it is -1; dx = dy y scale log(base). Source: Caffe's Exp.

    Raises LayerError unless base is -1 or above 0 and finite.
    """

    backward_reads = ("tops",)

    def setup(self) -> None:
        factor = _log_of_base(self.options.base)
        self.scale, self.shift = factor * self.options.scale, factor * self.options.shift

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        self._forward(bottoms, tops, kernels.exp_forward, self.scale, self.shift)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is not None:
            self._backward(tops[0], top_diffs[0], bottom_diffs[0], kernels.exp_backward, self.scale)


@register("Log", options="log_param")
class Log(_OfLine):
    """y = log(scale x + shift) / log(base), base e where it is -1; dx = dy scale / ((scale x + shift) log(base)).

    NaN where scale x + shift is below 0, -infinity where it is 0. In place backward keeps x, where Caffe takes y for
    it. Raises LayerError unless base is -1 or above 0, finite and not 1. Source: Caffe's Log.
    """

    backward_reads = ("bottoms",)

    def setup(self) -> None:
        if self.options.base == 1:
            raise LayerError("base is 1, to which there are no logarithms; expected -1 (for e) or another above 0")
        self.numbers = (self.options.scale, self.options.shift, 1 / _log_of_base(self.options.base))

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        self._forward(bottoms, tops, kernels.log_forward, *self.numbers)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is not None:
            self._backward(bottoms[0], top_diffs[0], bottom_diffs[0], kernels.log_backward, *self.numbers)


@register("Power", options="power_param")
class Power(_OfLine):
    """y = (scale x + shift)^power; dx = dy power scale (scale x + shift)^(power - 1). Source: Caffe's Power.

    Where power * scale is 0, y is the constant shift^power, or 1, whatever x is, and dx is 0. Where Caffe divides y
    by scale x + shift, which at 0 gives NaN, the derivative is taken; in place it keeps x, where Caffe takes y for it.
    """

    def setup(self) -> None:
        options = self.options
        self.line, self.power = (options.scale, options.shift), options.power
        self.constant = _power(options.shift, self.power) if options.scale * self.power == 0 else None
        if self.constant is None and self.power != 1:
            self.backward_reads = ("bottoms",)

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        if self.constant is not None:
            tops[0].fill(self.constant)
        elif self.power == 1:
            self._forward(bottoms, tops, kernels.line_forward, *self.line)
        elif self.power == 2:
            self._forward(bottoms, tops, kernels.square_forward, *self.line)
        else:
            self._forward(bottoms, tops, kernels.power_forward, *self.line, self.power)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        dx = bottom_diffs[0]
        if dx is None:
            return
        if self.constant is not None:
            dx.fill(0)
        elif self.power == 1:
            self._forward(top_diffs, [dx], kernels.line_forward, self.line[0], 0.0)
        elif self.power == 2:
            self._backward(bottoms[0], top_diffs[0], dx, kernels.square_backward, *self.line)
        else:
            self._backward(bottoms[0], top_diffs[0], dx, kernels.power_backward, *self.line, self.power)


def _log_of_base(base: float) -> float:
    if base == -1:
        return 1.0
    if not 0 < base < math.inf:
        raise LayerError(f"base is {base:g}; expected -1 (for e) or a number above 0")
    return math.log(base)


def _power(shift: float, power: float) -> float:
    """shift^power as in C: infinity and NaN are results, not errors."""
    if power == 0:
        return 1.0
    try:
        return math.pow(shift, power)
    except ValueError:
        return math.inf if shift == 0 else math.nan
    except OverflowError:
        return math.inf
