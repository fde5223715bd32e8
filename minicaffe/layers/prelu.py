"""PReLU: a rectifier whose slope below 0 is learned."""

from ..errors import LayerError, shape_text
from ..kernels._jit import ELEMENTS, distinct
from ..kernels._threads import run
from ..kernels.prelu import prelu_backward, prelu_forward, prelu_slope_sums
from ..proto import caffe_pb2
from .base import Arrays, Diffs, Inferred, Layer, Param, Scratch, Shape, count, register


@register("PReLU", options="prelu_param")
class PReLU(Layer):
    """y = x for x > 0, else slope x, with a slope for each channel (axis 1), or one where ``channel_shared``.

    x: (N, C, ...); slope: (C,) or a scalar, filled with 0.25 unless ``filler`` says otherwise. dx = dy for x > 0,
    else slope dy; dslope = sum of dy min(x, 0), in float64. He et al., arXiv 1502.01852. Source: Caffe's PReLU.
    """

    in_place = True
    backward_reads = ("bottoms",)

    def infer(self, x: Shape) -> Inferred:
        if len(x) < 2:
            raise LayerError(f"bottom has shape {shape_text(x)}; expected at least 2 axes, the channels on axis 1")
        self.view = (x[0], x[1], count(x, 2))
        quarter = caffe_pb2.FillerParameter(type="constant", value=0.25)
        filler = self.options.filler if self.options.HasField("filler") else quarter
        slope = Param("slope", () if self.options.channel_shared else (x[1],), filler)
        return Inferred([x], [slope], {"total": Scratch((x[1],), "float64")})

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        x, y = bottoms[0].reshape(self.view), tops[0].reshape(self.view)
        run(prelu_forward, self._rows, distinct(x, y), self.params[0].reshape(-1), y, grain=self._grain)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        x, dy, dslope = bottoms[0].reshape(self.view), top_diffs[0].reshape(self.view), self.param_diffs[0]
        if dslope is not None:
            total = self.scratch.total
            run(prelu_slope_sums, total.size, dy, x, total)
            dslope += total.sum() if self.options.channel_shared else total
        if bottom_diffs[0] is not None:
            dx = bottom_diffs[0].reshape(self.view)
            run(prelu_backward, self._rows, distinct(dy, dx), x, self.params[0].reshape(-1), dx, grain=self._grain)

    @property
    def _rows(self) -> int:
        return self.view[0] * self.view[1]

    @property
    def _grain(self) -> int:
        return -(-ELEMENTS // self.view[2])
