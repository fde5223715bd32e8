"""BatchNorm, Scale and Bias, with what follows them: y = act((x - mean) * factor + offset + residual) by channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graph import Node
from ...kernels.fast.activation_vectors import NONE, RELU, SIGMOID, TANH
from ...kernels.fast.norm_gradient_rows import (
    AffineGradient,
    AffineSums,
    CombineSums,
    affine_gradient,
    affine_sums_of_images,
    combine_sums,
)
from ...kernels.fast.norm_rows import (
    Affine,
    Combine,
    Statistics,
    Stored,
    affine,
    combine_statistics,
    statistics,
    stored_statistics,
)
from ...kernels.fast.pointwise_rows import ActivateGradient, activate_gradient
from ...kernels.fast.vector import LANES
from .builder import NOTHING, Buffer, Builder, Group, Part
from .lowering import lowers

ACTIVATIONS = {"ReLU": RELU, "Sigmoid": SIGMOID, "TanH": TANH}
_PIXELS = 8
"""Least pixels of a part of an image."""


@lowers("BatchNorm", "Scale", "Bias")
def lower(b: Builder, group: Group) -> Normalise | None:
    nodes = list(group.nodes)
    x = nodes[0].bottoms[0]
    if not b.fits(x) or (nodes[0].type == "BatchNorm" and not nodes[0].layer.plain):
        return None
    norm = nodes.pop(0) if nodes[0].type == "BatchNorm" else None
    linear = nodes.pop(0) if nodes and nodes[0].type in ("Scale", "Bias") else None
    join = nodes.pop(0) if nodes and nodes[0].type == "Eltwise" else None
    activation = nodes.pop(0) if nodes else None
    image = b.image(x)
    if nodes or (linear and (len(linear.bottoms) > 1 or linear.layer.view != (b.images, image.channels, image.pixels))):
        return None
    if activation and (activation.type not in ACTIVATIONS or slope_of(activation) < 0):
        return None
    if join and not (adds_two(join) and b.fits(group.bottoms[1]) and (activation is None or activation.type == "ReLU")):
        return None
    return Normalise(b, group, norm, linear, join, activation)


def adds_two(node: Node) -> bool:
    """Whether an Eltwise is a plain sum of two."""
    return node.layer.operation == "SUM" and node.layer.coefficients == [1.0, 1.0]


def slope_of(activation: Node | None) -> float:
    """ReLU's slope below 0."""
    return activation.layer.options.negative_slope if activation and activation.type == "ReLU" else 0.0


