"""RReLU, ReLU6, SELU, EltwiseAffine and APL."""

import numpy as np
import pytest
from fork_checks import check_forward, check_plans, check_threads
from harness import gradient_check, make

from minicaffe.errors import LayerError

AFFINE, APL = 'type: "EltwiseAffine" eltwise_affine_param {{ {} }}', 'type: "APL" apl_param {{ {} }}'
RRELU = 'type: "RReLU" rrelu_param { lb: 3 ub: 8 }'
SHAPES = [(4, 6), (2, 3, 4, 5), (2, 1, 3), (3, 2, 1, 2, 2)]


def normal(*shape):
    return np.random.default_rng(5).standard_normal(shape)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "text",
    [
        RRELU,
        'type: "ReLU6"',
        'type: "ReLU6" relu6_param { negative_slope: 0.1 threshold: 0.7 }',
        'type: "SELU"',
        'type: "SeLu" selu_param { lambda: 2 alpha: 0.5 }',
        AFFINE.format(""),
        AFFINE.format("channel_shared: true"),
        APL.format(""),
        APL.format("sums: 1"),
        APL.format("sums: 5"),
    ],
)
def test_gradients(text, shape, in_place):
    for phase in ("TRAIN", "TEST") if "RReLU" in text else ("TRAIN",):
        gradient_check(text, [shape], phase, in_place=in_place)


@pytest.mark.parametrize(
    "text",
    [RRELU, 'type: "ReLU6"', 'type: "SELU"', AFFINE.format(""), AFFINE.format("channel_shared: true"), APL.format("")],
)
def test_same_bits_on_any_number_of_threads(text):
    check_threads(text, (3, 5, 41, 43))


def test_rrelu_in_testing_divides_by_the_mean():
    x = normal(3, 400)
    check_forward(RRELU, [x], lambda x: np.where(x > 0, x, x * 2 / 11), phase="TEST")
    check_forward('type: "RReLU"', [x], lambda x: np.where(x > 0, x, x * 2 / 15), phase="TEST")


def test_rrelu_in_training_divides_each_by_its_own():
    x = -np.exp(normal(50, 400))
    run = make(RRELU, x.shape, dtype="float64")
    first = run.forward(x)[0].copy()
    draws = x / first
    assert draws.min() >= 3 and draws.max() < 8
    assert abs(draws.mean() - 5.5) < 0.05 and abs(draws.std() - 5 / 12**0.5) < 0.05
    np.testing.assert_allclose(run.backward(1)[0], 1 / draws)
    second = run.forward(x)[0].copy()
    assert (first != second).mean() > 0.99 and run.layer.state() == {"forwards": 2}
    run.layer.restore({"forwards": 0})
    np.testing.assert_array_equal(run.forward(x)[0], first)
    np.testing.assert_array_equal(run.forward(-x)[0], -x)


def test_rrelu_of_one_number_is_no_draw():
    text = 'type: "RReLU" rrelu_param { lb: 4 ub: 4 }'
    np.testing.assert_array_equal(make(text, (4,)).forward([-4, -0.5, 0, 2])[0], [-1, -0.125, 0, 2])


def test_relu6():
    x = [-2, 0, 3, 6, 7, np.nan]
    run = make('type: "ReLU6"', (6,))
    np.testing.assert_array_equal(run.forward(x)[0], [0, 0, 3, 6, 6, np.nan])
    np.testing.assert_array_equal(run.backward(2)[0][:5], [0, 0, 2, 0, 0])
    run = make('type: "ReLU6" relu6_param { negative_slope: 0.5 threshold: 3 }', (6,))
    np.testing.assert_array_equal(run.forward(x)[0], [-1, 0, 3, 3, 3, np.nan])
    np.testing.assert_array_equal(run.backward(2)[0][:5], [1, 1, 0, 0, 0])


@pytest.mark.parametrize("kind", ["SELU", "SeLu", "SeLU"])
def test_selu(kind):
    x = normal(4, 50)
    scale, alpha = np.float32(1.050700987), np.float32(1.67326324)
    check_forward(f'type: "{kind}"', [x], lambda x: scale * np.where(x > 0, x, alpha * np.expm1(x)), rtol=1e-6)


def test_eltwise_affine():
    x, slope, bias = normal(2, 3, 4, 5), np.array([2, -1, 0.5]), np.array([1, 2, 3])
    check_forward(AFFINE.format(""), [x], lambda x, a, b: x * a[:, None, None] + b[:, None, None], params=[slope, bias])
    check_forward(
        AFFINE.format("channel_shared: true"), [x], lambda x, a, b: x * a + b, params=[np.array(2), np.array(1)]
    )
    one, other = make(AFFINE.format(""), (2, 3)).layer.params
    np.testing.assert_array_equal([one, other], [[np.float32(1.0001)] * 3, [np.float32(0.0001)] * 3])
    filled = make(AFFINE.format("slope_filler { value: 1 } channel_shared: true"), (2, 3)).layer.params
    assert [param.shape for param in filled] == [(), ()] and filled[0] == 1


