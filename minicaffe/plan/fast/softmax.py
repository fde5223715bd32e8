"""Softmax of scores without places, and its loss: on planes, so that a net from its data to its loss is one program."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...graph import Node
from ...kernels.fast import softmax_rows as kernels
from ...layers.normalization import fixed_places
from .builder import Builder, Group, Part
from .lowering import Lowered, lowers


@dataclass
class Softmax:
    """Only where nobody wants its gradient: see ``lower``."""

    b: Builder
    node: Node
    classes: int

    def forward(self) -> None:
        x, y = self.b.planes(self.node.bottoms[0]), self.b.new_planes(self.node.tops[0])
        self.b.step(kernels.softmax, kernels.Softmax(x, y, self.classes))

    def backward(self) -> None:
        """Never called."""


@dataclass
class SoftmaxLoss:
    """The loss is NaN where a label is no class; whoever runs the plan then lets the layer say which."""

    b: Builder
    node: Node
    classes: int

    @property
    def labels(self) -> int:
        return self.node.bottoms[1]

    def __post_init__(self) -> None:
        layer = self.node.layer
        self.y = self.b.buffer(f"{self.node.name}.probability", self.classes)
        self.divisor = self.b.one(f"{self.node.name}.divisor", 1)
        self.ignored = math.nan if layer.ignored is None else float(layer.ignored)
        self.places = fixed_places(layer.normalization, self.b.images, 1) or 0

    def forward(self) -> None:
        b = self.b
        b.step(kernels.softmax, kernels.Softmax(b.planes(self.node.bottoms[0]), self.y, self.classes))
        label, loss = b.planes(self.labels), Part(b.new_planes(self.node.tops[0]), step=0)
        values = kernels.Loss(
            self.y, label, loss, self.divisor, b.images, self.classes, self.ignored, self.places
        )  # fmt: skip
        b.over(1, kernels.softmax_loss, values)

    def backward(self) -> None:
        b = self.b
        if not b.wanted(self.node):
            return
        dloss, label = Part(b.diff_planes(self.node.tops[0]), step=0), b.planes(self.labels)
        dx = b.new_diff_planes(self.node.bottoms[0])
        values = kernels.Gradient(self.y, label, dloss, self.divisor, dx, self.classes, self.ignored)
        b.step(kernels.softmax_loss_gradient, values)


def _classes(b: Builder, node: Node) -> int | None:
    """The number of classes, where each image has one label."""
    outer, classes, *inner = node.layer.view
    single = b.fits(node.bottoms[0]) and outer == b.images and inner in ([], [1])
    return classes if single else None


@lowers("Softmax")
def lower(b: Builder, group: Group) -> Lowered | None:
    (node,) = group.nodes
    classes = _classes(b, node)
    return None if classes is None or b.gradients.nodes[node.index] else Softmax(b, node, classes)


@lowers("SoftmaxWithLoss")
def lower_loss(b: Builder, group: Group) -> Lowered | None:
    (node,) = group.nodes
    classes = _classes(b, node)
    return None if classes is None or len(node.tops) > 1 else SoftmaxLoss(b, node, classes)