class Normalise:
    """``norm``, ``linear`` (Scale or Bias), ``join`` (a residual is added) and ``activation``.

    Each may be None, the first two not both.
    """

    def __init__(
        self,
        b: Builder,
        group: Group,
        norm: Node | None,
        linear: Node | None,
        join: Node | None,
        activation: Node | None,
    ):
        self.join: Any = join
        self.residual: Any = group.bottoms[1] if join else None
        self.b, self.top, self.x = b, group.top, group.bottoms[0]
        self.first = group.nodes[0]
        self.norm: Any = norm
        self.linear: Any = linear
        self.image = b.image(self.x)
        self.kind = ACTIVATIONS[activation.type] if activation else NONE
        self.slope = slope_of(activation)
        self.batch = norm is not None and not norm.layer.use_stored
        self.units = self.image.lanes // LANES

    def forward(self) -> None:
        self.mean: Any
        self.inverse: Any
        b, image = self.b, self.image
        x = b.lanes(self.x)
        gamma, self.offset = self._gamma(), self._offset()
        if self.norm is None:
            self.mean, self.inverse = self._constant("zeros", 0), self._constant("ones", 1)
            self.factor = gamma or self.inverse
        else:
            moments = b.one(f"{self.norm.name}.moments", 3 * image.lanes)
            self.mean, self.inverse, self.factor = (Part(moments, i * image.lanes) for i in range(3))
            running = [b.param(self.norm, i) for i in range(3)]
            options = self.norm.layer.options
            scaled = int(gamma is not None)
            if self.batch:
                self._statistics(x, moments, gamma, running)
            else:
                values = Stored(*running, gamma or NOTHING, moments, image.channels, image.lanes, scaled, options.eps)
                b.before(self.units, stored_statistics, values)
        parts, where = self._parts(), (self.mean, self.factor, self.offset)
        residual = b.lanes(self.residual) if self.join else NOTHING
        rest = image.pixels, image.lanes, self.kind, self.slope, int(self.join is not None), parts
        b.step(affine, Affine(x, *where, residual, b.new_lanes(self.top), *rest), parts)

    def _statistics(self, x: Buffer, moments: Buffer, gamma: Buffer | None, running: list[Buffer]) -> None:
        b, image, options = self.b, self.image, self.norm.layer.options
        sums = x
        if image.pixels > 1:
            sums = b.buffer(f"{self.norm.name}.statistics", 3 * image.lanes)
            b.step(statistics, Statistics(x, sums, image.pixels, image.lanes))
        values = Combine(
            sums, gamma or NOTHING, moments, *running, b.images, image.pixels, image.channels, image.lanes,
            int(gamma is not None), options.eps, options.moving_average_fraction,
        )  # fmt: skip
        b.over(self.units, combine_statistics, values)

    def backward(self) -> None:
        b, image = self.b, self.image
        x, dy = b.lanes(self.x), b.diff_lanes(self.top)
        masked, kind = self._masked(), self.kind
        y = b.lanes(self.top) if masked or kind in (SIGMOID, TANH) else dy
        where = (self.mean, self.factor, self.offset)
        dgamma, dbeta = self._diffs()
        wanted = b.wanted(self.first)
        means = NOTHING
        if dgamma or dbeta or (self.batch and wanted):
            sums = b.buffer(f"{self.first.name}.sums", 2 * image.lanes)
            means = b.one(f"{self.first.name}.means", 2 * image.lanes)
            b.step(
                affine_sums_of_images,
                AffineSums(
                    x, y, dy, *where, sums, masked or NOTHING, image.pixels, image.lanes, kind, self.slope,
                    int(masked is not None),
                ),
            )  # fmt: skip
            values = CombineSums(
                sums, self.inverse, means, dgamma or NOTHING, dbeta or NOTHING, b.images, image.pixels,
                image.channels, image.lanes, int(dgamma is not None), int(dbeta is not None),
            )  # fmt: skip
            b.over(self.units, combine_sums, values)
        elif masked:
            values = ActivateGradient(dy, y, masked, image.pixels * image.lanes, kind, self.slope, 1.0, self._parts())
            b.step(activate_gradient, values, self._parts())
        if masked:
            y, dy, kind = masked, masked, NONE
        if wanted:
            dx = b.new_diff_lanes(self.x)
            parts = self._parts()
            values = AffineGradient(
                x, y, dy, *where, means, dx, image.pixels, image.lanes, kind, self.slope, int(self.batch), parts
            )
            b.step(affine_gradient, values, parts)

    def _masked(self) -> Buffer | None:
        """Where the gradient of the sum goes, which is the residual's too; None where it is that of the top."""
        if self.join is None:
            return None
        wanted = self.b.wanted(self.join, self.join.bottoms.index(self.residual))
        if self.kind == NONE:
            if wanted:
                self.b.alias_diff(self.residual, self.top)
            return None
        if wanted:
            return self.b.new_diff_lanes(self.residual)
        return self.b.buffer(f"{self.join.name}.masked", self.image.pixels * self.image.lanes)

    def _parts(self) -> int:
        return self.b.parts(-(-self.image.pixels // _PIXELS))

    def _constant(self, name: str, number: float) -> Buffer:
        return self.b.constant(name, np.full(self.image.lanes, number, np.float32))

    def _gamma(self) -> Buffer | None:
        return self.b.param(self.linear, 0) if self.linear and self.linear.type == "Scale" else None

    def _has_beta(self) -> bool:
        return self.linear is not None and (self.linear.type == "Bias" or self.linear.layer.options.bias_term)

    def _offset(self) -> Buffer:
        last = len(self.linear.params) - 1 if self._has_beta() else None
        return self._constant("zeros", 0) if last is None else self.b.param(self.linear, last)

    def _diffs(self) -> tuple[Buffer | None, Buffer | None]:
        """The gradients of gamma and beta, None where there is none or it is not wanted."""
        gamma = self.b.param_diff(self.linear, 0) if self._gamma() else None
        beta = self.b.param_diff(self.linear, len(self.linear.params) - 1) if self._has_beta() else None
        return gamma, beta
