"""ArgMax: where the largest values lie, along an axis or in a whole image."""

from ..errors import LayerError
from ..kernels._jit import ELEMENTS
from ..kernels._threads import run
from ..kernels.argmax import largest
from .base import Arrays, Inferred, Layer, Shape, axis_index, count, register
from .shapes import around_axis


@register("ArgMax", options="argmax_param")
class ArgMax(Layer):
    """The indices, or values, of the ``top_k`` largest numbers, largest first; among equals the higher index first.

    With ``axis``: y has top_k places along that axis; with ``out_max_val`` it holds the values, else the indices
    along it. Without: y is (N, 1, top_k) of indices into an image's numbers (axes 1 and on), with ``out_max_val``
    (N, 2, top_k), the values second; where x has more than three axes y has as many, of 1. A NaN counts as the
    largest, which Caffe leaves open. There is no gradient. Source: Caffe's ArgMax.

    Raises LayerError for a top_k that is 0 or more than there are numbers.
    """

    no_gradient = (0,)

    def infer(self, x: Shape) -> Inferred:
        options = self.options
        if not x:
            raise LayerError("bottom has no axes; expected at least one")
        if options.HasField("axis"):
            axis = axis_index(options.axis, len(x))
            self.view, where = around_axis(x, axis), f"numbers along axis {axis}"
            top = (*x[:axis], options.top_k, *x[axis + 1 :])
        else:
            self.view, where = (x[0], count(x, 1), 1), "numbers of an image"
            top = (x[0], 2 if options.out_max_val else 1, options.top_k) + (1,) * (len(x) - 3)
        if not 1 <= options.top_k <= self.view[1]:
            raise LayerError(f"top_k is {options.top_k}, but there are {self.view[1]} {where}; expected 1 to as many")
        return Inferred([top])

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        outer, dim, inner = self.view
        y = tops[0].reshape(outer, -1, self.options.top_k, inner)  # (outer, 1 or 2, top_k, inner)
        with_values = self.options.out_max_val
        indices = None if with_values and self.options.HasField("axis") else y[:, 0]
        values = y[:, -1] if with_values else None
        grain = -(-ELEMENTS // (dim * self.options.top_k))
        run(largest, outer * inner, bottoms[0].reshape(self.view), self.options.top_k, indices, values, grain=grain)
