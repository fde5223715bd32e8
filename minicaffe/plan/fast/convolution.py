"""Lowers convolutions, with what can be fused behind them, and chooses by cost which family of kernels runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import ModuleType

from ...graph import Node
from ...kernels.fast import fold_rows as kernels
from . import depthwise, direct, first, winograd, winograd_first
from .builder import NOTHING, Buffer, Builder, Group
from .conv import Conv, label
from .lowering import lowers

__all__ = ["Conv", "families", "lower"]

FAMILIES = (depthwise, first, direct, winograd, winograd_first)
"""Each has ``fits``, ``cost``, ``forward`` and, unless it fits only where no gradient is wanted, ``backward``."""

_CONVERT = 20.0
"""Bringing one element of a net's input into lanes, in multiply-adds."""


@dataclass
class Convolution:
    """A convolution and the layers behind it that became part of it."""

    b: Builder
    conv: Conv
    family: ModuleType
    folded: dict[str, Node]  # BatchNorm, Scale and Bias

    def forward(self) -> None:
        if self.folded:
            self._fold()
        self.family.forward(self.b, self.conv)

    def _fold(self) -> None:
        b, conv, norm, scale, bias = self.b, self.conv, *map(self.folded.get, ("BatchNorm", "Scale", "Bias"))
        has_bias, has_beta = conv.node.layer.options.bias_term, scale is not None and scale.layer.options.bias_term
        operands = (
            (kernels.BIAS, conv.node if has_bias else None, 1),
            (kernels.MEAN, norm, 0),
            (kernels.MEAN, norm, 1),
            (kernels.MEAN, norm, 2),
            (kernels.GAMMA, scale, 0),
            (kernels.BETA, scale if has_beta else None, 1),
            (kernels.LAST, bias, 0),
        )
        there = 0
        for bit, node, _ in operands:
            there |= bit if node is not None else 0
        buffers = [NOTHING if node is None else b.param(node, index) for _, node, index in operands]
        channels, epsilon = conv.groups * conv.outputs, norm.layer.options.eps if norm else 0.0
        b.before(1, kernels.fold, kernels.Fold(*buffers, conv.factor, conv.shift, channels, epsilon, there))

    def backward(self) -> None:
        b, conv = self.b, self.conv
        dy = b.diff_lanes(conv.y)
        bias = b.param_diff(conv.node, 1) if conv.node.layer.options.bias_term else None
        if conv.relu or bias is not None:
            dy = self._before_relu(dy, bias)
        self.family.backward(b, conv, dy)

    def _before_relu(self, dy: Buffer, bias: Buffer | None) -> Buffer:
        """The gradient of the sums, and of the bias."""
        b, conv, image = self.b, self.conv, self.b.image(self.conv.y)
        y, masked, sums = NOTHING, NOTHING, NOTHING
        if conv.relu:
            y, masked = b.lanes(conv.y), b.buffer(label(conv, "masked"), image.pixels * image.lanes)
        if bias is not None:
            sums = b.partials(label(conv, "bias"), image.lanes)
        flags = int(conv.relu), int(bias is not None)
        values = kernels.OutputGradient(dy, y, masked, sums, image.pixels, image.lanes, *flags, b.group)
        b.step(kernels.output_gradient, values)
        if bias is not None:
            b.after(1, kernels.add_sums, kernels.AddSums(sums, bias, b.groups, image.channels))
        return masked if conv.relu else dy


@lowers("Convolution", "ConvolutionDepthwise", "DepthwiseConvolution")
def lower(b: Builder, group: Group) -> Convolution | None:
    """None for what is not two-dimensional, and where no family fits."""
    node, *others = group.nodes
    if len(node.bottoms) != 1 or not all(b.fits(value) for value in (*group.bottoms, group.top)):
        return None
    conv = _alone(b, node)
    if conv is None or not all(_fuses(b, conv, other) for other in others):
        return None
    behind = {other.type: other for other in others}
    folded: dict[str, Node] = {name: behind[name] for name in ("BatchNorm", "Scale", "Bias") if name in behind}
    conv = replace(
        conv,
        y=group.top,
        residual=group.bottoms[1] if "Eltwise" in behind else None,
        relu="ReLU" in behind,
    )
    if folded:
        size = -(-conv.groups * conv.outputs // kernels.FOLD_LANES) * kernels.FOLD_LANES
        conv = replace(conv, factor=b.one(label(conv, "factor"), size), shift=b.one(label(conv, "shift"), size))
    candidates = families(b, conv)
    return Convolution(b, conv, candidates[0], folded) if candidates else None


def families(b: Builder, conv: Conv) -> list[ModuleType]:
    """The families that can compute it, the cheapest first."""
    allowed = [
        family
        for family in FAMILIES
        if family.fits(b, conv) and (family not in (winograd, winograd_first) or conv.node.layer.kernels != "direct")
    ]
    image = b.image(conv.x)
    planes = any(conv.x in node.tops for node in b.graph.nodes if not node.bottoms)
    convert = _CONVERT * b.images * image.pixels * image.lanes if planes else 0.0
    return sorted(
        allowed, key=lambda family: family.cost(b, conv) + (0.0 if family in (first, winograd_first) else convert)
    )


def _alone(b: Builder, node: Node) -> Conv | None:
    """The layer itself, with its bias; None unless it has two axes, after the channels."""
    layer, x, y = node.layer, node.bottoms[0], node.tops[0]
    w, options = layer.windows, layer.options
    if (w.depth, w.kernel_d, w.pad_d) != (1, 1, 0) or w.images != b.images:
        return None
    if w.channels * options.group != b.image(x).channels or options.num_output != b.image(y).channels:
        return None
    shift = b.param(node, 1) if options.bias_term else None
    return Conv(node, x, y, w, options.group, options.num_output // options.group, shift=shift)


def _fuses(b: Builder, conv: Conv, node: Node) -> bool:
    """Whether a layer behind a convolution can become part of it."""
    layer = node.layer
    if node.type == "ReLU":
        return layer.options.negative_slope == 0
    if b.training:
        return False
    if node.type == "BatchNorm":
        return layer.use_stored and layer.plain
    if node.type == "Eltwise":
        return layer.operation == "SUM" and layer.coefficients == [1.0, 1.0]
    return len(node.bottoms) == 1 and layer.view == (b.images, b.image(conv.y).channels, conv.pixels)
