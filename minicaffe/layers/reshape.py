"""Reshape: the same numbers under another shape."""

from ..errors import LayerError, shape_text
from .base import Inferred, Layer, Shape, count, register


@register("Reshape", options="reshape_param")
class Reshape(Layer):
    """y = x with ``num_axes`` axes (-1: all) from ``axis`` on replaced by ``shape``. No number moves.

    A dimension of 0 is that of the bottom ``axis`` + its own place; one may be -1, which takes what is left. ``axis``
    counts from the end where it is negative, -1 being the place after the last axis. Source: Caffe's Reshape.
    """

    shares = "data+diff"

    def setup(self) -> None:
        self.dims = [int(n) for n in self.options.shape.dim]
        wrong = [n for n in self.dims if n < -1]
        if wrong:
            raise LayerError(f"found dimension {wrong[0]}; expected -1 (what is left), 0 (as the bottom) or more")
        if self.dims.count(-1) > 1:
            raise LayerError(f"found {self.dims.count(-1)} dimensions of -1; expected at most one")

    def infer(self, x: Shape) -> Inferred:
        start, stop = self._replaced(x)
        dims = [self._copied(x, start + i) if n == 0 else n for i, n in enumerate(self.dims)]
        shape = (*x[:start], *dims, *x[stop:])
        if -1 in dims:
            others = -count(shape)
            left = count(x) // others
            shape = tuple(left if n == -1 else n for n in shape)
        if count(shape) != count(x):
            wanted = ", ".join(str(n) for n in self.dims) or "none"
            raise LayerError(
                f"cannot shape {shape_text(x)} ({count(x)} numbers) with dimensions {wanted} in place of axes "
                f"{start} to {stop}: found {shape_text(shape)} ({count(shape)})"
            )
        return Inferred([shape])

    def _replaced(self, x: Shape) -> tuple[int, int]:
        """The first and last + 1 of the axes that go."""
        axis, number, axes = self.options.axis, self.options.num_axes, len(x)
        if not -axes - 1 <= axis <= axes:
            raise LayerError(f"axis is {axis}, but the bottom has {axes} axes: expected {-axes - 1} to {axes}")
        start = axis if axis >= 0 else axes + axis + 1
        if not -1 <= number <= axes - start:
            raise LayerError(
                f"num_axes is {number}, but the bottom has {axes - start} axes from {start} on; "
                f"expected -1 (all of them) to {axes - start}"
            )
        return start, axes if number == -1 else start + number

    def _copied(self, x: Shape, axis: int) -> int:
        if axis >= len(x):
            raise LayerError(f"a dimension of 0 stands for axis {axis} of the bottom, which has {len(x)} axes")
        return x[axis]
