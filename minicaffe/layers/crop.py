"""Crop: a part of bottom 0, as large as bottom 1."""

import numpy as np

from ..errors import LayerError, plural, shape_text
from .base import Arrays, Diffs, Inferred, Layer, Shape, axis_index, register


@register("Crop", options="crop_param", bottoms=2)
class Crop(Layer):
    """y = x[..., offset : offset + size, ...] on ``axis`` and all after it; the axes before it stay whole.

    The sizes are those of bottom 1, whose numbers are not read. ``offset`` is none (0), one for all of these axes, or
    one for each. dx = dy where x was taken, else 0; bottom 1's gradient, where one is asked for, is 0. Source: Caffe's
    Crop. Raises LayerError where the part reaches beyond bottom 0.
    """

    def infer(self, x: Shape, like: Shape) -> Inferred:
        start = axis_index(self.options.axis, len(x))
        axes, given = len(x) - start, list(self.options.offset)
        if len(given) > 1 and len(given) != axes:
            raise LayerError(
                f"offset has {plural(len(given), 'value')}; expected 1 or {axes}, one for each axis from {start} on"
            )
        if len(like) < len(x):
            raise LayerError(
                f"bottom 1 is {shape_text(like)}, bottom 0 is {shape_text(x)}; expected no fewer axes in bottom 1"
            )
        offsets = [0] * start + (given * axes if len(given) == 1 else given or [0] * axes)
        sizes = [*x[:start], *like[start : len(x)]]
        for axis, (offset, size, room) in enumerate(zip(offsets, sizes, x)):
            if offset + size > room:
                raise LayerError(
                    f"offset {offset} and size {size} of bottom 1 reach beyond axis {axis} of bottom 0, "
                    f"which has {room} elements"
                )
        self.part = tuple(slice(offset, offset + size) for offset, size in zip(offsets, sizes))
        return Inferred([tuple(sizes)])

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        np.copyto(tops[0], bottoms[0][self.part])

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is not None:
            bottom_diffs[0].fill(0)
            np.copyto(bottom_diffs[0][self.part], top_diffs[0])
        if bottom_diffs[1] is not None:
            bottom_diffs[1].fill(0)
