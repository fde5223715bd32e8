"""NVIDIA's BatchNorm of five blobs, BN of SegNet and of PSPNet, and statistics per activation."""

import numpy as np
import pytest
from fork_checks import check_forward, check_plans, check_threads
from harness import gradient_check, make

import minicaffe
from minicaffe import bn_stats
from minicaffe.errors import LayerError
from minicaffe.net import Net
from minicaffe.proto import parse_net

NVIDIA = 'type: "BatchNorm" batch_norm_param {{ scale_bias: true {} }}'
PSPNET = 'type: "BN" bn_param {{ slope_filler {{ type: "constant" value: 1 }} {} }}'
SEGNET = 'type: "BN" bn_param {{ scale_filler {{ type: "constant" value: 1 }} {} }}'
EACH = 'type: "BatchNorm" batch_norm_param {{ per_activation: true {} }}'
SHAPE = (4, 3, 2, 3)


def normal(*shape, seed=5):
    return np.random.default_rng(seed).standard_normal(shape)


def by_channel(x, eps, mean=None, variance=None):
    """The oracle: one channel at a time."""
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        one = x[:, c]
        m, v = (one.mean(), one.var()) if mean is None else (mean.ravel()[c], variance.ravel()[c])
        y[:, c] = (one - m) / np.sqrt(v + eps)
    return y


def spread(vector, x):
    return np.reshape(vector, (1, -1) + (1,) * (x.ndim - 2))


# -- NVIDIA's BatchNorm ------------------------------------------------------------------------------------------

GAMMA, BETA, MEAN, VARIANCE = normal(3, seed=1), normal(3, seed=2), normal(3, seed=3), normal(3, seed=4) ** 2 + 0.5


@pytest.mark.parametrize("shape", [SHAPE, (5, 3), (2, 3, 4)])
def test_five_blobs_with_batch_statistics_and_with_stored_ones(shape):
    x, five = normal(*shape), [MEAN, VARIANCE, np.array([0.0]), GAMMA, BETA]

    def oracle(x, mean, variance, factor, gamma, beta, stored):
        y = by_channel(x, 0.125, *((mean, variance) if stored else ()))
        return y * spread(gamma, x) + spread(beta, x)

    text = NVIDIA.format("eps: 0.125")
    check_forward(text, [x], lambda *a: oracle(*a, stored=False), five)
    check_forward(text, [x], lambda *a: oracle(*a, stored=True), five, phase="TEST")


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_gradient_of_five_blobs(phase, in_place):
    five = [MEAN, VARIANCE, np.array([1.0]), GAMMA, BETA]
    gradient_check(NVIDIA.format(""), [SHAPE], phase, params=five, in_place=in_place)


def test_five_blobs_begin_and_average_as_told():
    run = make(NVIDIA.format("moving_average_fraction: 0.9"), (6, 1))
    assert [blob.shape for blob in run.layer.params] == [(1,)] * 5
    assert [float(blob[0]) for blob in run.layer.params] == [0, 0, 1, 1, 0]
    assert [diff is None for diff in run.layer.param_diffs] == [True, True, True, False, False]
    first, second = normal(6, 1), normal(6, 1, seed=6)
    run.forward(first)
    mean, variance, factor = (float(blob[0]) for blob in run.layer.params[:3])
    assert (mean, variance, factor) == (pytest.approx(first.mean()), pytest.approx(first.var(ddof=1)), 1)
    run.forward(second)
    assert float(run.layer.params[0][0]) == pytest.approx(0.9 * first.mean() + 0.1 * second.mean())
    assert float(run.layer.params[1][0]) == pytest.approx(0.9 * first.var(ddof=1) + 0.1 * second.var(ddof=1), rel=1e-5)


def test_a_filler_alone_asks_for_five_blobs_and_eps_has_a_least():
    filled = 'scale_filler { type: "constant" value: 3 } eps: 0'
    run = make(f'type: "BatchNorm" batch_norm_param {{ {filled} }}', (4, 2))
    assert run.layer.params[3].tolist() == [3, 3]
    assert run.layer.eps == 1e-5


