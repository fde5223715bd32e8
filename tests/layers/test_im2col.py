"""Im2col: gradients, columns against a naive oracle, and errors."""

import numpy as np
import pytest
from harness import gradient_check, make

from minicaffe.errors import LayerError

CASES = [
    ("kernel_size: 3 pad: 1", (2, 3, 5, 4)),
    ("kernel_size: 1 stride: 2", (2, 3, 5, 4)),
    ("kernel_h: 2 kernel_w: 3 stride_h: 2 stride_w: 1 pad_h: 0 pad_w: 4 dilation: [3, 2]", (2, 2, 5, 6)),
    ("kernel_size: 2 stride: 3 pad: 5", (1, 2, 3)),
    ("kernel_size: [2, 1, 2, 3] axis: -5", (2, 1, 2, 3, 2, 3, 4)),
]


def text(options):
    return f'type: "Im2col" convolution_param {{ {options} }}'


def naive(layer, x, axis, y):
    window = layer.window_options.over(x.ndim - axis - 1)
    x, y = x.reshape(-1, *x.shape[axis:]), y.reshape(-1, *y.shape[axis:])
    channels = np.ndindex(*x.shape[:2], *window.kernel)
    for row, (n, c, *tap) in enumerate(channels):
        for place in np.ndindex(*y.shape[2:]):
            at = np.multiply(place, window.stride) + np.multiply(tap, window.dilation) - window.pad
            inside = (at >= 0).all() and (at < x.shape[2:]).all()
            found = y[(n, row % y.shape[1], *place)]
            assert found == (x[(n, c, *at)] if inside else 0)


@pytest.mark.parametrize("options, shape", CASES)
def test_gradient(options, shape):
    gradient_check(text(options), [shape])


@pytest.mark.parametrize("options, shape", CASES)
def test_columns(options, shape):
    run = make(text(options), shape, dtype="float64")
    x = np.random.default_rng(0).standard_normal(shape)
    naive(run.layer, x, run.layer.options.axis % len(shape), run.forward(x)[0])


ERRORS = [
    ("", (1, 3, 5, 5), "kernel_size is missing; expected kernel_size, or kernel_h and kernel_w"),
    ("kernel_size: 3", (2, 3), "axis 1 is the bottom's last; expected a spatial axis after the channels"),
    ("kernel_size: 7", (1, 3, 5, 5), "kernel 7 x 7 is larger than the padded input 5 x 5"),
    ("kernel_size: 3 stride: 0", (1, 3, 5, 5), "stride is 0; expected at least 1"),
    ("kernel_h: 3 kernel_w: 1", (1, 3, 5), "kernel_h and kernel_w need 2 spatial axes; found 1"),
    ("kernel_size: 3 axis: 4", (1, 3, 5, 5), "axis is 4, but the bottom has 4 axes: expected -4 to 3"),
]


@pytest.mark.parametrize("options, shape, message", ERRORS, ids=range(len(ERRORS)))
def test_errors(options, shape, message):
    with pytest.raises(LayerError) as error:
        make(text(options), shape)
    assert str(error.value) == message
