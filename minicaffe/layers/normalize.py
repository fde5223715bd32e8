"""Normalize: every image, or every place of it, gets L2 norm 1, then a learned scale."""

import numpy as np

from ..errors import LayerError, shape_text
from ..kernels import normalize as kernels
from ..kernels._threads import run
from ..proto import caffe_pb2
from .base import Arrays, Diffs, Inferred, Layer, Param, Scratch, Shape, count, register


@register("Normalize", options="norm_param")
class Normalize(Layer):
    """y = scale[c] x / norm, norm = sqrt(eps + sum of x^2) over an image.

    With ``across_spatial: false`` the sum is over the channels, at each place of the image.
    x: (N, C, ...); scale: a scalar, or (C,) with ``channel_shared: false``, filled with 1 unless ``scale_filler`` says
    otherwise. dx = scale[c] dy / norm - x (sum of scale dy x) / norm^3, dscale = sum of dy x / norm. Sums are float64.
    Liu et al., arXiv 1506.04579. Source: Normalize of weiliu89/caffe (ssd), whose dx leaves the scale out of its sum,
    which is wrong where channels have scales of their own. LayerError unless eps >= 0.
    """

    backward_reads = ("bottoms",)

    def setup(self) -> None:
        if not self.options.eps >= 0:
            raise LayerError(f"eps is {self.options.eps:g}; expected 0 or more")

    def infer(self, x: Shape) -> Inferred:
        if len(x) < 2:
            raise LayerError(f"bottom has shape {shape_text(x)}; expected at least 2 axes, the channels on axis 1")
        o, self.view = self.options, (x[0], x[1], count(x, 2))
        one = caffe_pb2.FillerParameter(type="constant", value=1)
        filler = o.scale_filler if o.HasField("scale_filler") else one
        places = (x[0], self.view[2])
        work = {"norm": Scratch(places), "dot": Scratch(places), "sums": Scratch(places, "float64")}
        work |= {"image": Scratch((x[0], 1), "float64"), "total": Scratch((x[1],), "float64")}
        return Inferred([x], [Param("scale", () if o.channel_shared else (x[1],), filler)], work)

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        x, y, work = bottoms[0].reshape(self.view), tops[0].reshape(self.view), self.scratch
        sums = self._sums(x, x, None)
        sums += self.options.eps
        np.sqrt(sums, out=sums)
        work.norm[...] = sums
        run(kernels.normalize_forward, self.view[0] * self.view[1], x, work.norm, self._scale(), y)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        x, dy, work = bottoms[0].reshape(self.view), top_diffs[0].reshape(self.view), self.scratch
        dscale = self.param_diffs[0]
        if dscale is not None:
            run(kernels.normalize_scale_sums, self.view[1], dy, x, work.norm, work.total)
            dscale += work.total.sum() if self.options.channel_shared else work.total
        if bottom_diffs[0] is not None:
            dx = bottom_diffs[0].reshape(self.view)
            work.dot[...] = self._sums(dy, x, self._scale())
            for _ in range(3):
                np.divide(work.dot, work.norm, out=work.dot)
            rows = self.view[0] * self.view[1]
            run(kernels.normalize_backward, rows, dy, x, work.norm, work.dot, self._scale(), dx)

    def _sums(self, a: np.ndarray, b: np.ndarray, scale: np.ndarray | None) -> np.ndarray:
        """The sums of scale a b over what one norm covers: (N, places), or (N, 1)."""
        sums = self.scratch.sums
        blocks = -(-self.view[2] // kernels.BLOCK)
        run(kernels.channel_products, self.view[0] * blocks, a, b, scale, sums)
        if not self.options.across_spatial:
            return sums
        return np.sum(sums, axis=1, keepdims=True, out=self.scratch.image)

    def _scale(self) -> np.ndarray:
        return self.params[0].reshape(-1)
