"""Dense layers, with a ReLU behind or not; on planes."""

from __future__ import annotations

from dataclasses import dataclass

from ...graph import Node
from ...kernels.fast import inner_rows as kernels
from ...kernels.fast.winograd import whole_vectors
from .builder import NOTHING, Buffer, Builder, Group
from .lowering import lowers

_SMALL = 2**17
"""Weights that every chunk of images may read anew."""

_CACHE = 2**17
"""Elements of x that stay in the cache while weights pass by."""

_COLUMNS = 2**19
"""Elements of x, images side by side, that pass by again and again from the second-level cache, or the next."""

_STRETCH, _FEW = 1024, 8
"""Inputs that are summed up before the next, unless there are few images: then weights pass by row by row."""


@dataclass
class InnerProduct:
    """One layer of weights; ``group.nodes[1]``, where there is one, is a ReLU."""

    b: Builder
    node: Node
    x: int
    y: int
    relu: bool

    def forward(self) -> None:
        b, (images, outputs, inputs) = self.b, self.node.layer.sizes
        x, y, weights = b.planes(self.x), b.new_planes(self.y), b.param(self.node, 0)
        biased = self.node.layer.options.bias_term
        bias = b.param(self.node, 1) if biased else NOTHING
        flags, work = (int(biased), int(self.relu)), images * outputs * inputs
        stretch = inputs if images <= _FEW else min(_STRETCH, self._most(_CACHE))
        values = kernels.Inner(x, weights, bias, y, images, inputs, outputs, stretch, *flags)
        if self._small() and b.chunked:
            b.step(kernels.inner_by_images, values, work=work)
        elif self._turned():
            width = whole_vectors(images)
            columns = b.one(f"{self.node.name}.columns", inputs * width)
            b.over(
                inputs // kernels.LANES, kernels.inner_columns, kernels.Columns(x, columns, images, inputs, width), 8
            )
            tile = b.private(f"{self.node.name}.tile", kernels.ROWS * width)
            values = kernels.InnerColumns(columns, weights, bias, tile, y, images, inputs, width, *flags)
            b.over(outputs, kernels.inner_by_columns, values, 2 * kernels.ROWS, work)
        else:
            b.over(outputs, kernels.inner_by_outputs, values, 2 * kernels.SECOND, work)

    def _turned(self) -> bool:
        """Whether the images fill vectors, so that each weight can meet a vector of them."""
        images, _, inputs = self.node.layer.sizes
        width = whole_vectors(images)
        return inputs % kernels.LANES == 0 and 8 * images >= 7 * width and inputs * width <= _COLUMNS

    def backward(self) -> None:
        b, node, dy = self.b, self.node, self._dy()
        images, outputs, inputs = node.layer.sizes
        if b.wanted(node):
            self._data(dy)
        dw = b.param_diff(node, 0)
        if dw is not None:
            panels = b.one(f"{node.name}.inputs", whole_panels(inputs) * images)
            values = kernels.InnerPanels(b.planes(self.x), panels, images, inputs)
            b.over(-(-inputs // kernels.PANEL), kernels.inner_panels, values, grain=4)
            tile = b.private(f"{node.name}.tile", kernels.ROWS * (images + kernels.PANEL))
            chunk = self._most(_CACHE)
            values = kernels.InnerWeights(dy, panels, tile, dw, images, inputs, outputs, chunk, 1)
            b.after(-(-outputs // kernels.ROWS), kernels.inner_weights, values, grain=2)
        db = b.param_diff(node, 1) if node.layer.options.bias_term else None
        if db is not None:
            b.after(
                -(-outputs // kernels.LANES), kernels.inner_bias, kernels.InnerBias(dy, db, images, outputs), grain=4
            )

    def _dy(self) -> Buffer:
        b, dy = self.b, self.b.diff_planes(self.y)
        if not self.relu:
            return dy
        masked = b.buffer(f"{self.node.name}.gradient", self.node.layer.sizes[1])
        b.step(kernels.where_output_positive, kernels.Mask(dy, b.planes(self.y), masked, self.node.layer.sizes[1]))
        return masked

    def _data(self, dy: Buffer) -> None:
        b, node = self.b, self.node
        images, outputs, inputs = node.layer.sizes
        dx, work = b.new_diff_planes(self.x), images * outputs * inputs
        if self._small():
            values = kernels.InnerData(dy, b.param(node, 0), NOTHING, NOTHING, dx, images, inputs, outputs, 0)
            b.step(kernels.inner_data_by_images, values, work=work)
            return
        chunk = self._most(_CACHE // 2)
        panel = b.private(f"{node.name}.panel", kernels.DEPTH * kernels.PANEL)
        tile = b.private(f"{node.name}.tile", chunk * images)
        values = kernels.InnerData(dy, b.param(node, 0), panel, tile, dx, images, inputs, outputs, chunk)
        b.over(-(-inputs // kernels.PANEL), kernels.inner_data, values, grain=4, work=work)

    def _small(self) -> bool:
        _, outputs, inputs = self.node.layer.sizes
        return outputs * inputs <= _SMALL

    def _most(self, elements: int) -> int:
        """Columns of so many elements of all images, in whole panels."""
        images, _, inputs = self.node.layer.sizes
        most = max(1, min(elements // images, whole_panels(inputs)) // kernels.PANEL)
        return most * kernels.PANEL


def whole_panels(inputs: int) -> int:
    """Inputs, filled up to whole panels."""
    return -(-inputs // kernels.PANEL) * kernels.PANEL


@lowers("InnerProduct")
def lower(b: Builder, group: Group) -> InnerProduct | None:
    """None for ``transpose``, for several rows to an image and for a ReLU with a slope."""
    node, *others = group.nodes
    if any(other.type != "ReLU" or other.layer.options.negative_slope for other in others):
        return None
    x, y = node.bottoms[0], group.top
    if node.layer.options.transpose or node.layer.sizes[0] != b.images or not (b.fits(x) and b.fits(y)):
        return None
    return InnerProduct(b, node, x, y, bool(others))
