"""Convolution of few channels from planes, such as a net's first: what fits, what it costs, its steps."""

from __future__ import annotations

from dataclasses import replace

from ...kernels.fast import first_rows as kernels
from ...kernels.fast.direct_rows import partial_rows
from ...kernels.fast.vector import LANES, ROWS
from ...kernels.fast.winograd import whole_vectors
from . import direct
from .builder import NOTHING, Buffer, Builder
from .conv import Conv, label

_BLOCK = 120 * LANES  # a block of results, from its places to their end; in multiply-adds, as all costs
_COPY = 2.0  # an element of the zero-bordered copy
_NARROW = 1.4  # one vector of columns instead of two
_MOST_CHANNELS = 8
_MOST_WORK = 2**16  # elements of a strip and what belongs to it


def fits(b: Builder, conv: Conv) -> bool:
    """The gradient of x is not computed here, and a strip must stay in the cache."""
    few = conv.groups == 1 and conv.w.channels <= _MOST_CHANNELS
    return few and not b.wanted(conv.node) and _work(b, conv) <= _MOST_WORK


def cost(b: Builder, conv: Conv) -> float:
    """As ``direct.cost``."""
    w = conv.w
    wide, narrow = divmod(whole_vectors(conv.outputs) // LANES, 2)
    depth = w.channels * conv.taps * LANES * ROWS
    block = (2 * wide + _NARROW * narrow) * depth + (wide + narrow) * _BLOCK
    copied = w.channels * (w.height + 2 * w.pad_h) * (w.width + 2 * w.pad_w) * max(1, w.kernel_h / w.stride_h)
    return w.images * (-(-conv.pixels // ROWS) * block + _COPY * copied)


def _rows(conv: Conv) -> int:
    return kernels.strip_rows(conv.w.out_height, conv.w.out_width)


def _work(b: Builder, conv: Conv) -> int:
    return kernels.first_work(conv.w, _rows(conv), b.image(conv.y).lanes)


def _geometry(b: Builder, conv: Conv) -> tuple[int, ...]:
    w = conv.w
    return (
        w.channels, w.height, w.width, w.out_height, w.out_width, b.image(conv.y).lanes, w.kernel_h, w.kernel_w,
        w.stride_h, w.stride_w, w.pad_h, w.pad_w, w.dilation_h, w.dilation_w, conv.outputs,
    )  # fmt: skip


def _one_tap(conv: Conv) -> Conv:
    """The same weights, as windows of one element of many channels."""
    w = conv.w
    return replace(conv, w=w._replace(channels=w.channels * conv.taps, kernel_h=1, kernel_w=1))


def forward(b: Builder, conv: Conv) -> None:
    source, weights = b.planes(conv.x), direct.pack(b, _one_tap(conv))
    residual = NOTHING if conv.residual is None else b.lanes(conv.residual)
    parts = b.parts(conv.w.out_height)
    b.step(
        kernels.first,
        kernels.First(
            source, weights, conv.shift or NOTHING, residual, b.new_lanes(conv.y),
            b.private(label(conv, "work"), _work(b, conv)), *_geometry(b, conv), conv.flags, _rows(conv), parts,
        ),
        parts,
        conv.work,
    )  # fmt: skip


def backward(b: Builder, conv: Conv, dy: Buffer) -> None:
    """The gradient of the weights; nobody wants that of x."""
    if b.param_diff(conv.node, 0) is None:
        return
    window = conv.w.channels * conv.taps
    partials = b.partials(label(conv, "partials"), partial_rows(window) * whole_vectors(conv.outputs))
    work = b.private(label(conv, "work"), _work(b, conv))
    b.step(
        kernels.first_weights,
        kernels.FirstWeights(b.planes(conv.x), dy, partials, work, *_geometry(b, conv), _rows(conv), b.group),
        1,
        conv.work,
    )
    direct.add_partials(b, conv, partials, b.groups, window, 1)
