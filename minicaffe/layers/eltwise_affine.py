"""EltwiseAffine: a learned factor and offset for each channel."""

import numpy as np

from ..errors import LayerError, shape_text
from ..kernels._jit import distinct
from ..kernels._threads import run
from ..kernels.affine import affine_forward, affine_sums
from ..proto import Message, caffe_pb2
from .base import Arrays, Diffs, Inferred, Layer, Param, Scratch, Shape, count, register


@register("EltwiseAffine", options="eltwise_affine_param")
class EltwiseAffine(Layer):
    """y = slope x + bias, each a number per channel (axis 1), or one for all where ``channel_shared``.

    x: (N, C, ...); slope, bias: (C,) or scalars, filled with 1.0001 and 0.0001 unless ``slope_filler`` and
    ``bias_filler`` say otherwise. dx = dy slope, dslope = sum dy x, dbias = sum dy; sums are float64.
    Source: EltwiseAffine of happynear/caffe-windows, the Scale of its time. There gradients of parameters are
    overwritten, not added up, and that of a shared bias is written out of bounds.
    """

    in_place = True
    backward_reads = ("bottoms",)

    def infer(self, x: Shape) -> Inferred:
        if len(x) < 2:
            raise LayerError(f"bottom has shape {shape_text(x)}; expected at least 2 axes, the channels on axis 1")
        o, shape = self.options, () if self.options.channel_shared else (x[1],)
        self.view = (x[0], x[1], count(x, 2))
        self.one_view = (x[0] * x[1], 1, self.view[2]) if o.channel_shared else self.view
        sums = {name: Scratch((x[1],), "float64") for name in ("slope", "bias")}
        fillers = {"slope": (o.slope_filler, 1.0001), "bias": (o.bias_filler, 0.0001)}
        params = [
            Param(name, shape, filler if o.HasField(f"{name}_filler") else _constant(value))
            for name, (filler, value) in fillers.items()
        ]
        return Inferred([x], params, sums)

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        self._affine(bottoms[0], self.params[1].reshape(-1), tops[0])

    def _affine(self, x: np.ndarray, bias: np.ndarray | None, y: np.ndarray) -> None:
        x, y = x.reshape(self.one_view), y.reshape(self.one_view)
        run(affine_forward, self.view[0] * self.view[1], distinct(x, y), self.params[0].reshape(-1), bias, y)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        x, dy = bottoms[0].reshape(self.view), top_diffs[0].reshape(self.view)
        wanted = [diff is not None for diff in self.param_diffs]
        if any(wanted):
            sums = [self.scratch.slope, self.scratch.bias]
            for total in sums:
                total.fill(0)
            run(affine_sums, self.view[1], x, dy, *(total if want else None for total, want in zip(sums, wanted)))
            for diff, total in zip(self.param_diffs, sums):
                if diff is not None:
                    diff += total.sum() if self.options.channel_shared else total
        if bottom_diffs[0] is not None:
            self._affine(top_diffs[0], None, bottom_diffs[0])


def _constant(value: float) -> Message:
    return caffe_pb2.FillerParameter(type="constant", value=value)
