"""Between Caffe's order (a plane per channel) and strips of pixels whose channels lie side by side.

A *strip* holds some rows of one image, each with a border: ``columns`` pixels of ``lanes`` channels, a multiple
of LANES. Border pixels, rows outside the image and lanes without a channel are zero, so that what reads strips
knows no edges. Blocks of LANES channels by LANES pixels are turned over in registers.
"""

from typing import NamedTuple

import numpy as np

from .._jit import kernel
from .vector import LANES, add, load, splat, store, transpose

STAGE = 2 * LANES * LANES
"""Elements of the work array ``stage``: one block before and one after it is turned over."""

_AFTER = LANES * LANES


class Strip(NamedTuple):
    """Rows [row, row + rows) of images of height x width pixels, ``left`` border pixels before each."""

    height: int
    width: int
    row: int
    rows: int
    left: int
    columns: int
    lanes: int


@kernel
def clear(array, start, stop):
    """array[start:stop] = 0 for a multiple of LANES elements."""
    zero = splat(np.float32(0))
    for i in range(start, stop, LANES):
        store(array, i, zero)


@kernel
def _clear_border(s, strip):
    line = s.columns * s.lanes
    for i in range(s.rows):
        start = i * line
        if 0 <= s.row + i < s.height:
            clear(strip, start, start + s.left * s.lanes)
            clear(strip, start + (s.left + s.width) * s.lanes, start + line)
        else:
            clear(strip, start, start + line)


@kernel
def pack(s, x, at, channels, stage, strip):
    """Fill the whole strip from ``channels`` planes of ``x``, the first of which begins at ``x[at]``."""
    _clear_border(s, strip)
    top, bottom = max(s.row, 0), min(s.row + s.rows, s.height)
    area, pixels = s.height * s.width, max(0, bottom - top) * s.width
    for c in range(0, s.lanes, LANES):
        count = min(LANES, channels - c)
        first = at + c * area + top * s.width
        clear(stage, max(0, count) * LANES, _AFTER)
        column, to = 0, ((top - s.row) * s.columns + s.left) * s.lanes + c
        for p in range(0, pixels, LANES):
            there = min(LANES, pixels - p)
            if count == LANES and there == LANES:
                transpose(x, first + p, area, stage, _AFTER)
            else:
                for r in range(count):
                    source, target = np.uint64(first + r * area + p), np.uint64(r * LANES)
                    for j in range(np.uint64(there)):
                        stage[target + j] = x[source + j]
                transpose(stage, 0, LANES, stage, _AFTER)
            for k in range(there):
                store(strip, to, load(stage, _AFTER + k * LANES))
                column, to = column + 1, to + s.lanes
                if column == s.width:
                    column, to = 0, to + (s.columns - s.width) * s.lanes


@kernel
def unpack(s, strip, top, bottom, channels, bias, bias_at, accumulate, stage, y, at):
    """Write (or add) rows [top, bottom) of the image to ``channels`` planes of ``y``; the first begins at ``y[at]``.

    Adds bias[bias_at + c] unless ``bias`` is empty. The rows lie in the strip and in the image.
    """
    area, pixels = s.height * s.width, max(0, bottom - top) * s.width
    for c in range(0, channels, LANES):
        count = min(LANES, channels - c)
        first = at + c * area + top * s.width
        column, source = 0, ((top - s.row) * s.columns + s.left) * s.lanes + c
        for p in range(0, pixels, LANES):
            there = min(LANES, pixels - p)
            for k in range(there):
                store(stage, k * LANES, load(strip, source))
                column, source = column + 1, source + s.lanes
                if column == s.width:
                    column, source = 0, source + (s.columns - s.width) * s.lanes
            transpose(stage, 0, LANES, stage, _AFTER)
            for r in range(count):
                offset = bias[bias_at + c + r] if bias.size else np.float32(0)
                to, line = first + r * area + p, _AFTER + r * LANES
                value = add(load(stage, line), splat(offset))
                if there == LANES:
                    store(y, to, add(value, load(y, to)) if accumulate else value)
                else:
                    store(stage, line, value)
                    for j in range(there):
                        y[to + j] = stage[line + j] + (y[to + j] if accumulate else np.float32(0))
