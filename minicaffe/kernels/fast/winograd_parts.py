"""The five parts of a Winograd convolution on images that lie channels last, shared by its row kernels.

A tile's transform is spread over *points*: it is laid out as (point, tile, channel), points ``plane`` elements apart
and tiles ``row_in`` (inputs) or ``row_out`` (outputs). Tiles are numbered (image, row, column) through the whole
batch. Parts work on tiles [first, last) of group ``g``; ``tiled`` is where tile ``first`` of the first point lies,
``zeros`` where ``blank`` zeros lie, and ``start`` the first image of the call (see ``rows.place``).
"""

from typing import NamedTuple

import numpy as np

from .._jit import inline
from .linked import linked
from .product import multiply, multiply_asking
from .rows import Operand, place
from .shallow import is_shallow, multiply_shallow
from .transforms import OUTPUTS
from .vector import LANES, ROWS, ask_to_read, ask_to_write
from .winograd_lanes import (
    gather_gradients_3,
    gather_gradients_5,
    gather_inputs_3,
    gather_inputs_5,
    scatter_gradients_3,
    scatter_gradients_5,
    scatter_outputs_3,
    scatter_outputs_5,
)

_LINE = 16
"""Elements of a line of the caches."""

PANEL = 2 * LANES
"""Columns that lie side by side in transformed weights; the last panel of a point may hold LANES only."""

GAP = LANES
"""Elements between the points of transformed weights: at some distances all would fall into one set of the caches."""


class Winograd(NamedTuple):
    """A row of any of the kernels. ``y`` is the output or its gradient (before residual and relu).

    y = relu(weights over x + shift + residual), each of the last three as its flag says.
    """

    x: Operand
    y: Operand
    dx: Operand
    shift: Operand
    residual: Operand
    weights: Operand  # transformed; swapped ones in backward
    sums: Operand  # of the gradient of the transformed weights
    work: Operand
    tiled: Operand  # transformed inputs or outputs of the whole batch
    taps: int  # 3 or 5
    height: int
    width: int
    out_height: int
    out_width: int
    pad_h: int
    pad_w: int
    groups: int
    channels: int  # of one group, as all that follows
    outputs: int
    lanes_in: int  # whole vectors of channels
    lanes_out: int
    row_in: int
    row_out: int
    across: int  # tiles
    tiles: int  # of an image
    parts: int  # units of an image
    block: int  # tiles of a block
    images: int  # of one partial sum, or of the batch where the transforms of all lie in ``tiled``
    shifted: int
    added: int
    relu: int
    gather: int  # addresses of the parts
    gather_gradient: int
    product: int
    scatter: int


def blank(lanes_in: int, lanes_out: int, groups: int) -> int:
    """Elements of zeros that the parts need: as many as a row of a tile has."""
    return 8 * groups * max(lanes_in, lanes_out)


@inline
def _corner(r, number):
    tile = number % r.tiles
    return number // r.tiles, tile // r.across * OUTPUTS, tile % r.across * OUTPUTS


@inline
def _next_corner(r, n, top, left):
    """The corner of the tile behind; divisions would take as long as a good part of a transform."""
    if left + OUTPUTS < r.across * OUTPUTS:
        return n, top, left + OUTPUTS
    if top + OUTPUTS < r.out_height:
        return n, top + OUTPUTS, 0
    return n + 1, 0, 0


@inline
def _ask_below(arena, at, width, step, lanes, to_write):
    """Ask for OUTPUTS x OUTPUTS pixels that the row of tiles below needs: without, each tile waits for memory.

    What is local lies in the cache.
    """
    for i in range(OUTPUTS):
        for j in range(OUTPUTS):
            for lane in range(0, lanes, _LINE):
                if to_write:
                    ask_to_write(arena, at + (i * width + j) * step + lane)
                else:
                    ask_to_read(arena, at + (i * width + j) * step + lane)


@linked(Winograd, 7)
def gather_inputs(arena, r, start, first, last, g, tiled, plane, zeros):
    """Transformed tiles of x."""
    height, width, step, lanes = r.height, r.width, r.groups * r.lanes_in, r.lanes_in
    n, corner_top, corner_left = _corner(r, first)
    for _ in range(first, last):
        top, left = corner_top - r.pad_h, corner_left - r.pad_w
        at = place(r.x, n, start) + g * lanes
        below = at + ((top + r.taps + OUTPUTS - 1) * width + left + r.pad_w) * step
        if not r.x.local:
            _ask_below(arena, below, width, step, lanes, False)
        if r.taps == 3:
            for lane in range(0, lanes, LANES):
                gather_inputs_3(arena, at + lane, top, left, height, width, step, zeros, tiled + lane, 6 * plane, plane)
        else:
            for lane in range(0, lanes, LANES):
                gather_inputs_5(arena, at + lane, top, left, height, width, step, zeros, tiled + lane, 8 * plane, plane)
        tiled += r.row_in
        n, corner_top, corner_left = _next_corner(r, n, corner_top, corner_left)


