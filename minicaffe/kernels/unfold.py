"""A convolution's windows, cut into tiles and laid out as rows that one matrix product can read.

The output positions of a few images, one depth, some rows and columns form a *tile*; its positions are numbered
(row, image, column). For every input channel, kernel depth and kernel column, ``unfold`` copies the input
elements that those positions meet into a *plane* of lines, one per input row, in the same order (image, column).
A step down the kernel is then a step of whole lines: ``kernel_h`` rows of the product read the same plane, so
the copy is smaller by that factor than a full im2col. Where the stride skips rows, lines are sorted by their
remainder, so that neighbouring output rows always meet neighbouring lines.

``fold`` is the transpose: it adds the planes back to where ``unfold`` found them.
"""

from typing import NamedTuple

import numpy as np

from ._jit import inline, kernel
from .gemm import TILE

BLOCK = 48 * 1024
"""Most elements in the planes of a block of channels: they stay in the second-level cache."""


class Windows(NamedTuple):
    """The geometry of a convolution over (images, channels, D, H, W), on integers, and how it is cut."""

    images: int
    channels: int
    depth: int
    height: int
    width: int
    out_depth: int
    out_height: int
    out_width: int
    kernel_d: int
    kernel_h: int
    kernel_w: int
    stride_d: int
    stride_h: int
    stride_w: int
    pad_d: int
    pad_h: int
    pad_w: int
    dilation_d: int
    dilation_h: int
    dilation_w: int
    tile_images: int
    tile_rows: int
    tile_columns: int
    tiles: int  # of the whole batch
    block: int  # channels whose planes are laid out together
    plane: int  # elements of a plane
    lines: np.ndarray  # input row of each line, counted from the first row that the tile meets
    line_of: np.ndarray  # the line where kernel row y meets the tile's first output row
    taps: np.ndarray  # offset among a block's planes for each (channel, kernel_d, kernel_h, kernel_w)


class Tile(NamedTuple):
    """One tile: where it begins and how much of it lies inside the output."""

    image: int
    images: int
    depth: int
    row: int
    rows: int
    column: int
    columns: int


