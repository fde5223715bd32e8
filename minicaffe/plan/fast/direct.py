"""Convolution without a transform, on values channels last: what fits, what it costs, its steps."""

from __future__ import annotations

from ...kernels.fast import direct_rows as kernels
from ...kernels.fast.gather import PANEL
from ...kernels.fast.panel_rows import AddWeights, Pack, add_weights, add_work, pack_weights, panels_of
from ...kernels.fast.vector import LANES, ROWS
from ...kernels.fast.winograd import whole_vectors
from .builder import NOTHING, Buffer, Builder
from .conv import Conv, label

_RECORD = 4 * LANES  # an input's place for one pixel and tap
_BLOCK = 80 * LANES  # a block of results, from beginning to end of its sums
_TAP = 24 * LANES  # a tap of a block
_NARROW = 1.4  # one vector of columns instead of two: more loads to a multiply-add
_FEW_PIXELS = 8 * ROWS  # of the whole batch: rather than read all weights for some images, all meet some weights
_FINER = 4  # so many times finer are cuts between pixels: the kernel takes what lies together at once
_MANY_WEIGHTS = 2**17  # too many for a partial sum of each group of images
READ = 30.0
"""Reading a weight from memory, at small batches; in multiply-adds, as all costs here. Products go on meanwhile."""


def fits(b: Builder, conv: Conv) -> bool:
    """Whether each group's results fill whole vectors."""
    if conv.groups == 1:
        return True
    return conv.outputs % LANES == 0 and (conv.w.channels % LANES == 0 or not b.wanted(conv.node))


