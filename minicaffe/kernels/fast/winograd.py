"""Winograd convolution F(4 x 4, 3 x 3) and F(4 x 4, 5 x 5): stride 1, no dilation, two axes, float32.

With n = kernel + 3, a tile of n x n inputs gives 4 x 4 outputs through n^2 products where the plain sum takes
16 kernel^2: 4 and 6.25 times fewer. For each of the n^2 points, tiles x channels meets channels x outputs in one
matrix product. Per group of channels, with the transforms of ``transforms``:

    forward          y  = output of (inputs . weights), inputs and weights transformed
    data gradient    dx = transposed input transform of (dy' . weights'), where dy' is dy, transposed output transform
    weight gradient  dw += transposed weight transform of (inputs' . dy'), summed over tiles

The gradients are the exact transposes of forward. Work goes by *blocks*: some images, or of a large image some rows
of tiles, small enough that their transforms stay in the second-level cache. How blocks, slots and partial sums are cut
depends on the problem's size alone. Rounding: about 1e-6 (3 x 3) and 3e-6 (5 x 5) of the result's root mean square,
where the plain sum has 3e-7. A value that is not finite spoils its whole tile.
"""

from typing import NamedTuple

from .._jit import kernel
from .._threads import run
from ..unfold import Windows, ceil_div
from .layout import STAGE
from .product import multiply
from .transforms import OUTPUTS
from .vector import LANES, ROWS
from .winograd_tiles import finish_input_gradients, finish_outputs, transform_inputs, transform_output_gradients
from .winograd_weights import add_gradient, transform_weights, weight_stage

SLOTS = 8
"""Most pieces of work that run side by side, each with work arrays of its own."""

CACHE = 3 * 2**15
"""Elements of one block's transforms that stay in the second-level cache."""

PARTIALS = 2**23
"""Most elements of all partial sums of the weight gradient, where two would take fewer."""


class Winograd(NamedTuple):
    """The geometry, on integers, and how it is cut. Channels and outputs are those of one group."""

    images: int
    groups: int
    channels: int
    outputs: int
    height: int
    width: int
    out_height: int
    out_width: int
    taps: int  # 3 or 5
    pad_h: int
    pad_w: int
    points: int  # products of a tile
    lanes_in: int  # channels, filled up to whole vectors
    lanes_out: int
    down: int  # tiles of an image
    across: int
    block_images: int
    block_rows: int  # rows of tiles
    blocks: int  # of images
    strips: int  # blocks of rows in an image
    plane_in: int  # elements of one point's transformed inputs
    plane_out: int
    plane_weights: int  # the same of transformed weights, channels x outputs
    plane_swapped: int  # and outputs x channels
    cut_lanes: int  # output lanes of one unit of forward
    cuts: int
    slots: int
    partials: int  # sums of the weight gradient


def whole_vectors(channels: int) -> int:
    """The lanes that hold ``channels``: the next multiple of LANES."""
    return ceil_div(channels, LANES) * LANES


