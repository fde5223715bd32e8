"""Winograd convolution on images that lie channels last: the row kernels.

The algorithm and its transforms are those of ``winograd`` and ``transforms``, the parts those of ``winograd_parts``.
For each point, tiles x channels meets channels x outputs in one product. Two schedules:

- *blocks*: ``winograd_forward`` and ``winograd_backward`` take a block of tiles through all parts in the cache;
- *whole*: the transforms of the batch are written out (``winograd_inputs``, ``winograd_gradients``), meet the weights
  in ``winograd_product``, and are brought back (``winograd_outputs``, ``winograd_input_gradients``). Then weights
  are read once, and their gradient needs no partial sums.

Transformed weights lie as (group, point, panel, channel, output of the panel): see ``winograd_panels``. An image cut
into parts is cut between tiles.
"""

from typing import NamedTuple

import numpy as np

from .._jit import inline
from .linked import call, call_with_row
from .rows import Operand, place, row_kernel, starts_group
from .transforms import OUTPUTS
from .vector import LANES, ROWS, splat, store
from .winograd_panels import turn_panel
from .winograd_parts import GAP, PANEL, Winograd, blank


def work_size(values: Winograd) -> int:
    """Elements of ``work``: zeros, and the transforms of one block where there are blocks."""
    points = (values.taps + OUTPUTS - 1) ** 2
    tiles = points * (values.block * (values.row_in + values.row_out) + 2 * LANES) if values.block else 0
    return blank(values.lanes_in, values.lanes_out, values.groups) + tiles


@inline
def _points(r):
    return (r.taps + OUTPUTS - 1) * (r.taps + OUTPUTS - 1)


@inline
def _clear(arena, at, size):
    zero = splat(np.float32(0))
    for i in range(at, at + size, LANES):
        store(arena, i, zero)


@inline
def _clear_blank(arena, r):
    """Fill the beginning of ``work`` with zeros; where they begin and end."""
    size = 8 * r.groups * max(r.lanes_in, r.lanes_out)
    _clear(arena, r.work.base, size)
    return r.work.base, r.work.base + size


@inline
def _tiles_before(r, unit):
    return unit // r.parts * r.tiles + r.tiles * (unit % r.parts) // r.parts


# -- by blocks of tiles ---------------------------------------------------------------------------------------


@row_kernel(Winograd, writes=("y", "work"))
def winograd_forward(arena, r, start, stop):
    """y. Units are parts of images."""
    points, block, image = _points(r), r.block, start // r.parts
    channels, lanes_out, row_in, row_out = r.channels, r.lanes_out, r.row_in, r.row_out
    zeros, v = _clear_blank(arena, r)
    plane_in, plane_out = block * row_in + LANES, block * row_out + LANES
    m, last = v + points * plane_in, _tiles_before(r, stop)
    for first in range(_tiles_before(r, start), last, block):
        end = min(first + block, last)
        for g in range(r.groups):
            call_with_row(r.gather, arena, r, (image, first, end, g, v, plane_in, zeros))
            u = r.weights.base + g * points * (channels * lanes_out + GAP)
            call(
                r.product, arena,
                (points, v, plane_in, row_in, 1, u, channels * lanes_out + GAP, channels, 0, m, plane_out, 1, row_out,
                 end - first, lanes_out, 2 * channels, 0, 0),
            )  # fmt: skip
            call_with_row(r.scatter, arena, r, (image, first, end, g, m, plane_out, zeros))


