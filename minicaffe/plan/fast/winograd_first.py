"""Winograd's algorithm for few channels in planes, such as a net's input: what fits, what it costs, its steps."""

from __future__ import annotations

from ...kernels.fast.shallow import FEW
from ...kernels.fast.vector import LANES
from . import winograd
from .builder import Buffer, Builder
from .conv import Conv
from .winograd_shape import Shape

_PRODUCT = 1.3
"""A multiply-add of so short a sum."""

_GATHER = {3: 8000, 5: 14000}
"""What the transform of one vector of inputs, of several tiles, costs in multiply-adds, by taps."""

_SCATTER = {3: 3800, 5: 6000}
"""The like for outputs."""


def fits(b: Builder, conv: Conv) -> bool:
    """The gradient of x is not computed here, and no image is cut into parts."""
    few = conv.groups == 1 and conv.w.channels <= FEW
    return few and b.chunked and not b.wanted(conv.node) and winograd.fits(b, conv)


def cost(b: Builder, conv: Conv) -> float:
    """As ``winograd.cost``."""
    s = Shape(b, conv, True)
    tiles = b.images * s.tiles
    return _PRODUCT * s.work + tiles / LANES * (FEW * _GATHER[s.taps] + s.lanes_out * _SCATTER[s.taps])


def forward(b: Builder, conv: Conv) -> None:
    winograd.forward(b, conv, True)


def backward(b: Builder, conv: Conv, dy: Buffer) -> None:
    """The gradient of the weights; nobody wants that of x."""
    winograd.backward(b, conv, dy, True)
