"""First weights: at right angles, of variance 1 behind every layer, whatever stands between; and what is left alone."""

import numpy as np
import pytest

from minicaffe import Net
from minicaffe.analysis.initialise import initialise
from minicaffe.deploy import with_source
from minicaffe.errors import DataError, UsageError
from minicaffe.proto import parse_net

NET = """
name: "start"
layer { name: "x" type: "DummyData" top: "x" top: "label" dummy_data_param {
  shape { dim: 16 dim: 3 dim: 10 dim: 10 } shape { dim: 16 }
  data_filler { type: "gaussian" std: 40 mean: 5 } data_filler { type: "constant" value: 2 } } }
layer { name: "c1" type: "Convolution" bottom: "x" top: "c1"
  convolution_param { num_output: 8 kernel_size: 3 bias_filler { type: "constant" value: 0.25 } } }
layer { name: "bn" type: "BatchNorm" bottom: "c1" top: "c1" }
layer { name: "r1" type: "ReLU" bottom: "c1" top: "c1" }
layer { name: "c2" type: "Convolution" bottom: "c1" top: "c2"
  convolution_param { num_output: 6 kernel_size: 3 group: 2 } }
layer { name: "s2" type: "Sigmoid" bottom: "c2" top: "c2" }
layer { name: "ip" type: "InnerProduct" bottom: "c2" top: "ip" inner_product_param { num_output: 4 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""


def rows(weight):
    return weight.reshape(len(weight), -1).astype(np.float64)


def outputs(net, layer):
    """What ``layer`` puts out, before anything in place behind it."""
    net.forward(end=layer)
    node = next(node for node in net.graph.nodes if node.name == layer)
    return net.value(node.tops[0]).data


@pytest.mark.parametrize("tolerance", [0.1, 0.001])
def test_lsuv_gives_every_layers_outputs_variance_one(tolerance):
    with Net(parse_net(NET), "TRAIN", seed=4) as net:
        heard = []
        found = initialise(net, "lsuv", tolerance, told=heard.append)
        assert heard == found and [one.layer for one in found] == ["c1", "c2", "ip"]
        assert found[0].before > 10 and found[0].trials >= 1
        for one in found:
            assert abs(one.after - 1) < tolerance
        for name in ("c2", "ip"):  # behind BatchNorm and Sigmoid, other noise makes little difference
            assert outputs(net, name).std() == pytest.approx(1, abs=0.15)


def test_variances_are_within_a_tenth_of_one_if_nothing_else_is_said():
    with Net(parse_net(NET), "TRAIN", seed=4) as net:
        assert all(abs(one.after**2 - 1) < 0.1 for one in initialise(net))


def test_orthonormal_weights_are_those_of_the_filler():
    with Net(parse_net(NET), "TRAIN", seed=4) as net:
        found = initialise(net, "orthonormal")
        assert {one.trials for one in found} == {0} and all(one.before == one.after for one in found)
        for name in ("c1", "c2", "ip"):
            w = rows(net.params[name][0].data)
            np.testing.assert_allclose(w @ w.T, np.eye(len(w)), atol=1e-6)
        got = {name: net.params[name][0].data.copy() for name in ("c1", "c2", "ip")}
    filler = 'weight_filler { type: "orthonormal" } num_output'
    with Net(parse_net(NET.replace("num_output", filler)), "TRAIN", seed=4) as net:
        for name, weight in got.items():
            np.testing.assert_array_equal(net.params[name][0].data, weight)


def test_lsuv_only_scales_the_orthonormal_weights():
    with Net(parse_net(NET), "TRAIN", seed=4) as net:
        initialise(net)
        for name in ("c1", "c2", "ip"):
            w = rows(net.params[name][0].data)
            np.testing.assert_allclose(w @ w.T, np.eye(len(w)) * (w[0] @ w[0]), rtol=1e-5, atol=1e-7)


def test_statistics_biases_and_frozen_or_shared_weights_stay():
    frozen = NET.replace('top: "c2"\n', 'top: "c2" param { lr_mult: 0 }\n', 1)
    with Net(parse_net(frozen), "TRAIN", seed=4) as net:
        before = net.params["c2"][0].data.copy()
        assert [one.layer for one in initialise(net)] == ["c1", "ip"]
        np.testing.assert_array_equal(net.params["c2"][0].data, before)
        assert all(not blob.data.any() for blob in net.params["bn"])
        assert (net.params["c1"][1].data == 0.25).all()
    shared = NET + 'layer { name: "c3" type: "Convolution" bottom: "x" top: "c3" param { name: "w" }'
    shared = shared.replace('top: "c1"\n', 'top: "c1" param { name: "w" }\n')
    shared += ' convolution_param { num_output: 8 kernel_size: 3 } } layer { name: "s" type: "Silence" bottom: "c3" }'
    with Net(parse_net(shared), "TRAIN", seed=4) as net:
        assert [one.layer for one in initialise(net)] == ["c1", "c2", "ip"]


def test_the_same_seed_gives_the_same_bits():
    weights = []
    for seed in (4, 4, 5):
        with Net(parse_net(NET), "TRAIN", seed=seed) as net:
            initialise(net)
            weights.append(net.params["ip"][0].data.copy())
    assert (weights[0] == weights[1]).all() and (weights[0] != weights[2]).any()


def test_what_cannot_be_initialised():
    constant = NET.replace('type: "gaussian" std: 40 mean: 5', 'type: "constant" value: 0')
    with Net(parse_net(constant.replace("value: 0.25", "value: 0")), "TRAIN", seed=4) as net:
        with pytest.raises(
            DataError, match=r'layer "c1" \(Convolution\): its outputs over the batch are all equal, so'
        ):
            initialise(net)
        with pytest.raises(
            UsageError, match=r'the method is "lsvu"; expected lsuv or orthonormal; did you mean "lsuv"'
        ):
            initialise(net, "lsvu")
    infinite = NET.replace("std: 40", "std: inf")
    with Net(parse_net(infinite), "TRAIN", seed=4) as net:
        with pytest.raises(DataError, match="are not finite; expected a batch of several images that differ"):
            initialise(net)
    with Net(parse_net('layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 } } }'), "TRAIN") as net:
        with pytest.raises(UsageError, match="no convolution or inner product to be given weights"):
            initialise(net)


def test_another_source_needs_a_data_layer():
    with pytest.raises(UsageError, match="the Data layers of phase TRAIN are none; expected one that can"):
        with_source(parse_net(NET), "train_lmdb")
