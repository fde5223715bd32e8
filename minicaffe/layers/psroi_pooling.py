"""PSROIPooling: the average of every bin of regions of interest, each bin from channels of its own."""

import numpy as np

from ..errors import LayerError, plural
from ..kernels._threads import run
from ..kernels.roi import roi_average_backward, roi_average_forward
from .base import Arrays, Diffs, Inferred, Layer, Scratch, Shape, register
from .roi import check_regions, read_regions


@register("PSROIPooling", options="psroi_pooling_param", bottoms=2)
class PSROIPooling(Layer):
    """y[r, o, i, j] = the mean of x[n, (o g + i) g + j] in bin (i, j) of region r, with g = ``group_size``.

    x (N, output_dim g^2, H, W); bottom 1 (R, 5): image n, then the corners x1 y1 x2 y2, which are rounded, one is added
    to the second, and then multiplied with ``spatial_scale``; a side is at least 0.1. What lies outside of the plane
    does not count, an empty bin is 0. dx = the sums of dy / area; none for the regions. Dai et al., arXiv 1605.06409.
    Source: PSROIPooling of daijifeng001/caffe-rfcn (its GPU code; its CPU code has none). LayerError for shapes and
    options that do not fit, DataError for an image that is not there and for corners that are not finite.
    """

    backward_reads = ("bottoms",)
    no_gradient = (1,)

    def setup(self) -> None:
        o = self.options
        for field in ("spatial_scale", "output_dim", "group_size"):
            if not getattr(o, field) > 0:
                found = f"is {getattr(o, field):g}" if o.HasField(field) else "is missing"
                raise LayerError(f"{field} {found}; expected a positive number")

    def infer(self, x: Shape, rois: Shape) -> Inferred:
        regions, o = check_regions(x, rois), self.options
        if x[1] != o.output_dim * o.group_size**2:
            raise LayerError(
                f"bottom 0 has {plural(x[1], 'channel')}; expected {o.output_dim * o.group_size**2}: "
                f"output_dim {o.output_dim} x group_size {o.group_size} x {o.group_size}"
            )
        top = (regions, o.output_dim, o.group_size, o.group_size)
        return Inferred([top], (), {"image": Scratch((regions,), "int64")})

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        (x, rois), (y,) = bottoms, tops
        rois = read_regions(rois, len(x), self.scratch.image)
        run(roi_average_forward, len(y), x, rois, self.scratch.image, self._scale(x), y)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is not None:
            dx, rois = bottom_diffs[0], bottoms[1].reshape(-1, 5)
            scale = self._scale(dx)
            run(roi_average_backward, dx.shape[1], top_diffs[0], rois, self.scratch.image, scale, dx)

    def _scale(self, array: np.ndarray) -> np.floating:
        return array.dtype.type(self.options.spatial_scale)
