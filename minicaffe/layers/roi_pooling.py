"""ROIPooling: the maximum of every bin of regions of interest."""

from ..errors import LayerError
from ..kernels._threads import run
from ..kernels.roi import roi_max_backward, roi_max_forward
from .base import Arrays, Diffs, Inferred, Layer, Scratch, Shape, register
from .roi import check_regions, read_regions


@register("ROIPooling", options="roi_pooling_param", bottoms=2)
class ROIPooling(Layer):
    """y[r, c] (``pooled_h`` x ``pooled_w``) = the largest numbers of x[n, c] in each bin of region r.

    x (N, C, H, W); bottom 1 (R, 5): image n, then the corners x1 y1 x2 y2, which are multiplied with ``spatial_scale``
    and rounded, and both belong to the region. Bins overlap where they do not part the region evenly; what lies outside
    of the plane does not count, an empty bin is 0. dx = dy at each maximum, the first of equals; none for the regions.
    Girshick, arXiv 1504.08083. Source: ROIPooling of rbgirshick/caffe-fast-rcnn. LayerError for shapes and options that
    do not fit, DataError for an image that is not there and for corners that are not finite.
    """

    no_gradient = (1,)

    def setup(self) -> None:
        o = self.options
        for field in ("pooled_h", "pooled_w"):
            if getattr(o, field) < 1:
                raise LayerError(f"{field} is {getattr(o, field)}; expected at least 1")
        if not o.spatial_scale > 0:
            raise LayerError(f"spatial_scale is {o.spatial_scale:g}; expected a positive number")

    def infer(self, x: Shape, rois: Shape) -> Inferred:
        top = (check_regions(x, rois), x[1], self.options.pooled_h, self.options.pooled_w)
        return Inferred([top], (), {"where": Scratch(top, "int64"), "image": Scratch(top[:1], "int64")})

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        (x, rois), (y,), work = bottoms, tops, self.scratch
        rois = read_regions(rois, len(x), work.image)
        scale = x.dtype.type(self.options.spatial_scale)
        run(roi_max_forward, y.shape[0] * y.shape[1], x, rois, work.image, scale, y, work.where)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is not None:
            dx, work = bottom_diffs[0], self.scratch
            run(roi_max_backward, dx.shape[1], top_diffs[0], work.image, work.where, dx)
