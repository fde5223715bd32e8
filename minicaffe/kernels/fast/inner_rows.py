"""Dense layers on rows: y = x W' + bias, dx = dy W, dW += dy' x, db += sum of dy; W (outputs, inputs) as in Caffe.

Weights may be far larger than the caches. Each pass reads them once, where they lie: what else it needs is cut so
that it stays in the cache meanwhile. Sums run in an order that depends on the sizes alone.
"""

from typing import NamedTuple

import numpy as np

from .._jit import inline, kernel
from .dots import FIRST, SECOND, dots, lane
from .product import multiply
from .rows import Operand, place, row_kernel
from .vector import LANES, ROWS, add, ask_to_read, load, splat, store, transpose_block, where_positive

PANEL = 2 * LANES
"""Columns that are multiplied together, of which copies are laid out."""
DEPTH = 32
"""Rows of weights in a copied panel, which stays in the first-level cache beside the next one on its way."""


class Inner(NamedTuple):
    """x (images, inputs), y (images, outputs); ``bias`` counts where ``biased``; sums in pieces of ``stretch``."""

    x: Operand
    w: Operand
    bias: Operand
    y: Operand
    images: int
    inputs: int
    outputs: int
    stretch: int
    biased: int
    relu: int


@kernel
def _outputs(arena, x, x_step, images, w, inputs, stretch, bias, biased, relu, y, y_step, first, last):
    """Outputs [first, last) of all images."""
    for begin in range(0, inputs, stretch):
        length = min(stretch, inputs - begin)
        clip = relu & (begin + length == inputs)
        for o in range(first, last, SECOND):
            count = min(SECOND, last - o)
            for n in range(0, images, FIRST):
                rows = min(FIRST, images - n)
                sums = dots(arena, x + n * x_step + begin, x_step, rows, w + o * inputs + begin, inputs, count, length)
                for i in range(rows):
                    for j in range(count):
                        to = y + (n + i) * y_step + o + j
                        value = lane(sums, i * SECOND + j)
                        if begin > 0:
                            value += arena[to]
                        elif biased:
                            value += arena[bias + o + j]
                        arena[to] = np.float32(0) if clip & (value < 0) else value


@row_kernel(Inner, writes=("y",))
def inner_by_images(arena, r, start, stop):
    """y = x W' + bias, no less than 0 where ``relu``; for weights that fit the cache."""
    x, y, w, bias = place(r.x, start, start), place(r.y, start, start), r.w.base, r.bias.base
    stretch, biased, relu = r.stretch, r.biased != 0, r.relu != 0
    _outputs(arena, x, r.x.step, stop - start, w, r.inputs, stretch, bias, biased, relu, y, r.y.step, 0, r.outputs)


@row_kernel(Inner, writes=("y",))
def inner_by_outputs(arena, r, start, stop):
    """The same for outputs [start, stop) of all images."""
    x, y, w, bias = r.x.base, r.y.base, r.w.base, r.bias.base
    stretch, biased, relu = r.stretch, r.biased != 0, r.relu != 0
    _outputs(arena, x, r.x.step, r.images, w, r.inputs, stretch, bias, biased, relu, y, r.y.step, start, stop)


class Columns(NamedTuple):
    """x (images, inputs), inputs in whole LANES; ``columns`` (inputs, width), width in whole LANES."""

    x: Operand
    columns: Operand
    images: int
    inputs: int
    width: int


@row_kernel(Columns, writes=("columns",))
def inner_columns(arena, r, start, stop):
    """columns = x', zeros behind; units are LANES inputs."""
    for k in range(start * LANES, stop * LANES, LANES):
        for n in range(0, r.width, LANES):
            x, to, there = place(r.x, n, 0) + k, r.columns.base + k * r.width + n, min(LANES, r.images - n)
            transpose_block(arena, x, r.x.step, there, arena, to, r.width, LANES)


class InnerColumns(NamedTuple):
    """``columns`` is x' as ``inner_columns`` makes it; ``tile`` (ROWS, width) is a work area."""

    columns: Operand
    w: Operand
    bias: Operand
    tile: Operand
    y: Operand
    images: int
    inputs: int
    width: int
    biased: int
    relu: int


