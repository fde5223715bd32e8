"""What works number by number: activations that stand alone, Eltwise, and layers that only pass numbers on.

All operands of a step share a layout: lanes where one of them lies so already, else planes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...graph import Node
from ...kernels.fast.activation_vectors import NONE, RELU
from ...kernels.fast.pointwise_rows import (
    Activate,
    ActivateGradient,
    Product,
    WeightedSum,
    activate,
    activate_gradient,
    product,
    weighted_sum,
)
from .builder import Buffer, Builder, Group
from .lowering import Lowered, lowers
from .normalise import ACTIVATIONS, slope_of

_PIECE = 1024
"""Least numbers of a part of an image."""


class Pointwise:
    """Access to values of one shape in a layout that is chosen for a step."""

    def __init__(self, b: Builder, node: Node, top: int):
        self.b, self.node, self.bottoms, self.top = b, node, node.bottoms, top

    def on_lanes(self, values: Iterable[int] = (), diffs: Iterable[int] = ()) -> bool:
        """Whether to work on lanes, for a step that reads these."""
        b = self.b
        return any(b.has_lanes(value) for value in values) or any(b.has_diff_lanes(value) for value in diffs)

    def size(self, lanes: bool) -> tuple[int, int]:
        """The numbers of an image, and into how many parts to cut it."""
        image = self.b.image(self.bottoms[0])
        size = image.pixels * (image.lanes if lanes else image.channels)
        return size, self.b.parts(-(-size // _PIECE))

    def data(self, lanes: bool) -> Callable[[int], Buffer]:
        return self.b.lanes if lanes else self.b.planes

    def diff(self, lanes: bool) -> Callable[[int], Buffer]:
        return self.b.diff_lanes if lanes else self.b.diff_planes

    def new(self, lanes: bool) -> Buffer:
        return (self.b.new_lanes if lanes else self.b.new_planes)(self.top)

    def new_diff(self, lanes: bool, value: int) -> Buffer:
        return (self.b.new_diff_lanes if lanes else self.b.new_diff_planes)(value)

    def _through(self, bottom: int, side: int | None, kind: int, slope: float, factor: float) -> None:
        """The gradient of ``bottom``: that of the top, through an activation if any, times ``factor``."""
        lanes = self.on_lanes((side,) if side is not None else (), (self.top,))
        size, parts = self.size(lanes)
        dy = self.diff(lanes)(self.top)
        by = dy if side is None else self.data(lanes)(side)
        dx = self.new_diff(lanes, bottom)
        self.b.step(activate_gradient, ActivateGradient(dy, by, dx, size, kind, slope, factor, parts), parts)

    def _sum(self, sources: list[Buffer], factors: list[float], y: Buffer, lanes: bool, relu: Node | None) -> None:
        """y = the sum of ``sources`` times ``factors``, two or more, and a ReLU."""
        size, parts = self.size(lanes)
        a, factor = sources[0], factors[0]
        for i in range(1, len(sources)):
            rectified = relu is not None and i == len(sources) - 1
            values = WeightedSum(
                a, sources[i], y, size, factor, factors[i], int(rectified), slope_of(relu) if rectified else 0.0, parts
            )
            self.b.step(weighted_sum, values, parts)
            a, factor = y, 1.0


class Activation(Pointwise):
    """y = act(x)."""

    def forward(self) -> None:
        lanes = self.on_lanes(self.bottoms)
        size, parts = self.size(lanes)
        x, y = self.data(lanes)(self.bottoms[0]), self.new(lanes)
        values = Activate(x, y, size, ACTIVATIONS[self.node.type], slope_of(self.node), parts)
        self.b.step(activate, values, parts)

    def backward(self) -> None:
        if self.b.wanted(self.node):
            slope = slope_of(self.node)
            side = self.bottoms[0] if slope < 0 else self.top
            self._through(self.bottoms[0], side, ACTIVATIONS[self.node.type], slope, 1.0)


class Sum(Pointwise):
    """y = relu(sum of coefficient * x), with or without the ReLU."""

    def __init__(self, b: Builder, node: Node, top: int, relu: Node | None):
        super().__init__(b, node, top)
        self.relu, self.factors = relu, node.layer.coefficients

    def forward(self) -> None:
        lanes = self.on_lanes(self.bottoms)
        sources = [self.data(lanes)(bottom) for bottom in self.bottoms]
        self._sum(sources, self.factors, self.new(lanes), lanes, self.relu)

    def backward(self) -> None:
        made: dict[float, int] = {} if self.relu else {1.0: self.top}
        for i, bottom in enumerate(self.bottoms):
            factor = self.factors[i]
            if not self.b.wanted(self.node, i):
                continue
            if factor in made:
                self.b.alias_diff(bottom, made[factor])
                continue
            if self.relu:
                self._through(bottom, self.top, RELU, slope_of(self.relu), factor)
            else:
                self._through(bottom, None, NONE, 0.0, factor)
            made[factor] = bottom


class ProductOfTwo(Pointwise):
    """y = a b."""

    def forward(self) -> None:
        lanes = self.on_lanes(self.bottoms)
        a, b = map(self.data(lanes), self.bottoms)
        self._multiply(a, b, self.new(lanes), lanes)

    def backward(self) -> None:
        for i, bottom in enumerate(self.bottoms):
            if self.b.wanted(self.node, i):
                other = self.bottoms[1 - i]
                lanes = self.on_lanes((other,), (self.top,))
                dy, by = self.diff(lanes)(self.top), self.data(lanes)(other)
                self._multiply(dy, by, self.new_diff(lanes, bottom), lanes)

    def _multiply(self, a: Buffer, b: Buffer, y: Buffer, lanes: bool) -> None:
        size, parts = self.size(lanes)
        self.b.step(product, Product(a, b, y, size, parts), parts)


class Split(Pointwise):
    """Every top is x; dx = the sum of the tops' gradients that there are."""

    def forward(self) -> None:
        for top in self.node.tops:
            self.b.alias(top, self.bottoms[0])

    def backward(self) -> None:
        there = [top for top in self.node.tops if self.b.has_diff(top)]
        if not there or not self.b.wanted(self.node):
            return
        if len(there) == 1:
            self.b.alias_diff(self.bottoms[0], there[0])
            return
        lanes = self.on_lanes((), there)
        sources = [self.diff(lanes)(top) for top in there]
        self._sum(sources, [1.0] * len(there), self.new_diff(lanes, self.bottoms[0]), lanes, None)


