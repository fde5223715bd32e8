"""What a family of convolution kernels is told: one convolution, with what was fused behind it."""

from __future__ import annotations

from dataclasses import dataclass

from ...graph import Node
from ...kernels.fast.gather import RELU, RESIDUAL, SHIFT
from ...kernels.unfold import Windows
from .builder import Buffer, Builder


@dataclass(frozen=True)
class Conv:
    """y = relu(factor * (weights over x) + shift + residual), what is None or False left out.

    ``w`` holds the geometry of one group of channels; ``outputs`` are those of one group. ``factor`` and ``shift``
    are buffers of one number per output channel, zeros behind them up to a multiple of 16. Values are lanes.
    """

    node: Node
    x: int
    y: int
    w: Windows
    groups: int
    outputs: int
    factor: Buffer | None = None
    shift: Buffer | None = None
    residual: int | None = None
    relu: bool = False

    @property
    def taps(self) -> int:
        return self.w.kernel_h * self.w.kernel_w

    @property
    def pixels(self) -> int:
        """Output pixels of an image."""
        return self.w.out_height * self.w.out_width

    @property
    def weights(self) -> int:
        return self.groups * self.outputs * self.w.channels * self.taps

    @property
    def work(self) -> float:
        """Multiply-adds of the plain sums, of the whole batch."""
        return float(self.w.images * self.pixels * self.weights)

    @property
    def flags(self) -> int:
        """What follows the sums, for ``gather`` kernels."""
        return SHIFT * (self.shift is not None) + RESIDUAL * (self.residual is not None) + RELU * self.relu


def label(conv: Conv, what: str) -> str:
    """The name of a buffer of its own."""
    return f"{conv.node.name}.{what}"


def is_trained(b: Builder, conv: Conv) -> bool:
    """Whether any gradient of the layer is wanted."""
    return b.gradients.nodes[conv.node.index]
