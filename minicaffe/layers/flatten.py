"""Flatten: several axes as one."""

from ..errors import LayerError
from .base import Inferred, Layer, Shape, axis_index, count, register


@register("Flatten", options="flatten_param")
class Flatten(Layer):
    """y = x with axes ``axis`` to ``end_axis`` (both included; 1 and -1 by default) as one. No number moves."""

    shares = "data+diff"

    def infer(self, x: Shape) -> Inferred:
        start = axis_index(self.options.axis, len(x))
        end = axis_index(self.options.end_axis, len(x), "end_axis")
        if end < start:
            raise LayerError(f"end_axis is {end}, before axis {start}; expected it at or after")
        return Inferred([(*x[:start], count(x, start, end + 1), *x[end + 1 :])])