class Identity(Pointwise):
    """y is x, number by number and axis by axis."""

    def forward(self) -> None:
        self.b.alias(self.top, self.bottoms[0])

    def backward(self) -> None:
        if self.b.wanted(self.node):
            self.b.alias_diff(self.bottoms[0], self.top)


class Reshaped(Pointwise):
    """y is x under another shape, in Caffe's order."""

    def forward(self) -> None:
        self.b.alias_planes(self.top, self.bottoms[0])

    def backward(self) -> None:
        if self.b.wanted(self.node):
            self.b.alias_diff_planes(self.bottoms[0], self.top)


class Silence:
    """Nothing to compute: a gradient that no one writes counts as zero."""

    def forward(self) -> None:
        pass

    def backward(self) -> None:
        pass


@lowers("ReLU", "Sigmoid", "TanH", "Eltwise", "Split", "Flatten", "Reshape", "Dropout", "Silence")
def lower(b: Builder, group: Group) -> Lowered | None:
    node = group.nodes[0]
    if node.type == "Silence":
        return Silence()
    if node.type == "Split":
        return Split(b, node, group.top) if b.fits(node.bottoms[0]) or not b.wanted(node) else None
    if not all(b.fits(value) for value in node.bottoms):
        return None
    if node.type == "Eltwise":
        return _eltwise(b, group)
    if node.type in ("Flatten", "Reshape"):
        if not b.fits(group.top):
            return None
        same = b.graph.values[node.bottoms[0]].shape[1:] == b.graph.values[group.top].shape[1:]
        return Identity(b, node, group.top) if same else Reshaped(b, node, group.top)
    if node.type == "Dropout":
        return Identity(b, node, group.top) if node.layer.phase == "TEST" else None
    return Activation(b, node, group.top)


def _eltwise(b: Builder, group: Group) -> Lowered | None:
    node, *others = group.nodes
    relu = others[0] if others else None
    if relu and relu.type != "ReLU":  # what is left of a longer chain
        return None
    if node.layer.operation == "SUM" and slope_of(relu) >= 0:
        return Sum(b, node, group.top, relu)
    stable = node.layer.operation == "PROD" and node.layer.options.stable_prod_grad
    return ProductOfTwo(b, node, group.top) if stable and len(node.bottoms) == 2 and not relu else None
