"""LRN: damp each value by the energy of its neighbours."""

import numpy as np

from ..errors import LayerError, shape_text
from ..kernels import lrn as kernels
from ..kernels._jit import ELEMENTS, distinct
from ..kernels._threads import run
from .base import Arrays, Diffs, Inferred, Layer, Scratch, Shape, count, register
from .shapes import checked_shape


@register("LRN", options="lrn_param")
class LRN(Layer):
    """y = x / (k + alpha / n * sum of x^2 over n neighbours)^beta; neighbours outside count as 0.

    x (N, C, H, W). ACROSS_CHANNELS: n = ``local_size`` channels around each. WITHIN_CHANNEL: n = local_size^2
    positions around each, and ``k`` is 1 whatever is written, as in Caffe. Source: Krizhevsky et al. 2012, section
    3.3; Caffe's LRN. Raises LayerError for an even local_size.
    """

    backward_reads = ("bottoms", "tops")

    def setup(self) -> None:
        o = self.options
        if o.local_size % 2 == 0:
            raise LayerError(f"local_size is {o.local_size}; expected an odd number")
        self.within = o.norm_region == type(o).WITHIN_CHANNEL
        self.k = 1.0 if self.within else o.k
        self.alpha = o.alpha / (o.local_size**2 if self.within else o.local_size)

    def infer(self, x: Shape) -> Inferred:
        if len(x) != 4:
            raise LayerError(f"the bottom is {shape_text(x)}; expected 4 axes: N x C x H x W")
        n, c, h, w = checked_shape(x)
        self.view = (n * c, h, w) if self.within else (n, c, h * w)
        return Inferred([x], (), {"scale": Scratch((count(x),)), "work": Scratch((count(x),))})

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        x, y = bottoms[0].reshape(-1), tops[0].reshape(-1)
        number, scale, work = x.dtype.type, self.scratch.scale, self.scratch.work
        run(kernels.square, x.size, x, work, grain=ELEMENTS)
        sums = distinct(self._box(work, scale), scale)
        k, alpha, beta = number(self.k), number(self.alpha), number(self.options.beta)
        run(kernels.normalise, x.size, x, k, alpha, beta, sums, scale, y, grain=ELEMENTS)

    def _box(self, values: np.ndarray, other: np.ndarray) -> np.ndarray:
        """The box sums of ``values``, in one of the two arrays, both of which are overwritten."""
        size, view = self.options.local_size, self.view
        if not self.within:
            units = view[0] * kernels.blocks(view[2])
            run(kernels.box_across, units, values.reshape(view), size, other.reshape(view))
            return other
        run(kernels.box_rows, view[0], values.reshape(view), size, other.reshape(view))
        run(kernels.box_columns, view[0], other.reshape(view), size, values.reshape(view))
        return values

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is None:
            return
        x, y, dy, dx = (a.reshape(-1) for a in (bottoms[0], tops[0], top_diffs[0], bottom_diffs[0]))
        number, scale, work = x.dtype.type, self.scratch.scale, self.scratch.work
        run(kernels.ratio, x.size, dy, y, scale, work, grain=ELEMENTS)
        sums = distinct(self._box(work, dx), dx)
        beta, factor = number(self.options.beta), number(2 * self.alpha * self.options.beta)
        run(kernels.gradient, x.size, x, dy, scale, beta, factor, sums, dx, grain=ELEMENTS)
