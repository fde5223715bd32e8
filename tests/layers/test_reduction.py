import numpy as np
import pytest
from harness import gradient_check, make

from minicaffe.errors import LayerError
from minicaffe.net import Net
from minicaffe.proto import parse_net

OPERATIONS = {
    "SUM": lambda x, axes: x.sum(axes),
    "ASUM": lambda x, axes: np.abs(x).sum(axes),
    "SUMSQ": lambda x, axes: (x * x).sum(axes),
    "MEAN": lambda x, axes: x.mean(axes),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("axis, first", [(0, 0), (1, 1), (2, 2), (-1, 2), (-3, 0)])
def test_formula_and_gradient(operation, axis, first):
    text = f'type: "Reduction" reduction_param {{ operation: {operation} axis: {axis} coeff: -1.5 }}'
    x = np.random.default_rng(1).standard_normal((2, 3, 4))
    (y,) = make(text, x.shape).forward(x)
    assert y.shape == x.shape[:first]
    np.testing.assert_allclose(y, -1.5 * OPERATIONS[operation](x, tuple(range(first, 3))), rtol=1e-5, atol=1e-6)
    gradient_check(text, [x.shape])


def test_rows_longer_than_a_block():
    x = np.random.default_rng(1).standard_normal((2, 3, 5000))
    (y,) = make('type: "Reduction" reduction_param { operation: MEAN axis: 1 }', x.shape).forward(x)
    np.testing.assert_allclose(y, x.mean((1, 2)), rtol=1e-5)


def test_magnitudes_have_no_slope_at_0():
    run = make('type: "Reduction" reduction_param { operation: ASUM }', (3,))
    run.forward([-1, 0, 2])
    np.testing.assert_array_equal(run.backward(2)[0], [-2, 0, 2])


@pytest.mark.parametrize("shape, axis", [((2, 3), 2), ((2, 3), -3), ((), 0)])
def test_an_axis_out_of_range(shape, axis):
    with pytest.raises(LayerError, match=rf"^axis is {axis}, but the bottom has {len(shape)} axes"):
        make(f'type: "Reduction" reduction_param {{ axis: {axis} }}', shape)


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_its_top_may_be_a_loss_of_several_numbers(plan):
    text = (
        'force_backward: true layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }'
        'layer { name: "r" type: "Reduction" bottom: "x" top: "y" loss_weight: 0.5 '
        "reduction_param { operation: SUMSQ axis: 1 } }"
    )
    net = Net(parse_net(text), "TRAIN", plan=plan)
    net.blobs["x"].data[...] = x = np.arange(6).reshape(2, 3)
    net.forward()
    assert net.loss == 0.5 * (x * x).sum()
    net.backward()
    np.testing.assert_array_equal(net.blobs["x"].diff, x)