def test_five_blobs_in_a_net_learn_in_both_plans_and_params_count():
    text = NET.replace("LAYER", NVIDIA.format("") + PARAMS)
    check_plans(text)
    net = Net(parse_net(text), minicaffe.TRAIN, seed=1)
    rates = [segment.lr_mult for segment in net.arena.segments if net.graph.params[segment.param].node == NORM]
    assert rates == [2, 3]
    with pytest.raises(LayerError, match="param 1 has lr_mult 1, but the blobs of BatchNorm are statistics"):
        make(NVIDIA.format("") + "param { lr_mult: 0 } param { lr_mult: 1 }", (2, 3))


NET = """
layer { name: "x" type: "DummyData" top: "x" dummy_data_param {
  shape { dim: 5 dim: 2 dim: 4 dim: 4 } data_filler { type: "gaussian" } } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "conv"
  convolution_param { num_output: 3 kernel_size: 3 bias_term: false weight_filler { type: "gaussian" std: 1 } } }
layer { name: "norm" bottom: "conv" top: "norm" LAYER }
layer { name: "relu" type: "ReLU" bottom: "norm" top: "norm" }
layer { name: "ip" type: "InnerProduct" bottom: "norm" top: "ip"
  inner_product_param { num_output: 2 weight_filler { type: "gaussian" std: 1 } } }
layer { name: "t" type: "DummyData" top: "t" dummy_data_param { shape { dim: 5 dim: 2 } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "ip" bottom: "t" top: "loss" }
"""
NORM = 2
PARAMS = "".join(f"param {{ lr_mult: {rate} }}" for rate in (0, 0, 0, 2, 3))


# -- BN of PSPNet --------------------------------------------------------------------------------------------------

FOUR = [GAMMA[None], BETA[None], MEAN[None], VARIANCE[None]]


def pspnet(x, slope, bias, mean, variance, stored, eps=1e-5):
    return by_channel(x, eps, *((mean, variance) if stored else ())) * spread(slope, x) + spread(bias, x)


@pytest.mark.parametrize(
    ("options", "phase", "stored"),
    [
        ("", "TRAIN", False),
        ("", "TEST", True),
        ("frozen: true", "TRAIN", True),
        ("use_global_stats: false", "TEST", False),
        ("use_global_stats: true", "TRAIN", True),
    ],
)
def test_bn_of_pspnet(options, phase, stored):
    x = normal(*SHAPE)
    check_forward(PSPNET.format(options), [x], lambda *a: pspnet(*a, stored=stored), FOUR, phase=phase)
    gradient_check(PSPNET.format(options), [SHAPE], phase, params=FOUR)
    gradient_check(PSPNET.format(options), [SHAPE], phase, params=FOUR, in_place=True)


def test_bn_of_pspnet_keeps_a_moving_average_of_biased_variances():
    run = make(PSPNET.format("momentum: 0.75 eps: 0.01"), (6, 1))
    assert [float(blob[0, 0]) for blob in run.layer.params] == [1, 0, 0, 0]
    x = normal(6, 1)
    run.forward(x)
    run.forward(x)
    part = 1 - 0.75**2
    assert float(run.layer.params[2][0, 0]) == pytest.approx(part * x.mean())
    assert float(run.layer.params[3][0, 0]) == pytest.approx(part * x.var(), rel=1e-5)


def test_frozen_learns_nothing_and_begins_with_variance_one():
    run = make(PSPNET.format("frozen: true"), (2, 3, 4, 4))
    assert run.layer.param_diffs == [None] * 4
    assert [float(blob[0, 0]) for blob in run.layer.params] == [1, 0, 0, 1]
    run.forward(normal(2, 3, 4, 4))
    assert [float(blob[0, 0]) for blob in run.layer.params] == [1, 0, 0, 1]


# -- BN of SegNet --------------------------------------------------------------------------------------------------

TWO = [GAMMA.reshape(1, 3, 1, 1), BETA.reshape(1, 3, 1, 1)]


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_bn_of_segnet_learns_from_batches_in_both_phases_or_scales_and_shifts(phase):
    x = normal(*SHAPE)
    learn, inference = SEGNET.format(""), SEGNET.format("bn_mode: INFERENCE")
    check_forward(learn, [x], lambda x, g, b: by_channel(x, 1e-9) * g + b, TWO, phase=phase)
    check_forward(inference, [x], lambda x, g, b: x * g + b, TWO, phase=phase)
    for text in (learn, inference):
        gradient_check(text, [SHAPE], phase, params=TWO)
        gradient_check(text, [SHAPE], phase, params=TWO, in_place=True)


