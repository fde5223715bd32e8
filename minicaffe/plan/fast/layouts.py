"""Conversions of values between planes and lanes."""

from __future__ import annotations

from ...kernels.fast.layout_rows import Layout, to_lanes, to_planes
from ...kernels.fast.vector import LANES
from .builder import Buffer, Builder


def convert(b: Builder, value: int, layout: str, source: Buffer, target: Buffer) -> None:
    """Add the step that brings a value, or its gradient, from ``source`` to ``layout`` in ``target``."""
    image = b.image(value)
    parts = b.parts(-(-image.pixels // LANES))
    kernel, planes, lanes = (to_lanes, source, target) if layout == "lanes" else (to_planes, target, source)
    b.step(kernel, Layout(planes, lanes, image.channels, image.pixels, image.lanes, parts), parts)
