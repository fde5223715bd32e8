import numpy as np
import pytest
from harness import gradient_check, make

from minicaffe.errors import LayerError

SPANS = [
    ("", (3, 4, 2)),
    ("axis: 0", (3, 4)),
    ("axis: 1 num_axes: 2", (2, 3, 4, 2)),
    ("axis: 1 num_axes: -1", (2, 3, 4)),
    ("axis: -1", (2, 3, 4)),
    ("num_axes: 0", (2, 3)),
]


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("options, shape", SPANS)
def test_gradient_of_parameters(options, shape, in_place):
    gradient_check(f'type: "Scale" scale_param {{ {options} }}', [shape], in_place=in_place)
    gradient_check(f'type: "Scale" scale_param {{ bias_term: true {options} }}', [shape], in_place=in_place)
    gradient_check(f'type: "Bias" bias_param {{ {options} }}', [shape], in_place=in_place)


@pytest.mark.parametrize("axis, other", [(1, (3, 4)), (0, (2,)), (0, (2, 3, 4, 2)), (-1, (2,)), (0, ())])
def test_gradient_of_two_bottoms(axis, other):
    shapes = [(2, 3, 4, 2), other]
    gradient_check(f'type: "Scale" scale_param {{ axis: {axis} }}', shapes)
    gradient_check(f'type: "Scale" scale_param {{ axis: {axis} bias_term: true }}', shapes)
    gradient_check(f'type: "Bias" bias_param {{ axis: {axis} }}', shapes)


def test_parameters_are_gamma_then_beta_and_start_as_identity():
    run = make('type: "Scale" scale_param { bias_term: true }', (2, 3))
    gamma, beta = run.layer.params
    assert (gamma.tolist(), beta.tolist()) == ([1, 1, 1], [0, 0, 0])
    filled = make('type: "Scale" scale_param { filler { value: 2 } bias_term: true bias_filler { value: 5 } }', (2, 3))
    assert [blob.tolist() for blob in filled.layer.params] == [[2, 2, 2], [5, 5, 5]]


def test_parameters_without_gradient_are_left_alone():
    run = make('type: "Scale" scale_param { bias_term: true }', (2, 3))
    run.layer.param_diffs = [None, None]
    run.forward(np.ones((2, 3)))
    (dx,) = run.backward(np.full((2, 3), 4.0))
    np.testing.assert_array_equal(dx, np.full((2, 3), 4.0))


@pytest.mark.parametrize("layer, field", [("Scale", "scale_param"), ("Bias", "bias_param")])
@pytest.mark.parametrize(
    "options, shapes, text",
    [
        ("axis: 3", [(2, 3)], "axis is 3, but the bottom has 2 axes: expected -2 to 1"),
        ("axis: 1 num_axes: 2", [(2, 3)], r"axis 1 and num_axes 2 reach beyond the bottom, which has 2 axes \(2 x 3\)"),
        ("num_axes: -2", [(2, 3)], r"num_axes is -2; expected -1 \(to the end\) or more"),
        ("", [(2, 3), (4,)], "bottom 1 has shape 4, but bottom 0 has 2 x 3: expected the dimensions .* from axis 1 on"),
        ("", [(2, 3), (3, 1)], "bottom 1 has shape 3 x 1, but bottom 0 has 2 x 3"),
    ],
)
def test_shapes_that_do_not_fit(layer, field, options, shapes, text):
    with pytest.raises(LayerError, match=text):
        make(f'type: "{layer}" {field} {{ {options} }}', *shapes)
