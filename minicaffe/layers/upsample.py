"""Upsample: planes made larger, by the places of maxima, or by repeating pixels."""

import math

import numpy as np

from ..errors import DataError, LayerError, shape_text
from ..kernels import upsample as kernels
from ..kernels._jit import ELEMENTS
from ..kernels._threads import run
from ..kernels.labels import WRONG, class_indices
from .base import Arrays, Diffs, Inferred, Layer, Scratch, Shape, count, register
from .shapes import checked_shape


@register("Upsample", options="upsample_param", bottoms=(1, 2))
class Upsample(Layer):
    """x (N, C, H, W) to (N, C, H', W'): H' and W' are ``upsample_h`` and ``upsample_w``, or H and W times ``scale``.

    ``scale_h`` and ``scale_w`` may stand for scale; ``pad_out_h`` and ``pad_out_w`` take one off where the scale is 2.
    With bottom 1, the second top of a MAX Pooling, of the shape of x: y[n, c, mask] = x, the last where two meet, else
    0; dx = dy at mask, dmask = 0. Without: pixels are repeated, y[n, c, i, j] = x[n, c, i / scale, j / scale]; dx = the
    sum of dy over the copies. Sources: Upsample of alexgkendall/caffe-segnet, and of the YOLO forks, which have one
    bottom. LayerError for options that do not fit, DataError for a mask that is no place of the top.
    """

    def setup(self) -> None:
        o = self.options
        self.size = self._pair("upsample", 2)
        self.scale = self._pair("scale", 1) or (o.scale, o.scale)
        if self.size is not None and len(self.param.bottom) < 2:
            raise LayerError("found upsample_h and upsample_w beside 1 bottom; expected scale, or a mask as bottom 1")
        if o.HasField("scale") and o.HasField("scale_h"):
            raise LayerError("found scale beside scale_h and scale_w; expected one way or the other")
        if min(self.scale) < 1:
            raise LayerError(f"scale is {min(self.scale)}; expected at least 1")
        self.less = o.pad_out_h, o.pad_out_w
        for side, less, scale in zip("hw", self.less, self.scale):
            if less and scale != 2:
                raise LayerError(f"pad_out_{side} needs a scale of 2; found {scale}")

    def _pair(self, stem: str, least: int) -> tuple[int, int] | None:
        given = [self.options.HasField(f"{stem}_{side}") for side in "hw"]
        values = getattr(self.options, f"{stem}_h"), getattr(self.options, f"{stem}_w")
        if any(given) and not all(given):
            raise LayerError(f"found one of {stem}_h and {stem}_w; expected both or none")
        if all(given) and min(values) < least:
            raise LayerError(f"{stem}_h and {stem}_w are {values[0]} and {values[1]}; expected at least {least}")
        return values if all(given) else None

    def infer(self, x: Shape, *mask: Shape) -> Inferred:
        if len(x) != 4:
            raise LayerError(f"the bottom is {shape_text(x)}; expected 4 axes: N x C x H x W")
        if mask and mask[0] != x:
            raise LayerError(f"bottom 1 is {shape_text(mask[0])}, bottom 0 {shape_text(x)}; expected the same")
        sizes = zip(checked_shape(x)[2:], self.scale, self.less)
        outputs = self.size or tuple(n * scale - less for n, scale, less in sizes)
        self.planes, self.inputs, self.outputs = x[0] * x[1], x[2:], tuple(outputs)
        return Inferred([(*x[:2], *outputs)], scratch={"index": Scratch(x, "int64")} if mask else {})

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        if len(bottoms) < 2:
            run(kernels.repeat_forward, self.planes, self._planes(bottoms[0]), *self.scale, self._planes(tops[0]))
            return
        index, places = self.scratch.index.reshape(-1), count(self.outputs)
        run(class_indices, index.size, bottoms[1].reshape(-1), places, math.nan, index, grain=ELEMENTS)
        if index.min() == WRONG:
            at = int(np.argmin(index))
            raise DataError(
                f"mask {bottoms[1].reshape(-1)[at]:g} at position {at} is no place of a plane of "
                f"{shape_text(self.outputs)}; expected a whole number from 0 to {places - 1}"
            )
        rows = [array.reshape(self.planes, -1) for array in (bottoms[0], index, tops[0])]
        run(kernels.unpool_forward, self.planes, *rows)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        dy, dx = top_diffs[0], bottom_diffs[0]
        if len(bottoms) > 1 and bottom_diffs[1] is not None:
            bottom_diffs[1].fill(0)  # the Pooling that made the mask has parameters below it
        if dx is None:
            return
        if len(bottoms) < 2:
            run(kernels.repeat_backward, self.planes, self._planes(dy), *self.scale, self._planes(dx))
        else:
            rows = [array.reshape(self.planes, -1) for array in (dy, self.scratch.index, dx)]
            run(kernels.unpool_backward, self.planes, *rows)

    def _planes(self, array: np.ndarray) -> np.ndarray:
        return array.reshape(self.planes, *array.shape[2:])
