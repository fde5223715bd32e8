"""Winograd's algorithm for few channels in planes, such as a net's input: what fits, what it costs, its steps."""

from __future__ import annotations

from typing import Any

from ...kernels.fast import few_rows as rows
from ...kernels.fast.few_lanes import FEW
from ...kernels.fast.vector import LANES
from . import winograd
from .builder import NOTHING, Buffer, Builder
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
    few = conv.groups == 1 and conv.w.channels <= FEW and conv.residual is None
    return few and b.chunked and not b.wanted(conv.node) and winograd.fits(b, conv)


def cost(b: Builder, conv: Conv) -> float:
    """As ``winograd.cost``."""
    s = Shape(b, conv)
    tiles = b.images * s.tiles
    return _PRODUCT * s.work + tiles / LANES * (FEW * _GATHER[s.taps] + s.lanes_out * _SCATTER[s.taps])


def forward(b: Builder, conv: Conv) -> None:
    """Add the step that makes y from x in planes."""
    s, shift = Shape(b, conv), conv.shift
    row = _row(s, y=b.new_lanes(conv.y), weights=s.panels(), shift=shift or NOTHING, shifted=int(shift is not None))
    b.step(rows.few_forward, row, work=s.work)


def backward(b: Builder, conv: Conv, dy: Buffer) -> None:
    """Add the step that adds to the weights' gradient; nobody wants that of x."""
    gradient = b.param_diff(conv.node, 0)
    if gradient is None:
        return
    s = Shape(b, conv)
    sums = b.partials(f"{conv.node.name}.winograd.sums", s.panels_size)
    b.step(rows.few_backward, _row(s, y=dy, sums=sums), work=s.work)
    s.finish(sums, b.groups, gradient)


def _row(s: Shape, **others: Any) -> rows.Few:
    """A row with ``work`` of its own."""
    w, conv, b = s.w, s.conv, s.b
    operands = {"x": b.planes(conv.x), **dict.fromkeys(("y", "shift", "weights", "sums", "work"), NOTHING), **others}
    operands.setdefault("shifted", 0)
    row = rows.Few(
        **operands,
        taps=s.taps,
        height=w.height,
        width=w.width,
        out_height=w.out_height,
        out_width=w.out_width,
        pad_h=w.pad_h,
        pad_w=w.pad_w,
        channels=s.channels,
        lanes_out=s.lanes_out,
        images=b.group,
        relu=int(conv.relu),
    )
    return row._replace(work=b.private(f"{conv.node.name}.winograd.work", rows.work_size(row)))
