"""Pooling: gradients, shapes and errors."""

import numpy as np
import pytest
from harness import gradient_check, make

from minicaffe.errors import LayerError


def text(options):
    return f'type: "Pooling" pooling_param {{ {options} }}'


@pytest.mark.parametrize("pool", ["MAX", "AVE"])
@pytest.mark.parametrize(
    "options, shape",
    [
        ("kernel_size: 3 stride: 2", (2, 3, 8, 7)),
        ("kernel_size: 3 stride: 2 pad: 1", (2, 2, 6, 7)),
        ("kernel_h: 2 kernel_w: 3 stride_h: 1 stride_w: 3 pad_h: 1 pad_w: 0 round_mode: FLOOR", (1, 2, 5, 8)),
        ("global_pooling: true", (2, 3, 4, 5)),
        ("kernel_size: 1 stride: 2", (2, 2, 5, 3)),
    ],
)
def test_gradient(pool, options, shape):
    values = np.random.default_rng(1).permutation(np.prod(shape)).reshape(shape) / 10
    gradient_check(text(f"pool: {pool} {options}"), [shape], values=[values])


@pytest.mark.parametrize(
    "options, size, expected",
    [
        ("kernel_size: 3 stride: 2", (8, 7), (4, 3)),
        ("kernel_size: 3 stride: 2 round_mode: FLOOR", (8, 7), (3, 3)),
        ("kernel_size: 2 stride: 3 pad: 1", (7, 9), (3, 4)),
        ("kernel_size: 2 stride: 2 pad: 1", (5, 4), (3, 3)),
        ("kernel_size: 1 stride: 2", (9, 7), (5, 4)),
        ("kernel_h: 3 kernel_w: 2", (8, 7), (6, 6)),
        ("global_pooling: true", (8, 7), (1, 1)),
    ],
)
def test_shapes(options, size, expected):
    assert make(text(options), (2, 3, *size)).tops[0].shape == (2, 3, *expected)


def test_second_top_holds_indices():
    run = make(text("kernel_size: 2 stride: 2"), (1, 2, 2, 4), tops=2)
    x = np.array([1, 5, 2, 2, 5, 0, 0, 1, 0, 0, 9, 1, 7, 3, 2, 2.0]).reshape(1, 2, 2, 4)
    largest, indices = run.forward(x)
    np.testing.assert_array_equal(largest.reshape(-1), [5, 2, 7, 9])
    np.testing.assert_array_equal(indices.reshape(-1), [1, 2, 4, 2])
    assert indices.dtype == np.float32


def test_unwanted_gradient_is_skipped():
    run = make(text("kernel_size: 2"), (1, 1, 3, 3))
    run.forward(np.zeros((1, 1, 3, 3)))
    run.bottom_diffs[0] = None
    assert run.backward(np.ones((1, 1, 2, 2))) == [None]


ERRORS = [
    (
        "pool: STOCHASTIC kernel_size: 2",
        (1, 1, 4, 4),
        "pool is STOCHASTIC, which is not supported; expected MAX or AVE",
    ),
    (
        "stride: 2",
        (1, 1, 4, 4),
        "kernel_size is missing; expected kernel_size, or kernel_h and kernel_w, or global_pooling",
    ),
    ("kernel_size: 0", (1, 1, 4, 4), "kernel_size is 0; expected at least 1"),
    ("kernel_w: 2", (1, 1, 4, 4), "kernel_h is 0; expected at least 1"),
    ("kernel_size: 2 stride: 0", (1, 1, 4, 4), "stride is 0; expected at least 1"),
    (
        "kernel_size: 2 kernel_h: 2",
        (1, 1, 4, 4),
        "found kernel_size beside kernel_h or kernel_w; expected one way or the other",
    ),
    ("kernel_size: 2 pad: 2", (1, 1, 4, 4), "pad 2 x 2 must be smaller than the kernel 2 x 2"),
    ("kernel_size: 5", (1, 1, 4, 6), "kernel 5 x 5 is larger than the padded input 4 x 6"),
    (
        "kernel_size: 2 global_pooling: true",
        (1, 1, 4, 4),
        "found a kernel size beside global_pooling; expected one or the other",
    ),
    (
        "stride: 2 global_pooling: true",
        (1, 1, 4, 4),
        "found pad or stride beside global_pooling; expected pad 0 and stride 1",
    ),
    (
        "kernel_size: 1 stride: 2",
        (1, 1, 5, 8),
        "the last window begins at 8, outside the input of 8 (stride 2, kernel 1); expected round_mode: FLOOR",
    ),
    ("kernel_size: 2", (3, 4, 4), "the bottom is 3 x 4 x 4; expected 4 axes: N x C x H x W"),
    ("kernel_size: 2", (1, 0, 4, 4), "dimension 1 is 0; expected at least 1"),
]


@pytest.mark.parametrize("options, shape, message", ERRORS, ids=range(len(ERRORS)))
def test_errors(options, shape, message):
    with pytest.raises(LayerError) as error:
        make(text(options), shape)
    assert str(error.value) == message


def test_average_has_no_indices():
    with pytest.raises(
        LayerError, match=r"^the second top holds the indices of maxima, but pool is AVE; expected 1 top$"
    ):
        make(text("pool: AVE kernel_size: 2"), (1, 1, 4, 4), tops=2)
