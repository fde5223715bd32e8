"""LRN: gradients, a naive oracle and errors."""

import numpy as np
import pytest
from harness import gradient_check, make

from minicaffe.errors import LayerError


def text(options):
    return f'type: "LRN" lrn_param {{ {options} }}'


@pytest.mark.parametrize("region", ["ACROSS_CHANNELS", "WITHIN_CHANNEL"])
@pytest.mark.parametrize(
    "options", ["local_size: 3 alpha: 0.7", "local_size: 5 beta: 0.6 k: 2", "local_size: 1 beta: -1"]
)
def test_gradient(options, region):
    gradient_check(text(f"{options} norm_region: {region}"), [(2, 5, 4, 3)])


@pytest.mark.parametrize("within", [False, True])
def test_forward_by_the_formula(within):
    region = "norm_region: WITHIN_CHANNEL" if within else ""
    x = np.random.default_rng(0).standard_normal((2, 4, 5, 6)).astype("float32")
    (y,) = make(text(f"local_size: 3 alpha: 0.5 beta: 0.6 k: 2 {region}"), x.shape).forward(x)
    for n, c, i, j in np.ndindex(x.shape):
        if within:
            near, k, size = x[n, c, max(0, i - 1) : i + 2, max(0, j - 1) : j + 2], 1, 9
        else:
            near, k, size = x[n, max(0, c - 1) : c + 2, i, j], 2, 3
        expected = x[n, c, i, j] / (k + 0.5 / size * (near.astype(float) ** 2).sum()) ** 0.6
        assert y[n, c, i, j] == pytest.approx(expected, rel=1e-5)


def test_unwanted_gradient_is_skipped():
    run = make(text(""), (1, 2, 3, 3))
    run.forward(np.ones((1, 2, 3, 3)))
    run.bottom_diffs[0] = None
    assert run.backward(np.ones((1, 2, 3, 3))) == [None]


@pytest.mark.parametrize(
    "options, shape, message",
    [
        ("local_size: 4", (1, 2, 3, 3), "local_size is 4; expected an odd number"),
        ("local_size: 0", (1, 2, 3, 3), "local_size is 0; expected an odd number"),
        ("", (2, 3), "the bottom is 2 x 3; expected 4 axes: N x C x H x W"),
        ("", (2, 3, 0, 1), "dimension 2 is 0; expected at least 1"),
    ],
)
def test_errors(options, shape, message):
    with pytest.raises(LayerError) as error:
        make(text(options), shape)
    assert str(error.value) == message
