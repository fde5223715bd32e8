"""Convolution over one to three axes: each tile of output positions is one blocked matrix product.

With N images, G groups, C and M channels (of one group) in and out, K = C * kernel_d * kernel_h * kernel_w:

    forward          y[n, m, p]  = bias[m] + sum over k of weights[m, k] * window[n, p, k]
    data gradient    dx          = fold(sum over m of weights[m, k] * dy[n, m, p])
    weight gradient  dw[m, k]   += sum over n, p of dy[n, m, p] * window[n, p, k]

where ``window[n, p]`` are the K input elements (zero outside the image) that output position p meets. Arrays
are flat and C-contiguous; ``w`` is a ``Windows`` of one group's channels. Work is cut into CHUNKS pieces, each
with work arrays of its own, whatever the number of threads.
"""

from typing import NamedTuple

import numpy as np

from ._jit import ELEMENTS, kernel
from ._threads import run
from .gemm import LINE, add_dots, add_products
from .unfold import Windows, ceil_div, fold, positions, tile_at, unfold

CHUNKS = 8
ROWS = 64
"""Output channels whose gradients are gathered together; a multiple of four."""


class Convolution(NamedTuple):
    """A ``Windows``, the channels around it, and how its three kernels are cut."""

    w: Windows
    groups: int
    outputs: int  # output channels of one group
    cuts: int  # pieces of the output channels, in forward
    partials: int  # sums of the weight gradient
    blocks: int  # blocks of channels of one group
    rows: np.ndarray  # offsets of the weights of four output channels
    lines: np.ndarray  # offset of each gathered row of gradients
    planes: np.ndarray  # offset of each plane's weights, without the kernel row