def cost(b: Builder, conv: Conv) -> float:
    """Multiply-adds at the micro-kernel's speed that a forward pass takes as long as."""
    blocks = conv.w.images * -(-conv.pixels // ROWS)
    wide, narrow = divmod(whole_vectors(conv.outputs) // LANES, 2)
    depth = conv.w.channels * LANES * ROWS
    panels = wide * (2 * depth + _TAP) + narrow * (_NARROW * depth + _TAP)
    block = conv.taps * (_RECORD * ROWS + conv.groups * panels) + conv.groups * (wide + narrow) * _BLOCK
    return blocks * block if b.chunked else max(blocks * block, READ * conv.weights)


def parts(b: Builder, blocks: int, panels: int, pixel_read: float, panel_read: float) -> tuple[int, int]:
    """Into how many parts to cut an image's blocks of pixels, and its panels: as many as asked for, least read twice.

    ``pixel_read`` and ``panel_read``: what all pixels, and all panels, read.
    """
    wanted = b.parts(blocks * panels)
    best, least = (1, 1), float("inf")
    for by_panel in range(1, min(wanted, panels) + 1):
        by_pixel = max(1, min(blocks, wanted // by_panel))
        longest = -(-panels // by_panel) * -(-blocks // by_pixel) / (panels * blocks)
        uneven = max(longest * wanted, 1.0)
        reads = (by_pixel * panel_read + by_panel * pixel_read) * uneven
        if by_pixel * by_panel * 2 > wanted and reads < least:
            best, least = (by_pixel, by_panel), reads
    return best if b.chunked else (min(blocks, _FINER * best[0]), best[1])


def pack(b: Builder, conv: Conv, swapped: bool = False) -> Buffer:
    """The weights in panels, made when they have changed."""
    w = conv.w
    width, depth = (w.channels, conv.outputs) if swapped else (conv.outputs, w.channels)
    count = conv.groups * panels_of(width)
    panels = b.one(label(conv, "swapped" if swapped else "panels"), count * conv.taps * depth * PANEL)
    scaled = conv.factor is not None and not swapped
    weights, factor = b.param(conv.node, 0), conv.factor if scaled else NOTHING
    values = Pack(weights, factor, panels, conv.outputs, w.channels, conv.taps, int(scaled), int(swapped))
    b.before(count, pack_weights, values)
    return panels


def forward(b: Builder, conv: Conv) -> None:
    w, x = conv.w, b.image(conv.x)
    y_lanes = b.image(conv.y).lanes
    strip = kernels.strip_blocks(w.channels, conv.pixels)
    panels = conv.groups * panels_of(conv.outputs)
    rows = kernels.block_rows(conv.pixels)
    blocks = -(-conv.pixels // rows)
    whole = b.chunked and conv.pixels * b.images <= _FEW_PIXELS
    by_pixel, by_panel = 1, panels
    if not whole:
        by_pixel, by_panel = parts(b, blocks, panels, x.pixels * x.lanes, panels * conv.taps * w.channels * PANEL)
    source, weights = b.lanes(conv.x), pack(b, conv)
    residual = NOTHING if conv.residual is None else b.lanes(conv.residual)
    values = kernels.Direct(
        source, weights, conv.shift or NOTHING, residual, b.new_lanes(conv.y),
        b.private(label(conv, "work"), kernels.direct_work(x.lanes, y_lanes, conv.taps, strip)),
        w.height, w.width, x.lanes, w.out_height, w.out_width, y_lanes, w.kernel_h, w.kernel_w,
        w.stride_h, w.stride_w, w.dilation_h, w.dilation_w, -w.pad_h, -w.pad_w, 1, 1,
        conv.groups, w.channels, conv.outputs, conv.flags, rows, strip, by_pixel, by_panel,
        b.images if whole else 0,
    )  # fmt: skip
    if whole:
        b.over(panels, kernels.direct, values, work=conv.work)
    else:
        b.step(kernels.direct, values, by_pixel * by_panel, conv.work)


def backward(b: Builder, conv: Conv, dy: Buffer) -> None:
    if b.param_diff(conv.node, 0) is not None:
        _weight_gradient(b, conv, dy)
    if b.wanted(conv.node):
        _input_gradient(b, conv, dy)


def _input_gradient(b: Builder, conv: Conv, dy: Buffer) -> None:
    w, x_lanes, y_lanes = conv.w, b.image(conv.x).lanes, b.image(conv.y).lanes
    strip = kernels.strip_blocks(conv.outputs, w.height * w.width)
    weights = pack(b, conv, swapped=True)
    b.step(
        kernels.direct,
        kernels.Direct(
            dy, weights, NOTHING, NOTHING, b.new_diff_lanes(conv.x),
            b.private(label(conv, "work"), kernels.direct_work(y_lanes, x_lanes, conv.taps, strip)),
            w.out_height, w.out_width, y_lanes, w.height, w.width, x_lanes, w.kernel_h, w.kernel_w,
            1, 1, -w.dilation_h, -w.dilation_w, w.pad_h, w.pad_w, w.stride_h, w.stride_w,
            conv.groups, conv.outputs, w.channels, 0, ROWS, strip, 1, 1, 0,
        ),
        1,
        conv.work,
    )  # fmt: skip


def _weight_gradient(b: Builder, conv: Conv, dy: Buffer) -> None:
    w, x_lanes, y_lanes = conv.w, b.image(conv.x).lanes, b.image(conv.y).lanes
    size = conv.groups * conv.taps * kernels.partial_rows(w.channels) * whole_vectors(conv.outputs)
    whole = b.groups > 1 and conv.weights > _MANY_WEIGHTS
    partials = b.one(label(conv, "sums"), size) if whole else b.partials(label(conv, "partials"), size)
    values = kernels.DirectWeights(
        b.lanes(conv.x), dy, partials, b.private(label(conv, "work"), kernels.WEIGHTS_WORK),
        w.height, w.width, x_lanes, w.out_height, w.out_width, y_lanes, w.kernel_h, w.kernel_w,
        w.stride_h, w.stride_w, w.pad_h, w.pad_w, w.dilation_h, w.dilation_w,
        conv.groups, w.channels, conv.outputs, b.group, b.images if whole else 0,
    )  # fmt: skip
    if whole:
        b.over(conv.groups * panels_of(conv.outputs) * conv.taps, kernels.direct_weights, values, work=conv.work)
    else:
        b.step(kernels.direct_weights, values, 1, conv.work)
    add_partials(b, conv, partials, 1 if whole else b.groups, w.channels, conv.taps)


def add_partials(b: Builder, conv: Conv, partials: Buffer, pieces: int, channels: int, taps: int) -> None:
    """Bring the partial sums of the weight gradient into Caffe's layout, when they are complete."""
    work = b.private(label(conv, "work"), add_work(channels, taps))
    into = b.param_diff(conv.node, 0)
    b.after(
        conv.groups * whole_vectors(conv.outputs) // LANES,
        add_weights,
        AddWeights(partials, into, work, pieces, conv.outputs, channels, taps, add=1),
    )
