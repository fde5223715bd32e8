"""Convolutions that keep channels apart: a window of one channel gives one output. Forward only."""

from __future__ import annotations

from dataclasses import replace

from ...kernels.fast import depthwise_rows as kernels
from ...kernels.fast.winograd import whole_vectors
from . import direct
from .builder import NOTHING, Builder
from .conv import Conv, is_trained

_STEP = 3.0  # a multiply-add with its loads, in those of the micro-kernel


def fits(b: Builder, conv: Conv) -> bool:
    return conv.groups > 1 and conv.w.channels == conv.outputs == 1 and not is_trained(b, conv)


def cost(b: Builder, conv: Conv) -> float:
    """As ``direct.cost``."""
    return _STEP * conv.w.images * conv.pixels * conv.taps * whole_vectors(conv.groups)


def forward(b: Builder, conv: Conv) -> None:
    conv = replace(conv, groups=1, outputs=conv.groups)  # the weights of all channels in the panels of one group
    w, lanes, rows = conv.w, b.image(conv.x).lanes, conv.w.out_height
    x, weights = b.lanes(conv.x), direct.pack(b, conv)
    residual = NOTHING if conv.residual is None else b.lanes(conv.residual)
    row_parts = 1 if b.chunked else rows
    values = kernels.Depthwise(
        x, weights, conv.shift or NOTHING, residual, b.new_lanes(conv.y), w.height, w.width, lanes,
        w.out_height, w.out_width, w.kernel_h, w.kernel_w, w.stride_h, w.stride_w, w.dilation_h, w.dilation_w,
        w.pad_h, w.pad_w, conv.outputs, conv.flags, row_parts, 1,
    )  # fmt: skip
    b.step(kernels.depthwise, values, row_parts, conv.work)
