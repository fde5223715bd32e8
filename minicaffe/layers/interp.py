"""Interp: planes resized by bilinear interpolation."""

from typing import Any

import numpy as np

from ..errors import LayerError, shape_text
from ..kernels._threads import run
from ..kernels.interp import interp_backward, interp_forward
from .base import Arrays, Diffs, Inferred, Layer, Shape, register
from .shapes import checked_shape


@register("Interp", options="interp_param")
class Interp(Layer):
    """x (N, C, H, W) resized to (N, C, H', W') by bilinear interpolation, corner pixels upon corner pixels.

    H' and W' are ``height`` and ``width``; or (size - 1) / ``shrink_factor`` + 1, then (size - 1) ``zoom_factor`` + 1,
    of the size that is left when ``pad_beg`` pixels at each beginning and ``pad_end`` at each end are cropped (both are
    0 or negative). dx = the sums of dy by the same shares. Chen et al., arXiv 1606.00915. Source: Interp of the DeepLab
    and PSPNet forks; places between pixels are computed in float64. LayerError for options that are missing or
    contradict each other, and where nothing is left.
    """

    def setup(self) -> None:
        o = self.options
        for field in ("pad_beg", "pad_end"):
            if getattr(o, field) > 0:
                raise LayerError(f"{field} is {getattr(o, field)}; expected 0 or less, which crops")
        for field in ("zoom_factor", "shrink_factor", "height", "width"):
            if o.HasField(field) and getattr(o, field) < 1:
                raise LayerError(f"{field} is {getattr(o, field)}; expected at least 1")
        sizes, factors = (
            [field for field in fields if o.HasField(field)]
            for fields in (("height", "width"), ("zoom_factor", "shrink_factor"))
        )
        if (len(sizes) == 1) or bool(sizes) == bool(factors):
            found = " and ".join(sizes + factors) or "none"
            raise LayerError(f"found {found}; expected height and width, or zoom_factor, shrink_factor or both")

    def infer(self, x: Shape) -> Inferred:
        if len(x) != 4:
            raise LayerError(f"the bottom is {shape_text(x)}; expected 4 axes: N x C x H x W")
        o = self.options
        inner = tuple(size + o.pad_beg + o.pad_end for size in checked_shape(x)[2:])
        if min(inner) < 1:
            raise LayerError(
                f"the bottom is {shape_text(x)}: nothing is left after pad_beg {o.pad_beg} and pad_end {o.pad_end}"
            )
        outputs = (o.height, o.width) if o.HasField("height") else tuple(map(self._output, inner))
        ratios = [(n - 1) / (m - 1) if m > 1 else 0.0 for n, m in zip(inner, outputs)]
        self.geometry, self.ratios = (-o.pad_beg, *inner), ratios
        self.views = [(x[0] * x[1], *shape) for shape in (x[2:], outputs)]
        return Inferred([(*x[:2], *outputs)])

    def _output(self, size: int) -> int:
        return ((size - 1) // self.options.shrink_factor) * self.options.zoom_factor + 1

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        self._run(interp_forward, bottoms[0].reshape(self.views[0]), tops[0].reshape(self.views[1]))

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is not None:
            self._run(interp_backward, top_diffs[0].reshape(self.views[1]), bottom_diffs[0].reshape(self.views[0]))

    def _run(self, kernel: Any, source: np.ndarray, into: np.ndarray) -> None:
        run(kernel, len(into), source, *self.geometry, *self.ratios, into)
