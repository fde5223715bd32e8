"""APL: an activation of learned straight pieces, different for each neuron."""

import numpy as np

from ..errors import LayerError, shape_text
from ..kernels import apl as kernels
from ..kernels._jit import ELEMENTS, distinct
from ..kernels._threads import run
from ..proto import caffe_pb2
from .base import Arrays, Diffs, Inferred, Layer, Param, Scratch, Shape, count, register


@register("APL", options="apl_param")
class APL(Layer):
    """y = max(x, 0) + sum over s of slope[k, s] max(offset[k, s] - x, 0), for each neuron k its own ``sums`` hinges.

    x: (N, ...); a neuron is a place in an item, K of them. slope and offset: (1, 1, sums, K) as forks declare them,
    whose numbers lie neuron by neuron: [k, s]. Filled uniformly within +-0.5 / sums and with N(0, 0.5) unless
    ``slope_filler`` and ``offset_filler`` say otherwise; ``save_mem`` changes nothing. dx = dy ((x > 0) - sum of slope
    where offset > x), dslope = sum dy max(offset - x, 0), doffset = sum dy slope where offset > x; sums over items are
    float64. Agostinelli et al., arXiv 1412.6830. Source: APL of Learned-Activation-Functions-Source, which overwrites
    the gradients of the parameters where they are added up here.
    """

    in_place = True
    backward_reads = ("bottoms",)

    def setup(self) -> None:
        if self.options.sums < 1:
            raise LayerError(f"sums is {self.options.sums}; expected at least 1")

    def infer(self, x: Shape) -> Inferred:
        if len(x) < 2:
            raise LayerError(f"bottom has shape {shape_text(x)}; expected at least 2 axes, items on axis 0")
        o, neurons = self.options, count(x, 1)
        self.view, self.hinges = (x[0], neurons), (neurons, o.sums)
        slope = caffe_pb2.FillerParameter(type="uniform", min=-0.5 / o.sums, max=0.5 / o.sums)
        offset = caffe_pb2.FillerParameter(type="gaussian", std=0.5)
        shape = (1, 1, o.sums, neurons)
        params = [
            Param("slope", shape, o.slope_filler if o.HasField("slope_filler") else slope),
            Param("offset", shape, o.offset_filler if o.HasField("offset_filler") else offset),
        ]
        sums = {name: Scratch(self.hinges, "float64") for name in ("slope", "offset")}
        return Inferred([x], params, sums)

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        x, y = bottoms[0].reshape(-1), tops[0].reshape(-1)
        run(kernels.apl_forward, y.size, distinct(x, y), *self._hinges(), y, grain=ELEMENTS)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        x, dy = bottoms[0], top_diffs[0]
        if any(diff is not None for diff in self.param_diffs):
            sums = self.scratch.slope, self.scratch.offset
            blocks = -(-self.view[1] // kernels.BLOCK)
            run(kernels.apl_sums, blocks, dy.reshape(self.view), x.reshape(self.view), *self._hinges(), *sums)
            for diff, total in zip(self.param_diffs, sums):
                if diff is not None:
                    diff += total.reshape(diff.shape)
        if bottom_diffs[0] is not None:
            dy, dx = dy.reshape(-1), bottom_diffs[0].reshape(-1)
            run(kernels.apl_backward, dx.size, distinct(dy, dx), x.reshape(-1), *self._hinges(), dx, grain=ELEMENTS)

    def _hinges(self) -> list[np.ndarray]:
        return [param.reshape(self.hinges) for param in self.params]
