"""ConvolutionDepthwise, DepthwiseConvolution, Axpy, ShuffleChannel, Permute; Pooling's ceil_mode."""

import numpy as np
import pytest
from fork_checks import check_forward, check_plans, check_threads
from harness import gradient_check, make

import minicaffe
from minicaffe.errors import LayerError
from minicaffe.net import Net
from minicaffe.proto import parse_net

DEPTHWISE = 'type: "{}" convolution_param {{ num_output: {} kernel_size: 3 {} }}'
SHUFFLE = 'type: "ShuffleChannel" shuffle_channel_param {{ group: {} }}'
PERMUTE = 'type: "Permute" permute_param {{ {} }}'


def normal(*shape):
    return np.random.default_rng(5).standard_normal(shape)


@pytest.mark.parametrize("kind", ["ConvolutionDepthwise", "DepthwiseConvolution"])
@pytest.mark.parametrize("options", ["", "group: 4 pad: 1", "stride: 2 pad: 1 bias_term: false"])
def test_depthwise_is_a_convolution_in_groups(kind, options):
    gradient_check(DEPTHWISE.format(kind, 4, options), [(2, 4, 5, 6)])
    text = DEPTHWISE.format(
        "Convolution", 4, f"{options} group: 4".replace("group: 4 pad: 1 group: 4", "pad: 1 group: 4")
    )
    one, other = make(DEPTHWISE.format(kind, 4, options), (2, 4, 5, 6)), make(text, (2, 4, 5, 6))
    x = normal(2, 4, 5, 6)
    for run in (one, other):
        assert run.layer.params[0].shape == (4, 1, 3, 3)
        run.layer.params[0][...] = normal(4, 1, 3, 3)
    np.testing.assert_array_equal(one.forward(x)[0], other.forward(x)[0])


def test_depthwise_by_hand():
    run = make(DEPTHWISE.format("DepthwiseConvolution", 2, "bias_term: false"), (1, 2, 3, 3))
    run.layer.params[0][...] = [[np.ones((3, 3))], [np.eye(3)]]
    assert run.forward(np.arange(18).reshape(1, 2, 3, 3))[0].reshape(-1).tolist() == [36, 9 + 13 + 17]


@pytest.mark.parametrize("shape, inner", [((2, 3), ()), ((2, 3, 1, 1), (4, 5)), ((2, 3), (7,)), ((2, 3, 1), (2, 2, 2))])
def test_axpy(shape, inner):
    a, x, z = normal(*shape), normal(2, 3, *inner) + 1, normal(2, 3, *inner)
    factors = a.reshape(2, 3, *[1] * len(inner))
    check_forward('type: "Axpy"', [a, x, z], lambda a, x, z: factors * x + z)
    gradient_check('type: "Axpy"', [shape, x.shape, x.shape])