def convolution(w: Windows, groups: int, outputs: int) -> Convolution:
    """Decide how to cut a convolution, by the size of the problem alone."""
    size = w.kernel_d * w.kernel_h * w.kernel_w
    weights = w.channels * size
    cuts = max(1, min(ceil_div(CHUNKS, w.tiles), groups * outputs // 16))
    partials = max(1, min(CHUNKS, w.tiles, 2 * 1024 * 1024 // (groups * outputs * weights)))
    c, d, x = np.ogrid[: w.block, : w.kernel_d, : w.kernel_w]
    planes = (c * size + d * (w.kernel_h * w.kernel_w) + x).reshape(-1).astype(np.int64)
    rows = np.arange(4, dtype=np.int64) * weights
    lines = np.arange(ROWS, dtype=np.int64) * LINE
    return Convolution(w, groups, outputs, cuts, partials, ceil_div(w.channels, w.block), rows, lines, planes)


def work_shapes(c: Convolution) -> dict[str, tuple[int, ...]]:
    """The work arrays that the kernels share: planes, a tile of four rows, gathered gradients, partial sums."""
    w = c.w
    weights = c.groups * c.outputs * w.channels * w.kernel_d * w.kernel_h * w.kernel_w
    return {
        "planes": (CHUNKS, w.block * w.kernel_d * w.kernel_w * w.plane),
        "tile": (CHUNKS, 4 * LINE),
        "gradients": (CHUNKS, min(ROWS, c.outputs) * LINE),
        "partials": (c.partials, weights),
    }


@kernel
def _store(w, t, tile, row_at, y, channel, all_channels):
    """Copy one row of a tile to channel ``channel`` of ``y``."""
    for r in range(t.rows):
        for n in range(t.images):
            row = (((t.image + n) * all_channels + channel) * w.out_depth + t.depth) * w.out_height + t.row + r
            to = np.uint64(row * w.out_width + t.column)
            source = np.uint64(row_at + (r * w.tile_images + n) * w.tile_columns)
            for j in range(np.uint64(t.columns)):
                y[to + j] = tile[source + j]


@kernel
def _load(w, t, y, channel, all_channels, tile, row_at):
    """Copy channel ``channel`` of ``y`` to one row of a tile; missing images and columns are zero."""
    zero = y.dtype.type(0)
    for r in range(t.rows):
        for n in range(w.tile_images):
            row = (((t.image + n) * all_channels + channel) * w.out_depth + t.depth) * w.out_height + t.row + r
            source = np.uint64(row * w.out_width + t.column)
            to = np.uint64(row_at + (r * w.tile_images + n) * w.tile_columns)
            columns = np.uint64(t.columns if n < t.images else 0)
            for j in range(columns):
                tile[to + j] = y[source + j]
            for j in range(columns, np.uint64(w.tile_columns)):
                tile[to + j] = zero


@kernel
def _forward(start, stop, c, x, weights, bias, planes, tile, y):
    w = c.w
    size = w.kernel_d * w.kernel_h * w.kernel_w
    all_in, all_out = c.groups * w.channels, c.groups * c.outputs
    units = w.tiles * c.cuts
    for chunk in range(start, stop):
        work, rows_of = planes[chunk], tile[chunk]
        for unit in range(units * chunk // CHUNKS, units * (chunk + 1) // CHUNKS):
            t = tile_at(w, unit // c.cuts)
            n = positions(w, t)
            cut = unit % c.cuts
            least, most = all_out * cut // c.cuts, all_out * (cut + 1) // c.cuts
            for g in range(least // c.outputs, -(-most // c.outputs)):
                for first in range(0, w.channels, w.block):
                    count = min(w.block, w.channels - first)
                    unfold(w, t, x, g * w.channels + first, all_in, count, work, 0)
                    end = min(most, (g + 1) * c.outputs)
                    for m in range(max(least, g * c.outputs), end, 4):
                        rows = min(4, end - m)
                        for r in range(rows):
                            if first > 0:
                                _load(w, t, y, m + r, all_out, rows_of, r * LINE)
                            else:
                                value = bias[m + r] if bias.size else x.dtype.type(0)
                                for j in range(n):
                                    rows_of[r * LINE + j] = value
                        at = m * w.channels * size + first * size
                        add_products(rows, n, count * size, weights, at, c.rows, 0, 1, work, 0, w.taps, rows_of)
                        for r in range(rows):
                            _store(w, t, rows_of, r * LINE, y, m + r, all_out)


@kernel
def _data_gradient(start, stop, c, weights, dy, planes, tile, gradients, dx):
    w = c.w
    size = w.kernel_d * w.kernel_h * w.kernel_w
    step = w.channels * size
    all_in, all_out = c.groups * w.channels, c.groups * c.outputs
    area = w.depth * w.height * w.width
    images = -(-w.images // w.tile_images)
    units = images * c.groups * c.blocks
    for chunk in range(start, stop):
        work, rows_of, dy_rows = planes[chunk], tile[chunk], gradients[chunk]
        for unit in range(units * chunk // CHUNKS, units * (chunk + 1) // CHUNKS):
            g, first = unit // c.blocks % c.groups, unit % c.blocks * w.block
            count = min(w.block, w.channels - first)
            channel = g * w.channels + first
            image = unit // (c.blocks * c.groups)
            for i in range(image * w.tile_images, min(w.images, (image + 1) * w.tile_images)):
                dx[(i * all_in + channel) * area : (i * all_in + channel + count) * area] = 0
            for index in range(w.tiles // images * image, w.tiles // images * (image + 1)):
                t = tile_at(w, index)
                n = positions(w, t)
                work[: count * w.kernel_d * w.kernel_w * w.plane] = 0
                for m in range(0, c.outputs, ROWS):
                    depth = min(ROWS, c.outputs - m)
                    for r in range(depth):
                        _load(w, t, dy, g * c.outputs + m + r, all_out, dy_rows, r * LINE)
                    at = (g * c.outputs + m) * step + first * size
                    _add_to_planes(c, n, depth, count, weights, at, dy_rows, rows_of, work)
                fold(w, t, work, 0, dx, channel, all_in, count)


@kernel
def _add_to_planes(c, n, depth, count, weights, at, dy_rows, tile, planes):
    """Add to every plane what ``depth`` output channels' gradients give it."""
    w = c.w
    line = w.tile_images * w.tile_columns
    total = count * w.kernel_d * w.kernel_w
    step = w.channels * w.kernel_d * w.kernel_h * w.kernel_w
    for y in range(w.kernel_h):
        to = w.line_of[y] * line
        for p in range(0, total, 4):
            rows = min(4, total - p)
            for r in range(rows):
                tile[r * LINE : r * LINE + n] = 0
            add_products(rows, n, depth, weights, at + y * w.kernel_w, c.planes, p, step, dy_rows, 0, c.lines, tile)
            for r in range(rows):
                source, target = np.uint64(r * LINE), np.uint64((p + r) * w.plane + to)
                for j in range(np.uint64(n)):
                    planes[target + j] += tile[source + j]


@kernel
def _weight_gradient(start, stop, c, x, dy, planes, gradients, partials):
    w = c.w
    size = w.kernel_d * w.kernel_h * w.kernel_w
    step = w.channels * size
    all_in, all_out = c.groups * w.channels, c.groups * c.outputs
    units = c.partials * c.groups * c.blocks
    for chunk in range(start, stop):
        work, dy_rows = planes[chunk], gradients[chunk]
        for unit in range(units * chunk // CHUNKS, units * (chunk + 1) // CHUNKS):
            part = unit // (c.groups * c.blocks)
            g, first = unit // c.blocks % c.groups, unit % c.blocks * w.block
            count = min(w.block, w.channels - first)
            sums = partials[part]
            for m in range(g * c.outputs, (g + 1) * c.outputs):
                sums[m * step + first * size : m * step + (first + count) * size] = 0
            for index in range(w.tiles * part // c.partials, w.tiles * (part + 1) // c.partials):
                t = tile_at(w, index)
                n = positions(w, t)
                unfold(w, t, x, g * w.channels + first, all_in, count, work, 0)
                for m in range(g * c.outputs, (g + 1) * c.outputs, ROWS):
                    rows = min(ROWS, (g + 1) * c.outputs - m)
                    for r in range(rows):
                        _load(w, t, dy, m + r, all_out, dy_rows, r * LINE)
                    at = m * step + first * size
                    add_dots(rows, count * size, n, dy_rows, 0, LINE, work, 0, w.taps, sums, at, step)


@kernel
def _add_partials(start, stop, partials, dw):
    for i in range(start, stop):
        s = partials[0, i]
        for part in range(1, partials.shape[0]):
            s += partials[part, i]
        dw[i] += s


def forward(c: Convolution, x, weights, bias, work, y) -> None:
    """Overwrite ``y``; ``bias`` is empty where there is none; ``work`` holds the arrays of ``work_shapes``."""
    run(_forward, CHUNKS, c, x, weights, bias, work.planes, work.tile, y)


def data_gradient(c: Convolution, weights, dy, work, dx) -> None:
    """Overwrite ``dx``."""
    run(_data_gradient, CHUNKS, c, weights, dy, work.planes, work.tile, work.gradients, dx)


def weight_gradient(c: Convolution, x, dy, work, dw) -> None:
    """Add to ``dw``."""
    run(_weight_gradient, CHUNKS, c, x, dy, work.planes, work.gradients, work.partials)
    run(_add_partials, dw.size, work.partials, dw, grain=ELEMENTS)


def backward(c: Convolution, x, weights, dy, work, dx, dw) -> None:
    """Overwrite ``dx`` and add to ``dw``; either may be None."""
    if dw is not None:
        weight_gradient(c, x, dy, work, dw)
    if dx is not None:
        data_gradient(c, weights, dy, work, dx)
