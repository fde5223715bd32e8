"""Convolution that keeps channels apart, on lanes: each output pixel sums the taps of its own channel in registers.

Neighbouring pixels of a line of outputs, for which the same taps lie inside the image, are one *run*; it is done in
blocks of up to ROWS pixels, whose inputs are so many columns apart. Pixels at the sides of an image are runs of one.
"""

from __future__ import annotations

from typing import NamedTuple

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .._jit import inline, kernel
from .gather import PANEL, sums_of, write_results
from .rows import ARENA, Operand, place, row_kernel
from .vector import INDEX, LANES, ROWS, constant, multiply_add, pointer, read

HALF = ROWS // 2

USUAL = 3
"""Windows of so many lines or columns have their taps written out."""


class Depthwise(NamedTuple):
    """``weights``: panels as ``pack_weights`` makes them, for one group whose outputs read one channel."""

    x: Operand
    weights: Operand
    shift: Operand
    residual: Operand
    y: Operand
    height: int
    width: int
    lanes: int
    out_height: int
    out_width: int
    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    pad_h: int
    pad_w: int
    channels: int
    flags: int
    row_parts: int
    panel_parts: int


def _block(count: int, vectors: int):
    """``count`` pixels of a run, ``vectors`` vectors of channels."""

    @intrinsic
    def block(typing, arena, weights, taps, x, x_step, y, residual, y_step, shift, flags):
        def generate(context, builder, signature, args):
            arena, weights, taps, x, x_step, y, residual, y_step, shift, flags = args
            outer, outer_x, outer_weights, inner, inner_x, inner_weights = cgutils.unpack_tuple(builder, taps)
            cells, sums = sums_of(builder, count, vectors)
            for cell in cells:
                builder.store(constant(0), sums[cell])
            aside = [builder.mul(x_step, INDEX(m)) for m in range(count)]

            def add(at, tap):
                columns = [read(builder, pointer(builder, tap, INDEX(v * LANES))) for v in range(vectors)]
                for m, v in cells:
                    number = read(builder, pointer(builder, builder.gep(at, [aside[m]]), INDEX(v * LANES)))
                    builder.store(multiply_add(builder, number, columns[v], builder.load(sums[m, v])), sums[m, v])

            def move(at, i, step):
                return builder.gep(at, [builder.mul(i, step)])

            at, tap = builder.gep(arena, [x]), builder.gep(arena, [weights])
            one_by_one = builder.icmp_signed("==", inner, INDEX(USUAL))
            few = builder.icmp_signed("<=", outer, INDEX(USUAL))
            with builder.if_else(builder.and_(one_by_one, few)) as (usual, other):
                with usual:
                    for i in range(USUAL):
                        with builder.if_then(builder.icmp_signed(">", outer, INDEX(i))):
                            at_i, tap_i = move(at, INDEX(i), outer_x), move(tap, INDEX(i), outer_weights)
                            for j in range(USUAL):
                                add(move(at_i, INDEX(j), inner_x), move(tap_i, INDEX(j), inner_weights))
                with other, cgutils.for_range(builder, outer) as i:
                    at_i, tap_i = move(at, i.index, outer_x), move(tap, i.index, outer_weights)
                    with cgutils.for_range(builder, inner) as j:
                        add(move(at_i, j.index, inner_x), move(tap_i, j.index, inner_weights))

            def pixel(first):
                return lambda m: builder.add(first, builder.mul(y_step, INDEX(m)))

            write_results(builder, arena, cells, sums, pixel(y), pixel(residual), shift, flags)
            return context.get_dummy_value()

        n = types.intp
        return types.void(ARENA, n, types.UniTuple(n, 6), n, n, n, n, n, n, n), generate

    return block


def _function(count: int, vectors: int):
    """A function of its own: inside a loop over panels the compiler would keep dozens of addresses in memory."""
    block = _block(count, vectors)

    @kernel
    def products(arena, weights, taps, x, x_step, y, residual, y_step, shift, flags):
        block(arena, weights, taps, x, x_step, y, residual, y_step, shift, flags)

    return products


_all_wide, _all = _function(ROWS, 2), _function(ROWS, 1)
_half_wide, _half = _function(HALF, 2), _function(HALF, 1)
_one_wide, _one = _function(1, 2), _function(1, 1)