@pytest.mark.parametrize("group", [1, 2, 3, 6])
def test_shuffle_channel(group):
    x, expected = normal(2, 6, 3, 2), np.empty((2, 6, 3, 2))
    for g in range(group):
        for c in range(6 // group):
            expected[:, c * group + g] = x[:, g * (6 // group) + c]
    check_forward(SHUFFLE.format(group), [x], lambda x: expected)
    gradient_check(SHUFFLE.format(group), [(2, 6, 3, 2)])
    gradient_check(SHUFFLE.format(group), [(2, 6)])


@pytest.mark.parametrize("order", [(0, 2, 3, 1), (3,), (), (1, 0), (2, 0, 3, 1)])
def test_permute(order):
    x, text = normal(2, 3, 4, 5), PERMUTE.format(" ".join(f"order: {axis}" for axis in order))
    full = [*order, *[axis for axis in range(4) if axis not in order]]

    def oracle(x):
        y = np.empty([x.shape[axis] for axis in full])
        for at in np.ndindex(*x.shape):
            y[tuple(at[axis] for axis in full)] = x[at]
        return y

    check_forward(text, [x], oracle)
    gradient_check(text, [(2, 3, 4, 5)])


@pytest.mark.parametrize("size", [7, 8])
def test_ceil_mode_is_another_word_for_round_mode(size):
    text = 'type: "Pooling" pooling_param {{ kernel_size: 3 stride: 2 {} }}'
    x = normal(1, 2, size, size)
    for word, other in (("ceil_mode: false", "round_mode: FLOOR"), ("ceil_mode: true", "")):
        for options in (word, f"{word} round_mode: {'FLOOR' if 'false' in word else 'CEIL'}"):
            one, two = (make(text.format(mode), x.shape).forward(x)[0] for mode in (options, other))
            np.testing.assert_array_equal(one, two)
    assert make(text.format("ceil_mode: false"), (1, 1, 8, 8)).tops[0].shape == (1, 1, 3, 3)


POOL = 'type: "Pooling" pooling_param {{ kernel_size: 3 {} }}'


@pytest.mark.parametrize(
    "text, shapes, message",
    [
        (
            DEPTHWISE.format("ConvolutionDepthwise", 4, "group: 2"),
            [(1, 4, 5, 5)],
            "group is 2 and num_output 4; expected one group for each channel",
        ),
        (
            DEPTHWISE.format("DepthwiseConvolution", 4, ""),
            [(1, 2, 5, 5)],
            "num_output is 4, but the bottom has 2 channels; expected the same number",
        ),
        (DEPTHWISE.format("ConvolutionDepthwise", 0, ""), [(1, 4, 5, 5)], "num_output is 0; expected at least 1"),
        (
            'type: "Axpy"',
            [(2, 3, 2), (2, 3, 4), (2, 3, 4)],
            r"bottom 0 is 2 x 3 x 2.*, bottom 1 2 x 3 x 4.*; expected N x C \(x 1 x 1\) and N x C x ...",
        ),
        (
            'type: "Axpy"',
            [(2, 3), (2, 3, 4), (2, 3, 1)],
            "bottom 2 is 2 x 3 x 1.*; expected the same",
        ),
        (SHUFFLE.format(0), [(2, 3)], "group is 0; expected at least 1"),
        (SHUFFLE.format(2), [(2, 3)], "the bottom has 3 channels, which group 2 does not divide"),
        (SHUFFLE.format(1), [(2,)], "bottom has shape 2.*; expected at least 2 axes, the channels on axis 1"),
        (PERMUTE.format("order: 1 order: 1"), [(2, 2)], "order names axis 1 more than once; expected each axis once"),
        (
            PERMUTE.format("order: 2"),
            [(2, 3)],
            r"order names axis 2, but the bottom has 2 axes \(2 x 3.*\); expected 0 to 1",
        ),
        (
            POOL.format("ceil_mode: false round_mode: CEIL"),
            [(1, 1, 5, 5)],
            "found ceil_mode: false beside round_mode: CEIL; expected one of them",
        ),
    ],
)
def test_errors(text, shapes, message):
    with pytest.raises(LayerError, match=f"^{message}$"):
        make(text, *shapes)


def test_same_bits_on_any_number_of_threads():
    check_threads('type: "Axpy"', (7, 40, 1, 1), (7, 40, 9, 9), (7, 40, 9, 9))


NET = """
layer { name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param { shape { dim: 8 dim: 3 dim: 18 dim: 18 } shape { dim: 8 }
    data_filler { type: "gaussian" } data_filler { value: 2 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 32 kernel_size: 3 stride: 2 weight_filler { type: "msra" } } }
layer { name: "apart" type: "ConvolutionDepthwise" bottom: "conv1" top: "apart"
  convolution_param { num_output: 32 kernel_size: 3 pad: 1 weight_filler { type: "msra" } } }
layer { name: "relu" type: "ReLU" bottom: "apart" top: "apart" }
layer { name: "shuffle" type: "ShuffleChannel" bottom: "apart" top: "shuffle" shuffle_channel_param { group: 4 } }
layer { name: "dw" type: "DepthwiseConvolution" bottom: "shuffle" top: "dw"
  convolution_param { num_output: 32 group: 32 kernel_size: 3 pad: 1 weight_filler { type: "msra" } } }
layer { name: "squeeze" type: "Pooling" bottom: "dw" top: "squeeze" pooling_param { pool: AVE global_pooling: true } }
layer { name: "excite" type: "Sigmoid" bottom: "squeeze" top: "excite" }
layer { name: "axpy" type: "Axpy" bottom: "excite" bottom: "dw" bottom: "conv1" top: "axpy" }
layer { name: "pool" type: "Pooling" bottom: "axpy" top: "pool"
  pooling_param { pool: MAX kernel_size: 3 stride: 2 ceil_mode: false } }
layer { name: "perm" type: "Permute" bottom: "pool" top: "perm" permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "fc" type: "InnerProduct" bottom: "perm" top: "fc"
  inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
"""


def test_both_plans():
    check_plans(NET)


def test_depthwise_layers_have_row_kernels_in_inference():
    net = Net(parse_net(NET), minicaffe.TEST, seed=3, plan="fast")
    assert not {node.name for node in net.runner.plan.plain} & {"apart", "dw", "pool"}


def test_what_follows_a_depthwise_convolution_folds_into_it():
    text = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 32 dim: 9 dim: 9 } } }
layer { name: "dw" type: "DepthwiseConvolution" bottom: "data" top: "dw"
  convolution_param { num_output: 32 kernel_size: 3 pad: 1 bias_term: false weight_filler { type: "msra" } } }
layer { name: "bn" type: "BatchNorm" bottom: "dw" top: "dw" }
layer { name: "scale" type: "Scale" bottom: "dw" top: "dw" scale_param { bias_term: true filler { value: 2 } } }
layer { name: "relu" type: "ReLU" bottom: "dw" top: "dw" }
"""
    outputs = []
    for plan in ("inspect", "fast"):
        net = Net(parse_net(text), minicaffe.TEST, seed=3, plan=plan)
        for i, value in enumerate((0.3, 2, 1)):
            net.params["bn"][i].data[...] = value
        net.params["scale"][1].data[...] = 0.5
        net.blobs["data"].data[...] = normal(2, 32, 9, 9)
        outputs.append(np.copy(net.forward()["dw"]))
    np.testing.assert_allclose(outputs[1], outputs[0], rtol=1e-4, atol=1e-5)
