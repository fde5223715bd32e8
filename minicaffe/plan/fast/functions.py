"""Functions of one number, layer by layer: AbsVal, BNLL, Clip, ELU, Power, Swish, Threshold; and PReLU."""

from __future__ import annotations

from ...graph import Node
from ...kernels.fast.function_rows import (
    ABS,
    BNLL,
    CLIP,
    ELU,
    LINE,
    SQUARE,
    SWISH,
    THRESHOLD,
    Function,
    FunctionGradient,
    function,
    function_gradient,
)
from ...kernels.fast.prelu_rows import PRelu, PReluGradient, SlopeSums, prelu, prelu_gradient, slope_sums
from ...kernels.fast.vector import LANES
from .builder import NOTHING, Builder, Group
from .lowering import Lowered, lowers
from .pointwise import Pointwise

_KINDS = {"AbsVal": ABS, "BNLL": BNLL, "Clip": CLIP, "ELU": ELU, "Swish": SWISH, "Threshold": THRESHOLD}
_POWERS = {1.0: LINE, 2.0: SQUARE}
_PIXELS = 8
"""Least pixels of a part of an image."""


class OfOneNumber(Pointwise):
    """y = f(x); what the gradient is told from is what the layer's own backward reads."""

    def __init__(self, b: Builder, node: Node, top: int, kind: int, options: tuple[float, ...]):
        super().__init__(b, node, top)
        self.kind, (self.first, self.second) = kind, (*options, 0.0, 0.0)[:2]

    def forward(self) -> None:
        lanes = self.on_lanes(self.bottoms)
        size, parts = self.size(lanes)
        x, y = self.data(lanes)(self.bottoms[0]), self.new(lanes)
        self.b.step(function, Function(x, y, size, self.kind, self.first, self.second, parts), parts)

    def backward(self) -> None:
        if not self.b.wanted(self.node):
            return
        reads = self.node.layer.backward_reads
        side = self.bottoms[0] if "bottoms" in reads else self.top
        lanes = self.on_lanes((side,) if reads else (), (self.top,))
        dy = self.diff(lanes)(self.top)
        by = self.data(lanes)(side) if reads else dy
        dx = self.new_diff(lanes, self.bottoms[0])
        values = FunctionGradient(dy, by, dx, self.size(lanes)[0], self.kind, self.first, self.second)
        self.b.step(function_gradient, values)


@lowers("AbsVal", "BNLL", "Clip", "ELU", "Swish", "Threshold", "Power")
def lower(b: Builder, group: Group) -> Lowered | None:
    (node,) = group.nodes
    layer = node.layer
    if not b.fits(group.top):
        return None
    if node.type == "Power":
        kind = _POWERS.get(layer.power) if layer.constant is None else None
        return None if kind is None else OfOneNumber(b, node, group.top, kind, layer.line)
    if node.type == "ELU" and layer.options.alpha < 0:
        return None
    return OfOneNumber(b, node, group.top, _KINDS[node.type], layer.scalars())


class LearnedSlope(Pointwise):
    """y = x where x > 0, else slope x, on lanes."""

    def __init__(self, b: Builder, node: Node, top: int):
        super().__init__(b, node, top)
        self.image, self.shared = b.image(top), int(node.layer.options.channel_shared)

    def forward(self) -> None:
        b, image = self.b, self.image
        parts = b.parts(-(-image.pixels // _PIXELS))
        x, slope = b.lanes(self.bottoms[0]), b.param(self.node, 0)
        values = PRelu(x, slope, b.new_lanes(self.top), image.pixels, image.lanes, self.shared, parts)
        b.step(prelu, values, parts)

    def backward(self) -> None:
        b, image, wanted = self.b, self.image, self.b.wanted(self.node)
        slope, dslope = b.param(self.node, 0), b.param_diff(self.node, 0)
        if not wanted and not dslope:
            return
        dy, x = b.diff_lanes(self.top), b.lanes(self.bottoms[0])
        sums = b.buffer(f"{self.node.name}.sums", image.lanes) if dslope else NOTHING
        dx = b.new_diff_lanes(self.bottoms[0]) if wanted else NOTHING
        rest = image.pixels, image.lanes, self.shared, int(wanted), int(dslope is not None)
        b.step(prelu_gradient, PReluGradient(dy, x, slope, dx, sums, *rest))
        if dslope:
            units = 1 if self.shared else image.lanes // LANES
            b.over(units, slope_sums, SlopeSums(sums, dslope, b.images, image.channels, self.shared))


@lowers("PReLU")
def lower_prelu(b: Builder, group: Group) -> Lowered | None:
    (node,) = group.nodes
    return LearnedSlope(b, node, group.top) if b.fits(group.top) else None