@row_kernel(Depthwise, writes=("y",))
def depthwise(arena, r, start, stop):
    """y = relu(sum over taps of weights * x + shift + residual), as ``flags`` say, channel by channel.

    Units are images, or their parts: row_parts * panel_parts to an image.
    """
    parts, panels = r.row_parts * r.panel_parts, (r.channels + PANEL - 1) // PANEL
    reach = (r.kernel_w - 1) * r.dilation_w
    left = min(r.out_width, (r.pad_w + r.stride_w - 1) // r.stride_w)  # the columns whose taps all lie inside
    right = max(left, min(r.out_width, (r.width - 1 + r.pad_w - reach) // r.stride_w + 1))
    for unit in range(start, stop):
        n, part, first = unit // parts, unit % parts, start // parts
        image = _Image(place(r.x, n, first), place(r.y, n, first), place(r.residual, n, first))
        row, group = part % r.row_parts, part // r.row_parts
        panel, end = panels * group // r.panel_parts, panels * (group + 1) // r.panel_parts
        for h in range(r.out_height * row // r.row_parts, r.out_height * (row + 1) // r.row_parts):
            down = _inside(h * r.stride_h - r.pad_h, r.dilation_h, r.kernel_h, r.height)
            for w in range(left):
                _run(arena, r, image, h, down, w, _inside_width(r, w), 1, panel, end)
            if left < right:
                _run(arena, r, image, h, down, left, (0, r.kernel_w), right - left, panel, end)
            for w in range(right, r.out_width):
                _run(arena, r, image, h, down, w, _inside_width(r, w), 1, panel, end)


class _Image(NamedTuple):
    """Where an image begins."""

    x: int
    y: int
    residual: int


@inline
def _inside(at, dilation, taps, size):
    """The first tap that lies inside, and the one after the last, where the first of all reads line ``at``."""
    first = max(0, (dilation - 1 - at) // dilation)
    return first, max(first, min(taps, (size - 1 - at) // dilation + 1))


@inline
def _inside_width(r, w):
    return _inside(w * r.stride_w - r.pad_w, r.dilation_w, r.kernel_w, r.width)


@kernel
def _run(arena, r, image, h, down, w, across, count, panel, end):
    """``count`` pixels from column ``w`` of row ``h``, all channels of some panels.

    ``down`` and ``across``: the first tap inside the image, and the one after the last, of all these pixels.
    """
    lanes, size, flags = r.lanes, r.kernel_h * r.kernel_w * PANEL, r.flags
    line, x_step = r.width * lanes, r.stride_w * lanes
    top, side = h * r.stride_h - r.pad_h + down[0] * r.dilation_h, w * r.stride_w - r.pad_w + across[0] * r.dilation_w
    x = image.x + top * line + side * lanes
    to = (h * r.out_width + w) * lanes
    weights = r.weights.base + (down[0] * r.kernel_w + across[0]) * PANEL
    rows, columns = down[1] - down[0], across[1] - across[0]
    x_down, x_across, weights_down = r.dilation_h * line, r.dilation_w * lanes, r.kernel_w * PANEL
    taps = (rows, x_down, weights_down, columns, x_across, PANEL)
    if columns != USUAL and rows == USUAL:
        taps = (columns, x_across, PANEL, rows, x_down, weights_down)
    done = 0
    while done < count:  # the last block may do again what is done, rather than be small
        pixels = ROWS if count >= ROWS and count - done > HALF else HALF if count >= HALF else 1
        i = min(done, count - pixels)
        for p in range(panel, end):
            add, by, wide = p * PANEL, weights + p * size, r.channels - p * PANEL > LANES
            source, y = x + i * x_step + add, image.y + to + i * lanes + add
            residual, shift = image.residual + to + i * lanes + add, r.shift.base + add
            if pixels == ROWS:
                if wide:
                    _all_wide(arena, by, taps, source, x_step, y, residual, lanes, shift, flags)
                else:
                    _all(arena, by, taps, source, x_step, y, residual, lanes, shift, flags)
            elif pixels == HALF:
                if wide:
                    _half_wide(arena, by, taps, source, x_step, y, residual, lanes, shift, flags)
                else:
                    _half(arena, by, taps, source, x_step, y, residual, lanes, shift, flags)
            elif wide:
                _one_wide(arena, by, taps, source, x_step, y, residual, lanes, shift, flags)
            else:
                _one(arena, by, taps, source, x_step, y, residual, lanes, shift, flags)
        done = i + pixels
