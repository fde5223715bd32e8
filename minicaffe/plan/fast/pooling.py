"""Pooling, on values channels last."""

from __future__ import annotations

from dataclasses import dataclass

from ...graph import Node
from ...kernels.fast import pooling_rows as kernels
from .builder import NOTHING, Buffer, Builder, Group
from .lowering import lowers


@dataclass
class Pooling:
    """One layer; ``mask`` says where maxima were found, for the gradient."""

    b: Builder
    node: Node
    mask: Buffer | None = None

    def forward(self) -> None:
        b, layer, (x, y) = self.b, self.node.layer, self._values()
        shape, windows = b.image(y), self._geometry()
        source, target = b.lanes(x), b.new_lanes(y)
        parts = b.parts(shape.height if shape.height > 1 else shape.lanes // kernels.LANES)
        mask, kernel = NOTHING, kernels.max_pooling_only if layer.largest else kernels.average_pooling
        if layer.largest and b.wanted(self.node):
            name = b.graph.values[y].name
            self.mask = mask = b.buffer(f"{name}.mask", shape.pixels * shape.lanes // 4)
            kernel = kernels.max_pooling
        b.step(kernel, kernels.Pool(source, target, mask, *windows, shape.lanes, parts), parts)

    def backward(self) -> None:
        b, (x, y) = self.b, self._values()
        if not b.wanted(self.node):
            return
        kernel = kernels.max_pooling_backward if self.mask else kernels.average_pooling_backward
        dy, dx = b.diff_lanes(y), b.new_diff_lanes(x)
        b.step(kernel, kernels.Pool(dx, dy, self.mask or NOTHING, *self._geometry(), b.image(x).lanes, 1))

    def _values(self) -> tuple[int, int]:
        return self.node.bottoms[0], self.node.tops[0]

    def _geometry(self) -> tuple[int, ...]:
        return self.node.layer.windows[1:]


@lowers("Pooling")
def lower(b: Builder, group: Group) -> Pooling | None:
    """None where an element is drawn, and where the places of maxima are a top, or do not fit bytes."""
    (node,) = group.nodes
    if node.layer.stochastic:
        return None
    w = node.layer.windows
    if len(node.tops) != 1 or not (b.fits(node.bottoms[0]) and b.fits(node.tops[0])):
        return None
    if node.layer.largest and w.kernel_h * w.kernel_w > kernels.MOST:
        return None
    return Pooling(b, node)