def winograd(w: Windows, groups: int, outputs: int) -> Winograd:
    """Decide how to cut the convolution of ``w``: kernel 3 x 3 or 5 x 5 over one depth, stride and dilation 1."""
    taps = w.kernel_h
    points = (OUTPUTS + taps - 1) ** 2
    lanes_in, lanes_out = whole_vectors(w.channels), whole_vectors(outputs)
    down, across = ceil_div(w.out_height, OUTPUTS), ceil_div(w.out_width, OUTPUTS)
    lanes = lanes_in + lanes_out
    in_cache = max(ROWS, CACHE // (points * lanes))
    per_read = w.channels * outputs // (2 * lanes)  # tiles that move as much memory as the weights they meet
    wanted = max(in_cache, per_read)
    least_blocks = SLOTS if in_cache >= per_read else SLOTS // 2
    block_images = min(ceil_div(wanted, down * across), ceil_div(w.images, least_blocks))
    strips = ceil_div(down, max(1, wanted // across)) if block_images == 1 else 1
    block_rows = ceil_div(down, strips)
    strips, blocks = ceil_div(down, block_rows), ceil_div(w.images, block_images)
    tiles = block_images * block_rows * across
    cuts = min(ceil_div(SLOTS, blocks * strips), max(1, lanes_out // (4 * LANES)))
    cut_lanes = whole_vectors(ceil_div(lanes_out, cuts))
    cuts = ceil_div(lanes_out, cut_lanes)
    slots = min(SLOTS, blocks * strips * cuts)
    plane_weights = w.channels * lanes_out + LANES
    partials = min(slots, blocks, max(2, PARTIALS // (groups * points * plane_weights)))
    partials = 1 << (partials.bit_length() - 1)  # an even number keeps two threads equally busy
    return Winograd(
        w.images, groups, w.channels, outputs, w.height, w.width, w.out_height, w.out_width, taps, w.pad_h, w.pad_w,
        points, lanes_in, lanes_out, down, across, block_images, block_rows, blocks, strips,
        tiles * lanes_in + LANES, tiles * lanes_out + LANES, plane_weights, outputs * lanes_in + LANES, cut_lanes, cuts,
        slots, partials,
    )  # fmt: skip


def work_shapes(c: Winograd) -> dict[str, tuple[int, ...]]:
    """The work arrays: transformed weights, inputs and outputs of a block, strips, stages, partial sums."""
    halo = c.taps - 1
    rows, columns = c.block_rows * OUTPUTS, c.across * OUTPUTS
    strip = max((rows + halo) * (columns + halo) * c.lanes_in, rows * columns * c.lanes_out)
    return {
        "weights": (c.groups * c.points * max(c.plane_weights, c.plane_swapped),),
        "inputs": (c.slots, c.points * c.plane_in),
        "outputs": (c.slots, c.points * c.plane_out),
        "strips": (c.slots, strip),
        "stages": (c.slots, max(STAGE, weight_stage(c.taps))),
        "sums": (c.partials, c.groups * c.points * c.plane_weights),
    }


@kernel
def _forward(start, stop, c, x, weights, bias, inputs, outputs, strips, stages, y):
    units = c.blocks * c.strips * c.cuts
    for slot in range(start, stop):
        v, m, strip, stage = inputs[slot], outputs[slot], strips[slot], stages[slot]
        for unit in range(units * slot // c.slots, units * (slot + 1) // c.slots):
            first = unit % c.cuts * c.cut_lanes
            lanes = min(c.cut_lanes, c.lanes_out - first)
            row = unit // c.cuts % c.strips * c.block_rows
            rows = min(c.block_rows, c.down - row)
            image = unit // (c.cuts * c.strips) * c.block_images
            images = min(c.block_images, c.images - image)
            tiles = images * rows * c.across
            for g in range(c.groups):
                transform_inputs(c, g, image, images, row, rows, x, stage, strip, v)
                for p in range(c.points):
                    at = (g * c.points + p) * c.plane_weights + first
                    multiply(
                        v, p * c.plane_in, c.lanes_in, 1, weights, at, c.lanes_out, m, p * c.plane_out, lanes,
                        tiles, lanes, c.channels, False,
                    )  # fmt: skip
                finish_outputs(c, g, image, images, row, rows, first, lanes, m, bias, stage, strip, y)


@kernel
def _backward(start, stop, c, x, weights, dy, inputs, outputs, strips, stages, dx, sums):
    """Units are partial sums. Without ``dx`` (an empty array) or ``sums`` (of no rows) that gradient is left out."""
    for part in range(start, stop):
        v, m, strip, stage = inputs[part], outputs[part], strips[part], stages[part]
        begin, end = c.blocks * part // c.partials, c.blocks * (part + 1) // c.partials
        for unit in range(begin * c.strips, end * c.strips):
            row = unit % c.strips * c.block_rows
            rows = min(c.block_rows, c.down - row)
            image = unit // c.strips * c.block_images
            images = min(c.block_images, c.images - image)
            tiles = images * rows * c.across
            for g in range(c.groups):
                transform_output_gradients(c, g, image, images, row, rows, dy, stage, strip, m)
                if sums.shape[0]:
                    transform_inputs(c, g, image, images, row, rows, x, stage, strip, v)
                    for p in range(c.points):
                        to = (g * c.points + p) * c.plane_weights
                        multiply(
                            v, p * c.plane_in, 1, c.lanes_in, m, p * c.plane_out, c.lanes_out, sums[part], to,
                            c.lanes_out, c.channels, c.lanes_out, tiles, unit > begin * c.strips,
                        )  # fmt: skip
                if dx.size:
                    for p in range(c.points):
                        at = (g * c.points + p) * c.plane_swapped
                        multiply(
                            m, p * c.plane_out, c.lanes_out, 1, weights, at, c.lanes_in, v, p * c.plane_in, c.lanes_in,
                            tiles, c.lanes_in, c.outputs, False,
                        )  # fmt: skip
                    finish_input_gradients(c, g, image, images, row, rows, v, stage, strip, dx)


def forward(c: Winograd, x, weights, bias, work, y) -> None:
    """Overwrite ``y``; arrays are flat; ``bias`` is empty where there is none; ``work`` as ``work_shapes`` says."""
    transform_weights(c, weights, False, work)
    run(_forward, c.slots, c, x, work.weights, bias, work.inputs, work.outputs, work.strips, work.stages, y)


def backward(c: Winograd, x, weights, dy, work, dx, dw) -> None:
    """Overwrite ``dx`` and add to ``dw``; either may be None."""
    if dx is not None:
        transform_weights(c, weights, True, work)
    sums = work.sums if dw is not None else work.sums[:0]
    into = dx if dx is not None else x[:0]
    arrays = work.inputs, work.outputs, work.strips, work.stages
    run(_backward, c.partials, c, x, work.weights, dy, *arrays, into, sums)
    if dw is not None:
        add_gradient(c, work, dw)
