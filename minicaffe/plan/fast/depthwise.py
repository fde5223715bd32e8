"""Convolutions that keep channels apart: a window of one channel gives one output. Forward only."""

from __future__ import annotations

from dataclasses import replace

from ...kernels.fast.vector import LANES
from . import direct
from .builder import Builder
from .conv import Conv, is_trained

_STEP = 2.0  # a multiply-add of vectors, with its loads; in those of the micro-kernel


def fits(b: Builder, conv: Conv) -> bool:
    return conv.groups > 1 and conv.w.channels == conv.outputs == 1 and not is_trained(b, conv)


def cost(b: Builder, conv: Conv) -> float:
    """As ``direct.cost``."""
    return conv.w.images * conv.pixels * conv.taps * (_STEP * conv.groups + 4 * LANES)


def forward(b: Builder, conv: Conv) -> None:
    """The kernel of direct convolution sums channel by channel, as if all were outputs of one group."""
    direct.forward(b, replace(conv, groups=1, outputs=conv.groups), depthwise=True)
