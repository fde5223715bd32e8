"""Convolutions, with what was fused behind them: which family of kernels, and what its steps must know."""

from __future__ import annotations

from dataclasses import dataclass

from ...graph import Node
from ...kernels.unfold import Windows
from .builder import Buffer


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
