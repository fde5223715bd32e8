"""SPP: gradients, levels against a naive oracle, shapes and errors."""

import math

import numpy as np
import pytest
from harness import gradient_check, make

from minicaffe.errors import LayerError
from minicaffe.kernels._threads import set_threads, threads


def text(options):
    return f'type: "SPP" spp_param {{ {options} }}'


def level(plane, bins, method):
    """One plane's windows at one level, as Caffe 1.0 lays them out."""
    kernel = [math.ceil(size / bins) for size in plane.shape]
    pad = [(k * bins - size + 1) // 2 for k, size in zip(kernel, plane.shape)]
    for cell in np.ndindex(bins, bins):
        first = [i * k - p for i, k, p in zip(cell, kernel, pad)]
        end = [min(f + k, size + p) for f, k, p, size in zip(first, kernel, pad, plane.shape)]
        part = plane[tuple(slice(max(0, f), e) for f, e in zip(first, end))]
        yield part.max() if method == "MAX" else part.sum() / math.prod(e - f for f, e in zip(first, end))


@pytest.mark.parametrize("method", ["MAX", "AVE"])
@pytest.mark.parametrize(
    "height, shape", [(1, (2, 3, 4, 5)), (2, (2, 2, 3, 7)), (3, (1, 2, 10, 9)), (4, (2, 1, 15, 23))]
)
def test_levels(height, shape, method):
    x = np.random.default_rng(0).standard_normal(shape)
    (y,) = make(text(f"pyramid_height: {height} pool: {method}"), shape, dtype="float64").forward(x)
    for n, found in enumerate(y.reshape(shape[0], -1)):
        expected = [v for i in range(height) for plane in x[n] for v in level(plane, 2**i, method)]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("method", ["MAX", "AVE"])
@pytest.mark.parametrize("height, shape", [(1, (2, 3, 4, 5)), (2, (2, 2, 3, 7)), (3, (1, 2, 10, 9))])
def test_gradient(height, shape, method):
    values = np.random.default_rng(1).permutation(np.prod(shape)).reshape(shape) / 10
    gradient_check(text(f"pyramid_height: {height} pool: {method}"), [shape], values=[values])


def test_shapes():
    assert make(text("pyramid_height: 3"), (2, 3, 9, 7)).tops[0].shape == (2, 63)
    assert make(text("pyramid_height: 1"), (2, 3, 9, 7)).tops[0].shape == (2, 3, 1, 1)


def test_unwanted_gradient_is_skipped():
    run = make(text("pyramid_height: 2"), (1, 1, 4, 4))
    run.forward(np.zeros((1, 1, 4, 4)))
    run.bottom_diffs[0] = None
    assert run.backward(np.ones((1, 5))) == [None]


@pytest.mark.parametrize("method", ["MAX", "AVE"])
def test_it_does_not_depend_on_threads(method):
    before, results, x = threads(), [], np.random.default_rng(0).standard_normal((3, 5, 11, 9))
    try:
        for number in (1, 2, 3):
            set_threads(number)
            run = make(text(f"pyramid_height: 3 pool: {method}"), x.shape)
            (y,) = run.forward(x)
            results.append((y.tobytes(), run.backward(y)[0].tobytes()))
    finally:
        set_threads(before)
    assert results[0] == results[1] == results[2]


ERRORS = [
    ("", (1, 1, 4, 4), "pyramid_height is 0; expected at least 1"),
    ("pyramid_height: 2 pool: STOCHASTIC", (1, 1, 4, 4), "pool is STOCHASTIC; expected MAX or AVE"),
    ("pyramid_height: 2", (3, 4, 4), "the bottom is 3 x 4 x 4; expected 4 axes: N x C x H x W"),
    (
        "pyramid_height: 4000000000",
        (1, 1, 9, 3),
        "planes of 9 x 3 are too small for the 4 x 4 windows of a pyramid of height 4000000000",
    ),
    ("pyramid_height: 2", (1, 0, 4, 4), "dimension 1 is 0; expected at least 1"),
]


@pytest.mark.parametrize("options, shape, message", ERRORS, ids=range(len(ERRORS)))
def test_errors(options, shape, message):
    with pytest.raises(LayerError) as error:
        make(text(options), shape)
    assert str(error.value) == message
