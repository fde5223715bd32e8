"""The passes of a Winograd convolution over one block of tiles, between Caffe's order and transformed tiles.

``c`` is a ``Winograd``; a block is group ``g`` of rows [row, row + rows) of tiles in ``images`` images from ``image``
on; its tiles are numbered (image, row, column). ``inputs`` and ``outputs`` hold them transformed, as (point, tile,
channel), with a point's plane at distance ``plane_in`` or ``plane_out``. ``strip`` and ``stage`` are work arrays.
"""

from .._jit import kernel
from .layout import Strip, clear, pack, unpack
from .transforms import (
    OUTPUTS,
    input_3,
    input_5,
    input_gradient_3,
    input_gradient_5,
    output_3,
    output_5,
    output_gradient_3,
    output_gradient_5,
)
from .vector import LANES


@kernel
def _input_strip(c, row, rows):
    columns = c.across * OUTPUTS + c.taps - 1
    return Strip(c.height, c.width, row * OUTPUTS - c.pad_h, rows * OUTPUTS + c.taps - 1, c.pad_w, columns, c.lanes_in)


@kernel
def _output_strip(c, row, rows, lanes):
    return Strip(c.out_height, c.out_width, row * OUTPUTS, rows * OUTPUTS, 0, c.across * OUTPUTS, lanes)


@kernel
def transform_inputs(c, g, image, images, row, rows, x, stage, strip, inputs):
    """inputs[point, tile, channel] of rows [row, row + rows) of tiles of some images."""
    s = _input_strip(c, row, rows)
    line, side, plane = s.columns * s.lanes, c.taps + OUTPUTS - 1, c.plane_in
    to = 0
    for n in range(image, image + images):
        pack(s, x, (n * c.groups + g) * c.channels * c.height * c.width, c.channels, stage, strip)
        for i in range(rows):
            for j in range(c.across):
                at = OUTPUTS * (i * line + j * s.lanes)
                for lane in range(0, s.lanes, LANES):
                    if c.taps == 3:
                        input_3(strip, at + lane, line, s.lanes, inputs, to + lane, side * plane, plane)
                    else:
                        input_5(strip, at + lane, line, s.lanes, inputs, to + lane, side * plane, plane)
                to += s.lanes


@kernel
def transform_output_gradients(c, g, image, images, row, rows, dy, stage, strip, outputs):
    """outputs[point, tile, output], from the gradients of these tiles."""
    s = _output_strip(c, row, rows, c.lanes_out)
    line, side, plane = s.columns * s.lanes, c.taps + OUTPUTS - 1, c.plane_out
    to = 0
    for n in range(image, image + images):
        pack(s, dy, (n * c.groups + g) * c.outputs * c.out_height * c.out_width, c.outputs, stage, strip)
        for i in range(rows):
            for j in range(c.across):
                at = OUTPUTS * (i * line + j * s.lanes)
                for lane in range(0, s.lanes, LANES):
                    if c.taps == 3:
                        output_gradient_3(strip, at + lane, line, s.lanes, outputs, to + lane, side * plane, plane)
                    else:
                        output_gradient_5(strip, at + lane, line, s.lanes, outputs, to + lane, side * plane, plane)
                to += s.lanes


@kernel
def finish_outputs(c, g, image, images, row, rows, first, lanes, outputs, bias, stage, strip, y):
    """y of these tiles, output channels [first, first + lanes), from outputs[point, tile, output - first]."""
    s = _output_strip(c, row, rows, lanes)
    line, side, plane = s.columns * s.lanes, c.taps + OUTPUTS - 1, c.plane_out
    count, bottom = min(lanes, c.outputs - first), min(s.row + s.rows, s.height)
    at = 0
    for n in range(image, image + images):
        for i in range(rows):
            for j in range(c.across):
                to = OUTPUTS * (i * line + j * s.lanes)
                for lane in range(0, s.lanes, LANES):
                    if c.taps == 3:
                        output_3(outputs, at + lane, side * plane, plane, strip, to + lane, line, s.lanes)
                    else:
                        output_5(outputs, at + lane, side * plane, plane, strip, to + lane, line, s.lanes)
                at += s.lanes
        channel = g * c.outputs + first
        into = (n * c.groups * c.outputs + channel) * c.out_height * c.out_width
        unpack(s, strip, s.row, bottom, count, bias, channel, False, stage, y, into)


@kernel
def finish_input_gradients(c, g, image, images, row, rows, inputs, stage, strip, dx):
    """dx of these tiles, from inputs[point, tile, channel]; what the rows of tiles before gave is added to."""
    s = _input_strip(c, row, rows)
    line, side, plane = s.columns * s.lanes, c.taps + OUTPUTS - 1, c.plane_in
    top, bottom = max(s.row, 0), min(s.row + s.rows, s.height)
    shared = min(max(s.row + c.taps - 1, top), bottom) if row > 0 else top
    no_bias = dx[:0]
    at = 0
    for n in range(image, image + images):
        clear(strip, 0, s.rows * line)
        for i in range(rows):
            for j in range(c.across):
                to = OUTPUTS * (i * line + j * s.lanes)
                for lane in range(0, s.lanes, LANES):
                    if c.taps == 3:
                        input_gradient_3(inputs, at + lane, side * plane, plane, strip, to + lane, line, s.lanes)
                    else:
                        input_gradient_5(inputs, at + lane, side * plane, plane, strip, to + lane, line, s.lanes)
                at += s.lanes
        into = (n * c.groups + g) * c.channels * c.height * c.width
        unpack(s, strip, top, shared, c.channels, no_bias, 0, True, stage, dx, into)
        unpack(s, strip, shared, bottom, c.channels, no_bias, 0, False, stage, dx, into)
