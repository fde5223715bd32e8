"""Local response normalisation, on values channels last."""

from __future__ import annotations

from dataclasses import dataclass

from ...graph import Node
from ...kernels.fast import lrn_rows as kernels
from .builder import Buffer, Builder, Group
from .lowering import lowers


@dataclass
class Normalisation:
    """One layer."""

    b: Builder
    node: Node

    def forward(self) -> None:
        b, layer, (x, y) = self.b, self.node.layer, self._values()
        shape = b.image(x)
        parts = b.parts(shape.height if layer.within else shape.pixels)
        source, target, work = b.lanes(x), b.new_lanes(y), self._work(gradient=False)
        kernel = kernels.lrn_within if layer.within else kernels.lrn_across
        b.step(kernel, kernels.Normalise(source, target, work, *self._facts(), parts), parts)

    def backward(self) -> None:
        b, layer, (x, y) = self.b, self.node.layer, self._values()
        if not b.wanted(self.node):
            return
        dy, source = b.diff_lanes(y), b.lanes(x)
        dx, work = b.new_diff_lanes(x), self._work(gradient=True)
        factor = 2 * layer.alpha * layer.options.beta
        kernel = kernels.lrn_within_backward if layer.within else kernels.lrn_across_backward
        b.step(kernel, kernels.NormaliseGradient(source, dy, dx, work, *self._facts(), factor))

    def _values(self) -> tuple[int, int]:
        return self.node.bottoms[0], self.node.tops[0]

    def _facts(self) -> tuple:
        layer, shape = self.node.layer, self.b.image(self.node.bottoms[0])
        numbers = layer.options.local_size, layer.k, layer.alpha, layer.options.beta
        return shape.height, shape.width, shape.channels, shape.lanes, *numbers

    def _work(self, gradient: bool) -> Buffer:
        shape = self.b.image(self.node.bottoms[0])
        if self.node.layer.within:
            size = kernels.work_within(shape.height, shape.width, shape.lanes, gradient)
        else:
            size = kernels.work_across(self.node.layer.options.local_size, shape.lanes)
        return self.b.private(f"{self.node.name}.work", size)


@lowers("LRN")
def lower(b: Builder, group: Group) -> Normalisation | None:
    """None where k could make a scale of 0, on which lanes without a channel would become infinite."""
    (node,) = group.nodes
    layer = node.layer
    if not b.fits(node.bottoms[0]) or layer.k <= 0 or layer.alpha < 0:
        return None
    return Normalisation(b, node)
