"""Parameter: a learned blob as a top, for layers that take their weights as a bottom."""

import numpy as np

from ..errors import LayerError
from ..kernels._jit import ELEMENTS
from ..kernels._threads import run
from ..kernels.eltwise import weighted_sum
from .base import Arrays, Diffs, Inferred, Layer, Param, register
from .shapes import checked_shape


@register("Parameter", options="parameter_param", bottoms=0)
class Parameter(Layer):
    """y = the parameter, of ``shape``; its gradient is dy. It begins as zeros: there is no filler.

    Source: Caffe's Parameter. Departure: the top is a copy of the parameter, made in every forward, and dy is added to
    the parameter's diff; in Caffe both are one blob, so that ``iter_size`` above 1 keeps the last gradient only.
    """

    def infer(self) -> Inferred:
        if not self.options.HasField("shape"):
            raise LayerError("parameter_param has no shape; expected shape { dim: ... }")
        shape = checked_shape(self.options.shape.dim)
        return Inferred([shape], [Param("parameter", shape)])

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        np.copyto(tops[0], self.params[0])

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if self.param_diffs[0] is not None:
            sums, dy = self.param_diffs[0].reshape(-1), top_diffs[0].reshape(-1)
            one = dy.dtype.type(1)
            run(weighted_sum, dy.size, None, one, dy, one, sums, grain=ELEMENTS)
