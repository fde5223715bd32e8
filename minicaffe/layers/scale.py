"""Scale: multiply by a factor along chosen axes; optionally add a bias."""

import numpy as np

from ..kernels._jit import distinct
from ..kernels._threads import run
from ..kernels.affine import affine_forward, affine_sums
from ..proto import caffe_pb2
from .base import Arrays, Diffs, Inferred, Layer, Param, Shape, register
from .shapes import around_axis, spanned_axes, spanned_by


@register("Scale", options="scale_param", bottoms=(1, 2))
class Scale(Layer):
    """y = x * gamma (+ beta): gamma and beta span axes [axis, axis + num_axes) of x and repeat along the others.

    gamma is a parameter (filled with 1 unless ``filler`` says otherwise), or bottom 1 where there is one, whose
    axes then take the place of ``num_axes``. beta (``bias_term``, ``bias_filler``) is the last parameter.
    dx = dy * gamma, dgamma = sum dy * x, dbeta = sum dy. Sums are float64. Source: Caffe's Scale.
    """

    in_place = True
    backward_reads = ("bottoms",)

    def infer(self, x: Shape, *other: Shape) -> Inferred:
        options = self.options
        if other:
            start, stop = spanned_by(x, options.axis, other[0])
        else:
            start, stop = spanned_axes(x, options.axis, options.num_axes)
        self.view = around_axis(x, start, stop)
        params = []
        if not other:
            one = caffe_pb2.FillerParameter(type="constant", value=1)
            filler = options.filler if options.HasField("filler") else one
            params.append(Param("gamma", x[start:stop], filler))
        if options.bias_term:
            params.append(Param("beta", x[start:stop], options.bias_filler))
        return Inferred([x], params)

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        x, y = bottoms[0].reshape(self.view), tops[0].reshape(self.view)
        beta = self.params[-1].reshape(-1) if self.options.bias_term else None
        run(affine_forward, y.size // self.view[2], distinct(x, y), self._gamma(bottoms), beta, y)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        x, dy = bottoms[0].reshape(self.view), top_diffs[0].reshape(self.view)
        dgamma = bottom_diffs[1] if len(bottoms) > 1 else self.param_diffs[0]
        dbeta = self.param_diffs[-1] if self.options.bias_term else None
        if len(bottoms) > 1 and dgamma is not None:
            dgamma.fill(0)
        if dgamma is not None or dbeta is not None:
            run(affine_sums, self.view[1], x, dy, _flat(dgamma), _flat(dbeta))
        if bottom_diffs[0] is not None:
            dx = bottom_diffs[0].reshape(self.view)
            run(affine_forward, dx.size // self.view[2], distinct(dy, dx), self._gamma(bottoms), None, dx)

    def _gamma(self, bottoms: Arrays) -> np.ndarray:
        return (bottoms[1] if len(bottoms) > 1 else self.params[0]).reshape(-1)


def _flat(array: np.ndarray | None) -> np.ndarray | None:
    return None if array is None else array.reshape(-1)