@row_kernel(InnerColumns, writes=("y", "tile"))
def inner_by_columns(arena, r, start, stop):
    """y = x W' + bias, no less than 0 where ``relu``, for many images; units are outputs."""
    images, inputs, width, y_step, biased, relu = r.images, r.inputs, r.width, r.y.step, r.biased, r.relu
    x, w, bias, y, tile = r.columns.base, r.w.base, r.bias.base, r.y.base, r.tile.base
    for o in range(start, stop, ROWS):
        rows = min(ROWS, stop - o)
        multiply(arena, w + o * inputs, inputs, 1, arena, x, width, arena, tile, width, rows, width, inputs, False)
        for n in range(images):
            for i in range(rows):
                value = arena[tile + i * width + n]
                if biased:
                    value += arena[bias + o + i]
                arena[y + n * y_step + o + i] = np.float32(0) if (relu != 0) & (value < 0) else value


class InnerData(NamedTuple):
    """Work areas, not used by images: ``panel`` (DEPTH, PANEL), ``tile`` (chunk, images); chunk in whole PANELs."""

    dy: Operand
    w: Operand
    panel: Operand
    tile: Operand
    dx: Operand
    images: int
    inputs: int
    outputs: int
    chunk: int


@row_kernel(InnerData, writes=("dx",))
def inner_data_by_images(arena, r, start, stop):
    """dx = dy W, for weights that fit the cache."""
    inputs, outputs, w, dy_step, dx_step = r.inputs, r.outputs, r.w.base, r.dy.step, r.dx.step
    dy, dx = place(r.dy, start, start), place(r.dx, start, start)
    whole = inputs - inputs % LANES
    multiply(arena, dy, dy_step, 1, arena, w, inputs, arena, dx, dx_step, stop - start, whole, outputs, False)
    for n in range(stop - start):
        for k in range(whole, inputs):
            total = np.float32(0)
            for o in range(outputs):
                total += arena[dy + n * dy_step + o] * arena[w + o * inputs + k]
            arena[dx + n * dx_step + k] = total


@inline
def _lay_out(arena, source, step, rows, columns, panel):
    """A panel of the first ``columns`` columns of a block, PANEL at most, zeros behind."""
    for i in range(rows):
        at, to = source + i * step, panel + i * PANEL
        if columns >= PANEL:
            store(arena, to, load(arena, at))
            store(arena, to + LANES, load(arena, at + LANES))
        else:
            for k in range(PANEL):
                arena[to + k] = arena[at + k] if k < columns else np.float32(0)


