"""Exact statistics against NumPy, and who notices that they were measured."""

import numpy as np
import pytest

import minicaffe as caffe
from minicaffe import bn_stats
from minicaffe.errors import GraphError, NonFiniteError
from minicaffe.proto import parse_net

NET = """
name: "two"
layer {{ name: "x" type: "DummyData" top: "x"
        dummy_data_param {{ shape {{ dim: 6 dim: 2 dim: 3 dim: 4 }}
                            data_filler {{ type: "{filler}" min: -1 max: 3 }} }} }}
layer {{ name: "conv" type: "Convolution" bottom: "x" top: "conv"
        convolution_param {{ num_output: 3 kernel_size: 1 weight_filler {{ type: "gaussian" std: 1 }} }} }}
layer {{ name: "bn1" type: "BatchNorm" bottom: "conv" top: "bn1" {options} }}
layer {{ name: "relu" type: "ReLU" bottom: "bn1" top: "relu" }}
layer {{ name: "ip" type: "InnerProduct" bottom: "relu" top: "ip"
        inner_product_param {{ num_output: 4 weight_filler {{ type: "gaussian" std: 1 }} }} }}
layer {{ name: "bn2" type: "BatchNorm" bottom: "ip" top: "bn2" }}
layer {{ name: "target" type: "DummyData" top: "target" dummy_data_param {{ shape {{ dim: 6 dim: 4 }} }} }}
layer {{ name: "loss" type: "EuclideanLoss" bottom: "bn2" bottom: "target" top: "loss" }}
"""


def net_of(phase="TRAIN", plan="inspect", filler="uniform", options="", **how):
    return caffe.Net(parse_net(NET.format(filler=filler, options=options)), phase, seed=4, plan=plan, **how)


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_statistics_are_the_means_over_batches_of_what_each_layer_met(plan):
    with net_of() as plain, net_of(plan=plan) as net:
        met = {"bn1": [], "bn2": []}
        for _ in range(5):
            plain.forward()
            for name, blob in (("bn1", "conv"), ("bn2", "ip")):
                x = np.moveaxis(plain.blobs[blob].data.astype(np.float64), 1, 0)
                x = x.reshape(x.shape[0], -1)
                met[name].append((x.mean(1), x.var(1, ddof=1)))
        found = bn_stats.measure(net, 5)
    for name, batches in met.items():
        for got, expected in zip(found[name], np.mean(batches, axis=0)):
            assert got.dtype == np.float64
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_what_was_stored_stays_and_the_same_data_give_the_same_bits(plan):
    with net_of(plan=plan) as net:
        for _ in range(3):
            net.forward()
        before, place = net.arena.state.copy(), net.state()
        first = bn_stats.measure(net, 4)
        np.testing.assert_array_equal(net.arena.state, before)
        net.restore_state(place)
        again = bn_stats.measure(net, 4)
    for name in first:
        for one, other in zip(first[name], again[name]):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_a_test_net_that_is_given_them_uses_them(plan):
    with net_of() as train, net_of("TEST", plan, filler="constant") as test:
        found = bn_stats.measure(train, 3)
        test.forward()  # kernels have met the old ones
        bn_stats.put(test, found)
        test.forward()
        assert [float(test.params[name][2].data[0]) for name in ("bn1", "bn2")] == [1, 1]
        x = np.zeros((6, 3, 3, 4)) + test.params["conv"][1].data[:, None, None]
        mean, variance = (array[:, None, None] for array in found["bn1"])
        y = np.maximum((x - mean) / np.sqrt(variance + 1e-5), 0).reshape(6, -1)
        z = y @ test.params["ip"][0].data.T + test.params["ip"][1].data
        z = (z - found["bn2"].mean) / np.sqrt(found["bn2"].variance + 1e-5)
        assert float(test.blobs["loss"].data) == pytest.approx((z**2).sum() / 12, rel=1e-3)


def test_layers_that_use_stored_statistics_in_training_are_left_alone():
    with net_of(options="batch_norm_param { use_global_stats: true }") as net:
        assert [node.name for node in bn_stats.normalising(net)] == ["bn1", "bn2"]
        assert list(bn_stats.measure(net, 1)) == ["bn2"]


def test_a_net_without_such_layers_is_refused():
    file = bn_stats.with_statistics(parse_net(NET.format(filler="uniform", options="")), use_stored=True)
    with caffe.Net(file, "TRAIN") as net, pytest.raises(GraphError) as error:
        bn_stats.measure(net, 1)
    assert str(error.value) == (
        'net "two" has no layer that normalises by its batch\'s statistics in phase TRAIN; '
        "expected a BatchNorm without use_global_stats: true"
    )


def test_statistics_that_are_not_finite_are_refused_and_what_was_stored_stays():
    with net_of() as net:
        net.forward()
        before = net.arena.state.copy()
        net.params["conv"][1].data[1] = np.inf
        with pytest.raises(
            NonFiniteError, match=r'layer "bn1" \(BatchNorm\): the statistics of batch 0 are not finite'
        ):
            bn_stats.measure(net, 2)
        np.testing.assert_array_equal(net.arena.state, before)


def test_a_layer_says_what_it_has_stored():
    with net_of() as net:
        node = bn_stats.normalising(net)[0]
        assert bn_stats.stored(node) is None
        net.params["bn1"][0].data[...], net.params["bn1"][1].data[...] = 3, 8
        net.params["bn1"][2].data[...] = 2
        mean, variance = bn_stats.stored(node)
        assert (mean.tolist(), variance.tolist()) == ([1.5] * 3, [4] * 3)
