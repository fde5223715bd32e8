"""Pooling: the maximum, the average or a random element of every window of each channel."""

from collections.abc import Mapping

import numpy as np

from ..errors import LayerError, shape_text
from ..kernels import pooling as kernels
from ..kernels._jit import ELEMENTS
from ..kernels._threads import run
from ..kernels.random import stream_key
from ..kernels.stochastic_pooling import expected_backward, expected_forward, sample_forward
from .base import Arrays, Diffs, Inferred, Layer, Scratch, Shape, count, register
from .shapes import checked_shape
from .spatial import check_window, per_axis, window_values


@register("Pooling", options="pooling_param", tops=(1, 2))
class Pooling(Layer):
    """y[n, c, i, j] = max, average or a random element of x[n, c] over window (i, j).

    x (N, C, H, W). Windows per axis: (size + 2 pad - kernel) / stride + 1, rounded up, or down with
    ``round_mode: FLOOR`` (in forks ``ceil_mode: false``); with padding, a last window that would begin beyond image +
    pad is dropped. A kernel larger than the padded input makes one window, cut to it, where rounding up leaves one. MAX
    takes the first of equals and never the padding; a second top holds each maximum's index in its plane. AVE divides
    by the window's size with padding, without what lies beyond it. STOCHASTIC (Zeiler and Fergus, ICLR 2013; numbers
    not negative, no padding) draws in TRAIN an element with probability x / sum of x, which gets the gradient, and
    gives in TEST the mean of such draws, sum of x^2 / sum of x. ``global_pooling`` makes the whole plane one window.
    Source: Caffe's Pooling. Raises LayerError for options that contradict each other and windows that do not fit.

    Departures: STOCHASTIC follows Caffe's GPU code (its CPU code has none); draws follow from the layer's seed and the
    number of forwards, and the gradient in TEST is that of the mean, where Caffe takes the last draws of TRAIN.
    Where rounding up makes a window that lies wholly outside (stride above kernel, no padding), Caffe gives -FLT_MAX
    or NaN and its gradient writes out of bounds; here it is a LayerError.
    """

    def setup(self) -> None:
        o = self.options
        method = type(o).PoolMethod.Name(o.pool)
        self.largest, self.stochastic = method == "MAX", method == "STOCHASTIC"
        self.forwards = 0
        self.floor = self._rounds_down()
        if self.stochastic and self.phase == "TEST":
            self.backward_reads = ("bottoms", "tops")
        if len(self.param.top) == 2 and not self.largest:
            raise LayerError(f"the second top holds the indices of maxima, but pool is {method}; expected 1 top")
        self.kernel = window_values(o, "kernel_size", 1, "kernel")
        self.stride = window_values(o, "stride", 1, "stride")
        self.pad = window_values(o, "pad", 0, "pad")
        if self.stochastic and any(self.pad):
            raise LayerError(f"pad is {shape_text(self.pad)}, but pool is STOCHASTIC; expected pad 0")
        if o.global_pooling:
            self._check_global()
        elif not self.kernel:
            raise LayerError(
                "kernel_size is missing; expected kernel_size, or kernel_h and kernel_w, or global_pooling"
            )

    def _rounds_down(self) -> bool:
        o = self.options
        floor = o.round_mode == type(o).FLOOR
        if not o.HasField("ceil_mode"):
            return floor
        if o.HasField("round_mode") and floor == o.ceil_mode:
            mode = type(o).RoundMode.Name(o.round_mode)
            raise LayerError(
                f"found ceil_mode: {str(o.ceil_mode).lower()} beside round_mode: {mode}; expected one of them"
            )
        return not o.ceil_mode

    def _check_global(self) -> None:
        if self.kernel:
            raise LayerError("found a kernel size beside global_pooling; expected one or the other")
        if any(self.pad) or any(s != 1 for s in self.stride):
            raise LayerError("found pad or stride beside global_pooling; expected pad 0 and stride 1")

    def infer(self, x: Shape) -> Inferred:
        if len(x) != 4:
            raise LayerError(f"the bottom is {shape_text(x)}; expected 4 axes: N x C x H x W")
        inputs = checked_shape(x)[2:]
        kernel = inputs if self.options.global_pooling else per_axis(self.kernel, "kernel_size", 2, 1)
        stride, pad = per_axis(self.stride, "stride", 2, 1), per_axis(self.pad, "pad", 2, 0)
        if any(p >= k for p, k in zip(pad, kernel)):
            raise LayerError(f"pad {shape_text(pad)} must be smaller than the kernel {shape_text(kernel)}")
        outputs = tuple(self._windows(*axis, any(pad)) for axis in zip(inputs, kernel, stride, pad))
        if min(outputs) < 1:
            check_window(kernel, pad, inputs, (1, 1))
        self.windows = kernels.Windows(count(x, 0, 2), *inputs, *outputs, *kernel, *stride, *pad)
        top = (*x[:2], *outputs)
        row = kernels.row_shape(self.windows)
        scratch = {"row": Scratch(row), "row_of": Scratch(row, "int32")}
        if self.largest or self.stochastic:
            scratch["mask"] = Scratch((count(top),), "int32")
        return Inferred([top] * len(self.param.top), (), scratch)

    def _windows(self, size: int, kernel: int, stride: int, pad: int, padded: bool) -> int:
        room = size + 2 * pad - kernel + (0 if self.floor else stride - 1)
        last = room // stride * stride
        if last < size + pad:
            return last // stride + 1
        if padded:
            return last // stride
        raise LayerError(
            f"the last window begins at {last}, outside the input of {size} (stride {stride}, kernel {kernel}); "
            "expected round_mode: FLOOR"
        )

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        x, y, work = bottoms[0].reshape(-1), tops[0].reshape(-1), self.scratch
        if self.stochastic:
            self._stochastic_forward(x, y)
            return
        if not self.largest:
            run(kernels.average_forward, kernels.CHUNKS, self.windows, x, work.row, y)
            return
        mask = work.mask
        run(kernels.max_forward, kernels.CHUNKS, self.windows, x, work.row, work.row_of, y, mask)
        if len(tops) == 2:
            run(kernels.as_numbers, mask.size, mask, tops[1].reshape(-1), grain=ELEMENTS)

    def _stochastic_forward(self, x: np.ndarray, y: np.ndarray) -> None:
        w = self.windows
        if self.phase == "TEST":
            run(expected_forward, w.planes, w, x, y)
        else:
            self.forwards += 1
            run(sample_forward, w.planes, w, stream_key(self.seed, self.forwards), x, y, self.scratch.mask)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is None:
            return
        dy, dx, w = top_diffs[0].reshape(-1), bottom_diffs[0].reshape(-1), self.windows
        if self.stochastic and self.phase == "TEST":
            run(expected_backward, w.planes, w, bottoms[0].reshape(-1), tops[0].reshape(-1), dy, dx)
        elif self.largest or self.stochastic:
            run(kernels.max_backward, w.planes, w, dy, self.scratch.mask, dx)
        else:
            run(kernels.average_backward, kernels.CHUNKS, w, dy, self.scratch.row, dx)

    def state(self) -> dict[str, int]:
        return {"forwards": self.forwards} if self.stochastic else {}

    def restore(self, state: Mapping[str, int]) -> None:
        self.forwards = state["forwards"]