@linked(Winograd, 7)
def gather_gradients(arena, r, start, first, last, g, tiled, plane, zeros):
    """Transformed tiles of the gradient of y."""
    height, width, step, lanes = r.out_height, r.out_width, r.groups * r.lanes_out, r.lanes_out
    n, top, left = _corner(r, first)
    for _ in range(first, last):
        at = place(r.y, n, start) + g * lanes
        if not r.y.local:
            _ask_below(arena, at + ((top + OUTPUTS) * width + left) * step, width, step, lanes, False)
        if r.taps == 3:
            for lane in range(0, lanes, LANES):
                gather_gradients_3(
                    arena, at + lane, top, left, height, width, step, zeros, tiled + lane, 6 * plane, plane
                )
        else:
            for lane in range(0, lanes, LANES):
                gather_gradients_5(
                    arena, at + lane, top, left, height, width, step, zeros, tiled + lane, 8 * plane, plane
                )
        tiled += r.row_out
        n, top, left = _next_corner(r, n, top, left)


@linked(Winograd, 7)
def scatter_outputs(arena, r, start, first, last, g, tiled, plane, zeros):
    """y from transformed tiles."""
    height, width, step, lanes = r.out_height, r.out_width, r.groups * r.lanes_out, r.lanes_out
    floor = np.float32(0) if r.relu else np.float32(-np.inf)
    beside_step = step if r.added else 0
    n, top, left = _corner(r, first)
    for _ in range(first, last):
        y, residual = place(r.y, n, start), place(r.residual, n, start)
        below = y + g * lanes + ((top + OUTPUTS) * width + left) * step
        if not r.y.local:
            _ask_below(arena, below, width, step, lanes, True)
        for lane in range(0, lanes if left < width else 0, LANES):
            channel = g * lanes + lane
            shift = r.shift.base + channel if r.shifted else zeros
            beside = residual + channel if r.added else zeros
            at, tile = y + channel, tiled + lane
            if r.taps == 3:
                scatter_outputs_3(
                    arena, tile, 6 * plane, plane, at, top, left, height, width, step, shift, beside, beside_step,
                    floor,
                )  # fmt: skip
            else:
                scatter_outputs_5(
                    arena, tile, 8 * plane, plane, at, top, left, height, width, step, shift, beside, beside_step,
                    floor,
                )  # fmt: skip
        tiled += r.row_out
        n, top, left = _next_corner(r, n, top, left)


@linked(Winograd, 7)
def scatter_gradients(arena, r, start, first, last, g, tiled, plane, zeros):
    """Add to dx what transformed tiles give."""
    height, width, step, lanes = r.height, r.width, r.groups * r.lanes_in, r.lanes_in
    n, corner_top, corner_left = _corner(r, first)
    for _ in range(first, last):
        top, left = corner_top - r.pad_h, corner_left - r.pad_w
        at = place(r.dx, n, start) + g * lanes
        if r.taps == 3:
            for lane in range(0, lanes, LANES):
                scatter_gradients_3(arena, tiled + lane, 6 * plane, plane, at + lane, top, left, height, width, step)
        else:
            for lane in range(0, lanes, LANES):
                scatter_gradients_5(arena, tiled + lane, 8 * plane, plane, at + lane, top, left, height, width, step)
        tiled += r.row_in
        n, corner_top, corner_left = _next_corner(r, n, corner_top, corner_left)


@linked(None, 18)
def products(
    arena, points, a, a_point, a_row, a_step, b, b_point, b_panel, b_row, c, c_point, c_panel, c_row, rows, columns,
    depth_and_add, soon, size,
):  # fmt: skip
    """For each point, c (+)= a b (see ``product.multiply``), ``columns`` of them by panels.

    For each column passed, b goes on by ``b_panel`` and c by ``c_panel`` elements. A row step of 0 stands for the
    panel's own width. ``depth_and_add`` is twice the depth, plus 1 if c is added to. Meanwhile each point asks the
    caches for the ``size`` elements from ``soon``, or where that is 0 for the panel of b that comes next.
    """
    depth, accumulate = depth_and_add >> 1, depth_and_add & 1 != 0
    asks = max(1, columns // PANEL * (rows // ROWS) * depth)
    for p in range(points):
        for j in range(0, columns, PANEL):
            wide = min(PANEL, columns - j)
            x, y, to = a + p * a_point, b + p * b_point + j * b_panel, c + p * c_point + j * c_panel
            y_row, to_row = b_row if b_row else wide, c_row if c_row else wide
            if a_step == 1 and not accumulate and is_shallow(a_row, depth, wide):
                multiply_shallow(arena, x, y, y_row, to, to_row, rows)
            elif wide == PANEL:
                if size:
                    step = (size + asks - 1) // asks
                    share = depth * step
                    following = soon + j // PANEL * (rows // ROWS) * share
                else:
                    following = y + wide * b_panel if j + wide < columns else b + (p + 1) * b_point
                    step = b_row if b_row else (PANEL * ROWS + rows - 1) // rows
                    share = _LINE if b_row else depth * step
                multiply_asking(
                    arena, x, a_row, a_step, arena, y, y_row, arena, to, to_row, rows, depth, accumulate, following,
                    share, step,
                )  # fmt: skip
            else:
                multiply(arena, x, a_row, a_step, arena, y, y_row, arena, to, to_row, rows, wide, depth, accumulate)
