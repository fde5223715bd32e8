import numpy as np
import pytest
from harness import gradient_check, make

from minicaffe.errors import LayerError
from minicaffe.layers import layer_class

HALVES = {  # of 0.5
    "Sigmoid": 1 / (1 + np.exp(-0.5)),
    "TanH": np.tanh(0.5),
    "ReLU": 0.5,
    "ELU": 0.5,
    "Swish": 0.5 / (1 + np.exp(-0.5)),
    "BNLL": np.log1p(np.exp(0.5)),
    "AbsVal": 0.5,
    "Threshold": 1.0,
    "Clip": 0.25,
}
LIMITS = "clip_param { min: -0.5 max: 0.25 }"


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("options", ["", "relu_param { negative_slope: 0.2 }", "relu_param { negative_slope: -0.5 }"])
def test_relu_gradient(options, in_place):
    gradient_check(f'type: "ReLU" {options}', [(3, 4, 5)], in_place=in_place)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("type_name", ["Sigmoid", "TanH", "ELU", "Swish"])
def test_smooth_gradients(type_name, in_place):
    gradient_check(f'type: "{type_name}"', [(3, 4, 5)], in_place=in_place)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        'type: "ELU" elu_param { alpha: 0.3 }',
        'type: "ELU" elu_param { alpha: -2 }',
        'type: "ELU" elu_param { alpha: 0 }',
        'type: "Swish" swish_param { beta: 2.5 }',
        'type: "Swish" swish_param { beta: -1 }',
        'type: "AbsVal"',
        f'type: "Clip" {LIMITS}',
    ],
)
def test_gradients_apart_and_in_place(text, in_place):
    gradient_check(text, [(3, 4, 5)], in_place=in_place)


def test_bnll_gradient():
    gradient_check('type: "BNLL"', [(3, 4, 5)])


def test_bnll_in_place_takes_its_result_for_its_bottom_as_caffe_does():
    run = make('type: "BNLL" bottom: "x" top: "x"', (3,), in_place=True)
    assert run.layer.backward_reads == ("tops",)
    (y,) = run.forward([-1, 0, 2])
    (dx,) = run.backward(1)
    np.testing.assert_allclose(dx, 1 / (1 + np.exp(-y)), rtol=1e-6)


def test_bnll_neither_overflows_nor_vanishes():
    (y,) = make('type: "BNLL"', (4,)).forward([-60, -20, 60, 1e30])
    np.testing.assert_allclose(y, [np.exp(-60), np.log1p(np.exp(-20)), 60, 1e30], rtol=1e-6)


@pytest.mark.parametrize("type_name", HALVES)
@pytest.mark.parametrize("shape", [(), (1,), (2, 3, 1, 1, 4)])
def test_any_number_of_axes(type_name, shape):
    run = make(f'type: "{type_name}"' + LIMITS * (type_name == "Clip"), shape)
    (top,) = run.forward(np.full(shape, 0.5))
    assert top.shape == shape
    np.testing.assert_allclose(top, HALVES[type_name], rtol=1e-6)


def test_relu_reads_its_bottom_in_backward_only_where_the_top_does_not_tell():
    assert make('type: "ReLU"', (2,)).layer.backward_reads == ("tops",)
    negative = make('type: "ReLU" relu_param { negative_slope: -1 }', (2,))
    assert negative.layer.backward_reads == ("bottoms",)
    assert layer_class("ReLU").backward_reads == ("tops",)


def test_edges():
    x = [-2, -0.5, -0.25, 0, 0.25, 2]
    run = make(f'type: "Clip" {LIMITS}', (6,))
    np.testing.assert_array_equal(run.forward(x)[0], [-0.5, -0.5, -0.25, 0, 0.25, 0.25])
    np.testing.assert_array_equal(run.backward(3)[0], [0, 3, 3, 3, 3, 0])
    run = make('type: "AbsVal"', (6,))
    run.forward(x)
    np.testing.assert_array_equal(run.backward(3)[0], [-3, -3, -3, 0, 3, 3])
    (y,) = make('type: "Threshold" threshold_param { threshold: 0.25 }', (6,)).forward(x)
    np.testing.assert_array_equal(y, [0, 0, 0, 0, 0, 1])


@pytest.mark.parametrize(
    "options, message",
    [
        ("", r"clip_param has no min; expected min and max"),
        ("clip_param { min: 2 max: 1 }", r"clip_param has min 2 and max 1; expected min <= max"),
        ("clip_param { min: nan max: 1 }", r"clip_param has min nan and max 1; expected min <= max"),
    ],
)
def test_clip_needs_two_limits_in_order(options, message):
    with pytest.raises(LayerError, match=f"^{message}$"):
        make(f'type: "Clip" {options}', (2,))


def test_threshold_has_no_gradient():
    assert make('type: "Threshold"', (2,)).bottom_diffs == [None]