@row_kernel(Winograd, writes=("dx", "sums", "work"))
def winograd_backward(arena, r, start, stop):
    """dx where ``scatter`` is given, and the partial sum of the weights' gradient where ``gather`` is.

    Units are images. The partial sum is that of the transformed weights, laid out as these.
    """
    points, block, tiles = _points(r), r.block, r.tiles
    channels, outputs, lanes_in, lanes_out = r.channels, r.outputs, r.lanes_in, r.lanes_out
    row_in, row_out = r.row_in, r.row_out
    zeros, v = _clear_blank(arena, r)
    plane_in, plane_out = block * row_in + LANES, block * row_out + LANES
    m, sums = v + points * plane_in, place(r.sums, start // r.images, 0)
    fresh = starts_group(start, r.images)
    if r.scatter:
        for n in range(start, stop):
            _clear(arena, place(r.dx, n, start), r.height * r.width * r.groups * lanes_in)
    for first in range(start * tiles, stop * tiles, block):
        end = min(first + block, stop * tiles)
        add = 0 if fresh and first == start * tiles else 1
        for g in range(r.groups):
            call_with_row(r.gather_gradient, arena, r, (start, first, end, g, m, plane_out, zeros))
            if r.gather:
                call_with_row(r.gather, arena, r, (start, first, end, g, v, plane_in, zeros))
                plane = channels * lanes_out + GAP
                call(
                    r.product, arena,
                    (points, v, plane_in, 1, row_in, m, plane_out, 1, row_out, sums + g * points * plane, plane,
                     channels, 0, channels, lanes_out, 2 * (end - first) + add, 0, 0),
                )  # fmt: skip
            if r.scatter:
                u = r.weights.base + g * points * (outputs * lanes_in + GAP)
                call(
                    r.product, arena,
                    (points, m, plane_out, row_out, 1, u, outputs * lanes_in + GAP, outputs, 0, v, plane_in, 1, row_in,
                     end - first, lanes_in, 2 * outputs, 0, 0),
                )  # fmt: skip
                call_with_row(r.scatter, arena, r, (start, first, end, g, v, plane_in, zeros))


# -- the whole batch ------------------------------------------------------------------------------------------


class Product(NamedTuple):
    """c = a b for each of ``points``, columns by panels; see ``winograd_parts.products`` for the numbers."""

    a: Operand
    b: Operand
    c: Operand
    points: int
    a_point: int
    a_row: int
    a_step: int
    b_point: int
    b_panel: int
    b_row: int
    c_point: int
    c_panel: int
    c_row: int
    rows: int
    columns: int
    depth: int
    product: int


@row_kernel(Product, writes=("c",))
def winograd_product(arena, r, start, stop):
    """Units are (point, panel)."""
    panels, unit = (r.columns + PANEL - 1) // PANEL, start
    while unit < stop:
        p, panel = unit // panels, unit % panels
        count = min(panels - panel, stop - unit)
        first, last = panel * PANEL, min((panel + count) * PANEL, r.columns)
        a, b, c = r.a.base + p * r.a_point, r.b.base + p * r.b_point, r.c.base + p * r.c_point
        call(
            r.product, arena,
            (1, a, 0, r.a_row, r.a_step, b + first * r.b_panel, r.b_point - first * r.b_panel, r.b_panel, r.b_row,
             c + first * r.c_panel, 0, r.c_panel, r.c_row, r.rows, last - first, 2 * r.depth, 0, 0),
        )  # fmt: skip
        unit += count


class Points(NamedTuple):
    """What the points of all groups hold: ``inputs`` and ``gradients`` as ``tiled``, weights and sums as panels."""

    inputs: Operand
    gradients: Operand
    weights: Operand
    sums: Operand
    work: Operand
    summed: int  # 0: the weights' gradient is not wanted
    channels: int
    outputs: int
    lanes_in: int
    lanes_out: int
    row_in: int
    row_out: int
    tiles: int  # of the whole batch
    product: int


def turned_size(outputs: int) -> int:
    """Elements of ``work`` for ``winograd_point_gradients``."""
    return outputs * PANEL


@row_kernel(Points, writes=("inputs", "sums", "work"))
def winograd_point_gradients(arena, r, start, stop):
    """sums = inputs' gradients, then inputs = gradients weights': of a point, while its gradients are in the cache.

    Units are (group, point). The product asks for what comes next: the weights, then the next point's gradients and
    inputs.
    """
    channels, outputs, row_in, row_out, tiles = r.channels, r.outputs, r.row_in, r.row_out, r.tiles
    plane_in, plane_out, size = tiles * row_in + LANES, tiles * row_out + LANES, channels * r.lanes_out + GAP
    half = tiles // (2 * ROWS) * ROWS
    for p in range(start, stop):
        v, m, u = r.inputs.base + p * plane_in, r.gradients.base + p * plane_out, r.weights.base + p * size
        if r.summed:
            call(
                r.product, arena,
                (1, v, 0, 1, row_in, m, 0, 1, row_out, r.sums.base + p * size, 0, channels, 0, channels, r.lanes_out,
                 2 * tiles, u, size),
            )  # fmt: skip
        panels = max(1, r.lanes_in // PANEL)
        for first in range(0, r.lanes_in, PANEL):
            wide = min(PANEL, r.lanes_in - first)
            turn_panel(arena, u, channels, outputs, r.lanes_out, first, wide, r.work.base)
            a, c = m, v + first
            for soon, length, rows in (
                (m + plane_out, plane_out // panels, half),
                (v + plane_in, plane_in // panels, tiles - half),
            ):
                call(
                    r.product, arena,
                    (1, a, 0, row_out, 1, r.work.base, 0, 0, 0, c, 0, 0, row_in, rows, wide, 2 * outputs,
                     soon + first // PANEL * length, length),
                )  # fmt: skip
                a, c = a + rows * row_out, c + rows * row_in


@inline
def _for_groups(arena, r, part, start, stop, row):
    """Call a part for tiles of units [start, stop) and all groups, on transforms of the whole batch in ``tiled``."""
    zeros, _ = _clear_blank(arena, r)
    first, last = _tiles_before(r, start), _tiles_before(r, stop)
    plane = r.images * r.tiles * row + LANES
    for g in range(r.groups):
        at = r.tiled.base + g * _points(r) * plane + first * row
        call_with_row(part, arena, r, (start // r.parts, first, last, g, at, plane, zeros))


@row_kernel(Winograd, writes=("tiled", "work"))
def winograd_inputs(arena, r, start, stop):
    """The transforms of x. Units are parts of images, as in all that follow."""
    _for_groups(arena, r, r.gather, start, stop, r.row_in)


@row_kernel(Winograd, writes=("tiled", "work"))
def winograd_gradients(arena, r, start, stop):
    """The transforms of the gradient of y."""
    _for_groups(arena, r, r.gather_gradient, start, stop, r.row_out)


@row_kernel(Winograd, writes=("y", "work"))
def winograd_outputs(arena, r, start, stop):
    """y from its transforms."""
    _for_groups(arena, r, r.scatter, start, stop, r.row_out)


@row_kernel(Winograd, writes=("dx", "work"))
def winograd_input_gradients(arena, r, start, stop):
    """dx from its transforms. Units are images: ``parts`` is 1."""
    for n in range(start, stop):
        _clear(arena, place(r.dx, n, start), r.height * r.width * r.groups * r.lanes_in)
    _for_groups(arena, r, r.scatter, start, stop, r.row_in)
