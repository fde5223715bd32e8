"""Eltwise: the sum, product or maximum of several bottoms, element by element."""

import numpy as np

from ..errors import LayerError, plural
from ..kernels._jit import ELEMENTS, distinct
from ..kernels._threads import run
from ..kernels.eltwise import maximum, product, quotient_gradient, scaled, select_winner, weighted_sum
from .base import Arrays, Diffs, Inferred, Layer, Scratch, Shape, register
from .shapes import same_shapes


@register("Eltwise", options="eltwise_param", bottoms=(2, None))
class Eltwise(Layer):
    """SUM: y = sum of coeff_i x_i (coefficients 1 by default). PROD: y = product of x_i. MAX: y = largest x_i.

    All bottoms have one shape. SUM: dx_i = coeff_i dy. PROD: dx_i = dy times the other bottoms, or dy y / x_i with
    ``stable_prod_grad: false``. MAX: dy goes to the one that was largest; among equals to bottom 1, else to the
    first, as in Caffe; a NaN counts as largest, where Caffe may pass over it. ``coeff`` changes nothing there, as in
    Caffe. Source: Caffe's Eltwise. Raises LayerError for coefficients of a product, or too few or many of them.
    """

    in_place = True

    def setup(self) -> None:
        options, bottoms = self.options, len(self.param.bottom)
        self.operation = options.EltwiseOp.Name(options.operation)
        if options.coeff and self.operation == "PROD":
            raise LayerError("coeff is an option of operation SUM, found with PROD")
        if options.coeff and len(options.coeff) != bottoms:
            raise LayerError(f"found {len(options.coeff)} coeff for {plural(bottoms, 'bottom')}; expected one for each")
        self.coefficients = list(options.coeff) or [1.0] * bottoms
        if self.operation == "PROD":
            self.backward_reads = ("bottoms",) if options.stable_prod_grad else ("bottoms", "tops")

    def infer(self, *bottoms: Shape) -> Inferred:
        x = same_shapes(bottoms)
        return Inferred([x], scratch={"winner": Scratch(x, "int32")} if self.operation == "MAX" else {})

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        first, second, *others = (bottom.reshape(-1) for bottom in bottoms)
        y = tops[0].reshape(-1)
        if self.operation == "MAX":
            winner = self.scratch.winner.reshape(-1)
            winner.fill(1)
            run(maximum, y.size, distinct(second, y), first, np.int32(0), y, winner, grain=ELEMENTS)
            for i, x in enumerate(others, start=2):
                run(maximum, y.size, None, x, np.int32(i), y, winner, grain=ELEMENTS)
        elif self.operation == "PROD":
            run(product, y.size, distinct(first, y), second, y, grain=ELEMENTS)
            for x in others:
                run(product, y.size, None, x, y, grain=ELEMENTS)
        else:
            one, (c0, c1, *rest) = y.dtype.type(1), (y.dtype.type(c) for c in self.coefficients)
            run(weighted_sum, y.size, distinct(first, y), c0, second, c1, y, grain=ELEMENTS)
            for c, x in zip(rest, others):
                run(weighted_sum, y.size, None, one, x, c, y, grain=ELEMENTS)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        dy = top_diffs[0].reshape(-1)
        for i in reversed(range(len(bottoms))):  # bottom 0 last: its diff may lie in dy
            diff = bottom_diffs[i]
            if diff is None:
                continue
            dx = diff.reshape(-1)
            source = distinct(dy, dx)
            if self.operation == "SUM":
                run(scaled, dx.size, source, dx.dtype.type(self.coefficients[i]), dx, grain=ELEMENTS)
            elif self.operation == "MAX":
                winner = self.scratch.winner.reshape(-1)
                run(select_winner, dx.size, source, winner, np.int32(i), dx, grain=ELEMENTS)
            elif self.options.stable_prod_grad:
                for other in (*bottoms[:i], *bottoms[i + 1 :]):
                    run(product, dx.size, source, other.reshape(-1), dx, grain=ELEMENTS)
                    source = None
            else:
                y, x = tops[0].reshape(-1), bottoms[i].reshape(-1)
                run(quotient_gradient, dx.size, source, y, x, dx, grain=ELEMENTS)
