"""InnerProduct: gradients, the transposed form, shapes and errors."""

import numpy as np
import pytest
from harness import gradient_check, make

from minicaffe.errors import LayerError


def text(options):
    return f'type: "InnerProduct" inner_product_param {{ {options} }}'


@pytest.mark.parametrize("more", ["", "bias_term: false", "transpose: true", "transpose: true bias_term: false"])
@pytest.mark.parametrize("options, shape", [("num_output: 6", (5, 2, 3, 4)), ("num_output: 3 axis: -1", (2, 4, 7))])
def test_gradient(options, shape, more):
    gradient_check(text(f"{options} {more}"), [shape])


def test_transpose_changes_only_how_weights_lie():
    plain, transposed = make(text("num_output: 5"), (4, 7)), make(text("num_output: 5 transpose: true"), (4, 7))
    rng = np.random.default_rng(0)
    x, weights, dy = rng.standard_normal((4, 7)), rng.standard_normal((5, 7)), rng.standard_normal((4, 5))
    plain.layer.params[0][...], transposed.layer.params[0][...] = weights, weights.T
    np.testing.assert_allclose(plain.forward(x)[0], transposed.forward(x)[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(plain.backward(dy)[0], transposed.backward(dy)[0], rtol=1e-5, atol=1e-6)
    dw, transposed_dw = plain.layer.param_diffs[0], transposed.layer.param_diffs[0]
    np.testing.assert_allclose(dw, transposed_dw.T, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "options, shape, weights, top",
    [
        ("num_output: 6", (5, 2, 3, 4), (6, 24), (5, 6)),
        ("num_output: 6 axis: 2 transpose: true", (5, 2, 3, 4), (12, 6), (5, 2, 6)),
        ("num_output: 6 axis: 0", (5, 2), (6, 10), (6,)),
    ],
)
def test_shapes(options, shape, weights, top):
    run = make(text(options), shape)
    assert [p.shape for p in run.layer.params] == [weights, (6,)]
    assert run.tops[0].shape == top


def test_only_wanted_gradients_are_computed():
    run = make(text("num_output: 3"), (4, 5))
    run.forward(np.ones((4, 5)))
    run.layer.param_diffs[0] = None
    run.bottom_diffs[0] = None
    run.backward(np.ones((4, 3)))
    np.testing.assert_array_equal(run.layer.param_diffs[1], [4, 4, 4])


@pytest.mark.parametrize(
    "options, shape, message",
    [
        ("", (2, 3), "num_output is 0; expected at least 1"),
        ("num_output: 2 axis: 2", (2, 3), "axis is 2, but the bottom has 2 axes: expected -2 to 1"),
        ("num_output: 2", (2, 0), "dimension 1 is 0; expected at least 1"),
    ],
)
def test_errors(options, shape, message):
    with pytest.raises(LayerError) as error:
        make(text(options), shape)
    assert str(error.value) == message
