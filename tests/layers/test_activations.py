import numpy as np
import pytest
from harness import gradient_check, make

from minicaffe.layers import layer_class

TYPES = ["Sigmoid", "TanH", "ReLU"]


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("options", ["", "relu_param { negative_slope: 0.2 }", "relu_param { negative_slope: -0.5 }"])
def test_relu_gradient(options, in_place):
    gradient_check(f'type: "ReLU" {options}', [(3, 4, 5)], in_place=in_place)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("type_name", ["Sigmoid", "TanH"])
def test_smooth_gradients(type_name, in_place):
    gradient_check(f'type: "{type_name}"', [(3, 4, 5)], in_place=in_place)


@pytest.mark.parametrize("type_name", TYPES)
@pytest.mark.parametrize("shape", [(), (1,), (2, 3, 1, 1, 4)])
def test_any_number_of_axes(type_name, shape):
    run = make(f'type: "{type_name}"', shape)
    (top,) = run.forward(np.full(shape, 0.5))
    expected = {"Sigmoid": 1 / (1 + np.exp(-0.5)), "TanH": np.tanh(0.5), "ReLU": 0.5}[type_name]
    assert top.shape == shape
    np.testing.assert_allclose(top, expected, rtol=1e-6)


def test_relu_reads_its_bottom_in_backward_only_where_the_top_does_not_tell():
    assert make('type: "ReLU"', (2,)).layer.backward_reads == ("tops",)
    negative = make('type: "ReLU" relu_param { negative_slope: -1 }', (2,))
    assert negative.layer.backward_reads == ("bottoms",)
    assert layer_class("ReLU").backward_reads == ("tops",)
