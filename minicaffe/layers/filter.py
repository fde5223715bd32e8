"""Filter: the items of a batch that a selector picks."""

from collections.abc import Sequence

import numpy as np

from ..errors import LayerError, plural, shape_text
from .base import Arrays, Diffs, Inferred, Layer, Shape, register


@register("Filter", bottoms=(2, None), tops=(1, None))
class Filter(Layer):
    """Each top holds the items of its bottom where the last bottom, the selector, is not 0, in their order.

    All bottoms have N items; the selector holds one number for each (N, or N x 1 x 1 ...). The tops' first
    dimension is the number of items picked, known only in forward; before the first they are shaped like their
    bottoms. None picked is 0 items. dx = dy for the items picked, 0 for the others; no gradient for the selector.
    Departure: labels may pass beside learned blobs; Caffe then asks for their gradient, and aborts.
    Source: Caffe's Filter. Raises LayerError for numbers of tops or items that do not match.
    """

    dynamic = True
    pairwise = True

    def setup(self) -> None:
        bottoms, tops = len(self.param.bottom), len(self.param.top)
        if tops != bottoms - 1:
            raise LayerError(
                f"found {plural(bottoms, 'bottom')} and {plural(tops, 'top')}; "
                "expected a top for each bottom but the last, the selector"
            )
        self.no_gradient = (bottoms - 1,)

    def infer(self, *bottoms: Shape) -> Inferred:
        *picked, selector = bottoms
        if not selector or any(size != 1 for size in selector[1:]):
            raise LayerError(f"the selector is {shape_text(selector)}; expected one number for each item")
        for i, x in enumerate(picked):
            if not x or x[0] != selector[0]:
                raise LayerError(
                    f"bottom {i} is {shape_text(x)}, but the selector is {shape_text(selector)}; "
                    f"expected {plural(selector[0], 'item')}"
                )
        return Inferred(picked)

    def reshape(self, bottoms: Arrays) -> Sequence[Shape]:
        picked = int(np.count_nonzero(bottoms[-1]))
        return [(picked, *x.shape[1:]) for x in bottoms[:-1]]

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        self.picked = np.flatnonzero(bottoms[-1])
        for x, y in zip(bottoms, tops):
            np.take(x, self.picked, axis=0, out=y, mode="clip")

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        for dx, dy in zip(bottom_diffs, top_diffs):
            if dx is not None:
                dx.fill(0)
                dx[self.picked] = dy