def ceil_div(a: int, b: int) -> int:
    """The least integer not below a / b."""
    return -(-a // b)


def _even(total: int, most: int) -> int:
    """The size of the pieces when ``total`` is cut into as few as possible of at most ``most``."""
    return ceil_div(total, ceil_div(total, max(1, most)))


def _lines(rows: int, kernel: int, stride: int, dilation: int) -> tuple[list[int], list[int]]:
    """The input rows that ``rows`` output rows meet, by remainder; and each kernel row's first line."""
    lines, line_of, by_remainder = [], [0] * kernel, {}
    for y in range(kernel):
        by_remainder.setdefault(y * dilation % stride, []).append(y)
    for remainder, members in by_remainder.items():
        end = 0
        for y in members:
            first = y * dilation // stride
            lines += [q * stride + remainder for q in range(max(first, end), first + rows)]
            end = first + rows
            line_of[y] = len(lines) - rows
    return lines, line_of


def windows(images, channels, inputs, outputs, kernel, stride, pad, dilation) -> Windows:
    """Cut a convolution of ``channels`` input channels into tiles; the geometry arguments are (d, h, w) triples."""
    out_d, out_h, out_w = outputs
    slices, kernel_h = kernel[0] * kernel[2], kernel[1]
    columns = _even(out_w, min(TILE, max(4, 4 * BLOCK // (slices * kernel_h))))
    for_one_row, for_two = (len(_lines(rows, kernel_h, stride[1], dilation[1])[0]) for rows in (1, 2))
    room = BLOCK // (slices * columns) - for_one_row
    rows = _even(out_h, min(TILE // columns, 1 + room // (for_two - for_one_row)))
    lines, line_of = _lines(rows, kernel_h, stride[1], dilation[1])
    group = 1
    if rows == out_h and columns == out_w:
        wanted = max(images // 8, ceil_div(TILE // 4, rows * columns))
        most = min(wanted, TILE // (rows * columns), BLOCK // (slices * len(lines) * columns))
        group = _even(images, min(most, images))
    plane = ceil_div(len(lines) * group * columns, 16) * 16
    spread = ceil_div(channels, ceil_div(8, ceil_div(images, group)))  # few images: work for eight threads
    block = _even(channels, min(BLOCK // (slices * plane), max(spread, ceil_div(64, slices * kernel_h))))
    c, d, y, x = np.ogrid[:block, : kernel[0], :kernel_h, : kernel[2]]
    first = np.asarray(line_of, dtype=np.int64)[y] * (group * columns)
    taps = (((c * kernel[0] + d) * kernel[2] + x) * plane + first).reshape(-1)
    tiles = ceil_div(images, group) * out_d * ceil_div(out_h, rows) * ceil_div(out_w, columns)
    return Windows(
        images, channels, *inputs, *outputs, *kernel, *stride, *pad, *dilation, group, rows, columns, tiles,
        block, plane, np.asarray(lines, dtype=np.int64), np.asarray(line_of, dtype=np.int64), taps.astype(np.int64),
    )  # fmt: skip


@kernel
def tile_at(w, index):
    """The ``index``-th Tile of the Windows ``w``: columns first, then rows, depths, images."""
    across = -(-w.out_width // w.tile_columns)
    down = -(-w.out_height // w.tile_rows)
    column = index % across * w.tile_columns
    row = index // across % down * w.tile_rows
    depth = index // (across * down) % w.out_depth
    image = index // (across * down * w.out_depth) * w.tile_images
    images = min(w.tile_images, w.images - image)
    rows, columns = min(w.tile_rows, w.out_height - row), min(w.tile_columns, w.out_width - column)
    return Tile(image, images, depth, row, rows, column, columns)


@inline
def positions(w, tile):
    """The number of positions of a tile, those of missing images and columns included."""
    return tile.rows * w.tile_images * w.tile_columns


@inline
def _valid(offset, stride, size, columns):
    """The range of columns j with 0 <= offset + j * stride < size."""
    least = 0 if offset >= 0 else (-offset + stride - 1) // stride
    most = 0 if offset >= size else (size - 1 - offset) // stride + 1
    most = min(most, columns)
    return min(least, most), most


@kernel
def unfold(w, tile, x, channel, all_channels, count, planes, at):
    """Lay out ``count`` channels of ``x`` (N x all_channels x D x H x W, flat) from ``channel`` on as planes.

    The planes begin at ``planes[at]``. Positions outside the input, missing images and columns are zero.
    """
    zero = x.dtype.type(0)
    plane = at
    for c in range(channel, channel + count):
        for d in range(w.kernel_d):
            z = tile.depth * w.stride_d + d * w.dilation_d - w.pad_d
            for k in range(w.kernel_w):
                offset = tile.column * w.stride_w + k * w.dilation_w - w.pad_w
                least, most = _valid(offset, w.stride_w, w.width, tile.columns)
                to = np.uint64(plane)
                for line in range(w.lines.size):
                    y = tile.row * w.stride_h - w.pad_h + w.lines[line]
                    inside = 0 <= z < w.depth and 0 <= y < w.height
                    for n in range(w.tile_images):
                        begin, end = np.uint64(0), np.uint64(0)
                        if inside and n < tile.images:
                            begin, end = np.uint64(least), np.uint64(most)
                        row = (((tile.image + n) * all_channels + c) * w.depth + z) * w.height + y
                        source = np.uint64(row * w.width + offset + least * w.stride_w)
                        for j in range(begin):
                            planes[to + j] = zero
                        if w.stride_w == 1:
                            for j in range(end - begin):
                                planes[to + begin + j] = x[source + j]
                        else:
                            for j in range(end - begin):
                                planes[to + begin + j] = x[source + j * np.uint64(w.stride_w)]
                        for j in range(end, np.uint64(w.tile_columns)):
                            planes[to + j] = zero
                        to += np.uint64(w.tile_columns)
                plane += w.plane


@kernel
def fold(w, tile, planes, at, x, channel, all_channels, count):
    """Add ``count`` channels' planes to the elements of ``x`` that ``unfold`` would have read."""
    plane = at
    for c in range(channel, channel + count):
        for d in range(w.kernel_d):
            z = tile.depth * w.stride_d + d * w.dilation_d - w.pad_d
            for k in range(w.kernel_w):
                offset = tile.column * w.stride_w + k * w.dilation_w - w.pad_w
                least, most = _valid(offset, w.stride_w, w.width, tile.columns)
                for line in range(w.lines.size):
                    y = tile.row * w.stride_h - w.pad_h + w.lines[line]
                    if 0 <= z < w.depth and 0 <= y < w.height:
                        for n in range(tile.images):
                            row = (((tile.image + n) * all_channels + c) * w.depth + z) * w.height + y
                            to = np.uint64(row * w.width + offset + least * w.stride_w)
                            source = np.uint64(plane + (line * w.tile_images + n) * w.tile_columns + least)
                            if w.stride_w == 1:
                                for j in range(np.uint64(most - least)):
                                    x[to + j] += planes[source + j]
                            else:
                                for j in range(np.uint64(most - least)):
                                    x[to + j * np.uint64(w.stride_w)] += planes[source + j]
                plane += w.plane