def test_fields_of_both_forks_are_refused():
    with pytest.raises(LayerError) as error:
        make(PSPNET.format("bn_mode: INFERENCE"), (2, 3))
    assert str(error.value) == "found slope_filler of PSPNet and bn_mode of SegNet; expected the fields of one fork"
    with pytest.raises(LayerError, match="the bottom has no axes; expected at least 1"):
        make(SEGNET.format(""), ())


# -- all of them ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [NVIDIA, PSPNET, SEGNET, EACH])
def test_threads_and_plans(text):
    check_threads(text.format(""), SHAPE)
    check_plans(NET.replace("LAYER", text.format("")))
    losses = []
    for plan in ("inspect", "fast"):  # in TEST a convolution takes in what follows it, but not these
        with Net(parse_net(NET.replace("LAYER", text.format(""))), minicaffe.TEST, seed=2, plan=plan) as net:
            for node in bn_stats.normalising(net):
                bn_stats.put(net, {node.name: bn_stats.Statistics(*(a * 0 + 1.5 for a in node.layer.statistics()))})
            losses.append(float(net.forward()["loss"]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.parametrize(("text", "degrees"), [(NVIDIA, 1), (PSPNET, 0), (EACH, 1)])
def test_exact_statistics(text, degrees):
    file = parse_net(NET.replace("LAYER", text.format("")))
    with Net(file, minicaffe.TRAIN, seed=2) as one, Net(file, minicaffe.TRAIN, seed=2, plan="fast") as other:
        found, met = bn_stats.measure(other, 3)["norm"], []
        axes = 0 if text is EACH else (0, 2, 3)
        for _ in range(3):
            one.forward()
            x = one.blobs["conv"].data
            met.append((x.mean(axes), x.var(axes, ddof=degrees)))
        shape = other.params["norm"][-1 if text is PSPNET else 0].shape
        for got, expected in zip(found, np.mean(np.array(met, np.float64), axis=0)):
            assert got.shape == shape
            np.testing.assert_allclose(got.ravel(), expected.ravel(), rtol=1e-4, atol=1e-5)
        bn_stats.put(one, {"norm": found})
        for got, put in zip(bn_stats.stored(bn_stats.normalising(one)[0]), found):
            np.testing.assert_allclose(got, put, rtol=1e-6)


# -- per activation ------------------------------------------------------------------------------------------------


def test_per_activation_is_a_normalisation_of_each_element_over_the_batch():
    x = normal(6, 3, 2, 2)

    def oracle(x, *_):
        y = np.empty_like(x)
        for place in np.ndindex(x.shape[1:]):
            one = x[(slice(None), *place)]
            y[(slice(None), *place)] = (one - one.mean()) / np.sqrt(one.var() + 1e-5)
        return y

    check_forward(EACH.format(""), [x], oracle)
    run = make(EACH.format(""), (6, 3, 2, 2))
    run.forward(x)
    assert [blob.shape for blob in run.layer.params] == [(3, 2, 2), (3, 2, 2), (1,)]
    np.testing.assert_allclose(run.layer.params[0], x.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(run.layer.params[1], x.var(0, ddof=1), rtol=1e-5)
    for in_place in (False, True):
        gradient_check(EACH.format(""), [(6, 3, 2, 2)], in_place=in_place)
        gradient_check(EACH.format(""), [(6, 3)], in_place=in_place)
    stored = [normal(3, 2, 2), normal(3, 2, 2, seed=8) ** 2 + 1, np.array([2.0])]
    gradient_check(EACH.format(""), [(4, 3, 2, 2)], "TEST", params=stored)
    check_forward(EACH.format(""), [x], lambda x, m, v, f: (x - m / 2) / np.sqrt(v / 2 + 1e-5), stored, phase="TEST")


def test_per_activation_of_features_is_what_batchnorm_does_anyway():
    each, usual = make(EACH.format(""), (5, 4)), make('type: "BatchNorm"', (5, 4))
    x = normal(5, 4)
    np.testing.assert_array_equal(each.forward(x)[0], usual.forward(x)[0])
    with pytest.raises(LayerError) as error:
        make(NVIDIA.format("per_activation: true"), (5, 4))
    assert str(error.value) == "found per_activation and scale_bias; expected at most one of them"