@row_kernel(InnerData, writes=("dx", "panel", "tile"))
def inner_data(arena, r, start, stop):
    """dx = dy W; units are PANEL inputs. The weights of the next product are asked for during each."""
    images, inputs, outputs, w, dy, dx = r.images, r.inputs, r.outputs, r.w.base, r.dy.base, r.dx.base
    dy_step, dx_step, panel, tile = r.dy.step, r.dx.step, r.panel.base, r.tile.base
    end = min(inputs, stop * PANEL)
    for first in range(start * PANEL, end, r.chunk):
        columns = min(r.chunk, end - first)
        for o in range(0, outputs, DEPTH):
            depth, line = min(DEPTH, outputs - o), w + o * inputs + first
            for j in range(0, columns, PANEL):
                _lay_out(arena, line + j, inputs, depth, columns - j, panel)
                after = line + j + PANEL if j + PANEL < columns else line + DEPTH * inputs
                for n in range(0, images, ROWS):
                    rows, a, c = min(ROWS, images - n), dy + n * dy_step + o, tile + j * images + n * PANEL
                    for i in range(DEPTH * n // images, DEPTH * (n + rows) // images):
                        ask_to_read(arena, after + i * inputs)
                        ask_to_read(arena, after + i * inputs + LANES)
                    multiply(arena, a, dy_step, 1, arena, panel, PANEL, arena, c, PANEL, rows, PANEL, depth, o > 0)
        for n in range(images):
            for j in range(0, columns, PANEL):
                source, to = tile + j * images + n * PANEL, dx + n * dx_step + first + j
                if j + PANEL <= columns:
                    store(arena, to, load(arena, source))
                    store(arena, to + LANES, load(arena, source + LANES))
                else:
                    for k in range(columns - j):
                        arena[to + k] = arena[source + k]


class InnerPanels(NamedTuple):
    """x (images, inputs); ``panels`` [PANEL inputs][image][input], filled up with zeros."""

    x: Operand
    panels: Operand
    images: int
    inputs: int


@row_kernel(InnerPanels, writes=("panels",))
def inner_panels(arena, r, start, stop):
    """x as panels; units are PANEL inputs."""
    for first in range(start * PANEL, min(r.inputs, stop * PANEL), PANEL):
        to = r.panels.base + first * r.images
        _lay_out(arena, r.x.base + first, r.x.step, r.images, r.inputs - first, to)


class InnerWeights(NamedTuple):
    """``panels`` as ``inner_panels`` makes them, ``chunk`` inputs of which (whole PANELs) stay in the cache.

    ``tile`` (ROWS, images + PANEL) is a work area.
    """

    dy: Operand
    panels: Operand
    tile: Operand
    dw: Operand
    images: int
    inputs: int
    outputs: int
    chunk: int
    add: int  # 0: dw is overwritten


@row_kernel(InnerWeights, writes=("dw", "tile"))
def inner_weights(arena, r, start, stop):
    """dW += dy' x; units are ROWS outputs."""
    images, inputs, dw, dy, dy_step, left = r.images, r.inputs, r.dw.base, r.dy.base, r.dy.step, r.tile.base
    tile, adds, last = left + ROWS * images, r.add != 0, min(r.outputs, stop * ROWS)
    for first in range(0, inputs, r.chunk):
        end = min(inputs, first + r.chunk)
        for o in range(start * ROWS, last, ROWS):
            rows = min(ROWS, last - o)
            for n in range(images):
                for i in range(rows):
                    arena[left + n * ROWS + i] = arena[dy + n * dy_step + o + i]
            for j in range(first, end, PANEL):
                b, c = r.panels.base + j * images, dw + o * inputs + j
                if j + PANEL <= end:
                    multiply(arena, left, 1, ROWS, arena, b, PANEL, arena, c, inputs, rows, PANEL, images, adds)
                else:
                    multiply(arena, left, 1, ROWS, arena, b, PANEL, arena, tile, PANEL, rows, PANEL, images, False)
                    for i in range(rows):
                        for k in range(end - j):
                            before = arena[c + i * inputs + k] if adds else np.float32(0)
                            arena[c + i * inputs + k] = before + arena[tile + i * PANEL + k]


class InnerBias(NamedTuple):
    """dy (images, outputs)."""

    dy: Operand
    db: Operand
    images: int
    outputs: int


@row_kernel(InnerBias, writes=("db",))
def inner_bias(arena, r, start, stop):
    """db += sum of dy over images; units are LANES outputs."""
    dy, db, step, images = r.dy.base, r.db.base, r.dy.step, r.images
    for o in range(start * LANES, min(stop * LANES, r.outputs), LANES):
        if o + LANES <= r.outputs:
            total = load(arena, dy + o)
            for n in range(1, images):
                total = add(total, load(arena, dy + n * step + o))
            store(arena, db + o, add(load(arena, db + o), total))
        else:
            for k in range(o, r.outputs):
                number = np.float32(0)
                for n in range(images):
                    number += arena[dy + n * step + k]
                arena[db + k] += number


class Mask(NamedTuple):
    """``size`` numbers of each image."""

    dy: Operand
    y: Operand
    dx: Operand
    size: int


@row_kernel(Mask, writes=("dx",))
def where_output_positive(arena, r, start, stop):
    """dx = dy where y > 0, else 0."""
    size, nothing = r.size, splat(np.float32(0))
    whole = size - size % LANES
    for n in range(start, stop):
        dy, y, dx = place(r.dy, n, start), place(r.y, n, start), place(r.dx, n, start)
        for i in range(0, whole, LANES):
            store(arena, dx + i, where_positive(load(arena, y + i), load(arena, dy + i), nothing))
        for i in range(whole, size):
            arena[dx + i] = arena[dy + i] if arena[y + i] > 0 else np.float32(0)