def apl(x, slope, offset):
    """Neuron by neuron, hinge by hinge."""
    y, sums = np.maximum(x, 0), slope.shape[2]
    slope, offset = slope.reshape(-1), offset.reshape(-1)
    for n, item in enumerate(x.reshape(len(x), -1)):
        for k, value in enumerate(item):
            for s in range(sums):
                y.reshape(len(x), -1)[n, k] += slope[k * sums + s] * max(offset[k * sums + s] - value, 0)
    return y


@pytest.mark.parametrize("sums", [1, 2, 5])
def test_apl(sums):
    params = [normal(1, 1, sums, 24), normal(1, 1, sums, 24) + 0.3]
    check_forward(APL.format(f"sums: {sums}"), [normal(3, 2, 3, 4)], apl, params=params)


def test_apl_begins_as_the_fork_fills_it():
    slope, offset = make(APL.format("sums: 4 save_mem: true"), (2, 500)).layer.params
    assert slope.shape == offset.shape == (1, 1, 4, 500)
    assert abs(slope).max() <= 0.125 < abs(slope).max() * 1.1 and abs(offset.std() - 0.5) < 0.05


@pytest.mark.parametrize(
    "text, shape, message",
    [
        ('type: "RReLU" rrelu_param { lb: 0 }', (2,), "rrelu_param has lb 0 and ub 10; expected 0 < lb <= ub"),
        ('type: "RReLU" rrelu_param { ub: 3 }', (2,), "rrelu_param has lb 5 and ub 3; expected 0 < lb <= ub"),
        ('type: "ReLU6" relu6_param { threshold: 0 }', (2,), "threshold is 0; expected a positive number"),
        ('type: "ReLU6" relu6_param { negative_slope: -1 }', (2,), "negative_slope is -1; expected 0 or more"),
        ('type: "SELU" selu_param { lambda: 0 }', (2,), "lambda is 0; expected a positive number"),
        ('type: "SELU" selu_param { alpha: nan }', (2,), "alpha is nan; expected a positive number"),
        (AFFINE.format(""), (2,), r"bottom has shape 2.*; expected at least 2 axes, the channels on axis 1"),
        (APL.format(""), (2,), r"bottom has shape 2.*; expected at least 2 axes, items on axis 0"),
        (APL.format("sums: 0"), (2, 2), "sums is 0; expected at least 1"),
    ],
)
def test_errors(text, shape, message):
    with pytest.raises(LayerError, match=f"^{message}$"):
        make(text, shape)


BENCHMARK = """
name: "caffenet_of_forks"
layer { name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param { shape { dim: 4 dim: 3 dim: 19 dim: 19 } shape { dim: 4 }
    data_filler { type: "gaussian" } data_filler { value: 2 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" param { lr_mult: 1 }
  convolution_param { num_output: 8 kernel_size: 3 stride: 2 bias_term: false weight_filler { type: "msra" } } }
layer { name: "bn1" type: "BatchNorm" bottom: "conv1" top: "bn1" }
layer { name: "ea1" type: "EltwiseAffine" bottom: "bn1" top: "ea1"
  eltwise_affine_param { slope_filler { value: 1 } bias_filler { value: 0.0001 } } }
layer { name: "relu1" type: "RReLU" rrelu_param { lb: 10 ub: 30 } bottom: "ea1" top: "ea1" }
layer { name: "pool1" type: "Pooling" bottom: "ea1" top: "pool1" pooling_param { pool: MAX kernel_size: 3 stride: 2 } }
layer { name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2"
  convolution_param { num_output: 8 kernel_size: 3 pad: 1 group: 2 weight_filler { type: "msra" } } }
layer { name: "relu2" type: "APL" bottom: "conv2" top: "conv2" apl_param { sums: 2
  slope_filler { type: "uniform" min: -0.5 max: 0.5 } offset_filler { type: "gaussian" std: 0.5 } } }
layer { name: "conv3" type: "Convolution" bottom: "conv2" top: "conv3"
  convolution_param { num_output: 8 kernel_size: 3 pad: 1 weight_filler { type: "msra" } } }
layer { name: "relu3" type: "SELU" bottom: "conv3" top: "relu3" }
layer { name: "relu4" type: "ReLU6" bottom: "relu3" top: "relu4" }
layer { name: "fc8" type: "InnerProduct" bottom: "relu4" top: "fc8"
  inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc8" bottom: "label" top: "loss" }
"""


def test_both_plans():
    check_plans(BENCHMARK)
