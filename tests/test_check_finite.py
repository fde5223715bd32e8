"""``check_finite``: the first number that is NaN or infinite, in forward and in backward, under both plans."""

import numpy as np
import pytest

import minicaffe as caffe
from minicaffe.errors import NonFiniteError
from minicaffe.proto import parse_net

NET = """
layer { name: "x" type: "Input" top: "x" top: "t"
  input_param { shape { dim: 9 dim: 3 dim: 5 dim: 5 } shape { dim: 9 } } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "t" top: "loss" }
"""


def net_of(plan, text=NET, phase=caffe.TRAIN):
    net = caffe.Net(parse_net(text), phase, seed=1, plan=plan)
    net.blobs["x"].data[...] = np.random.default_rng(0).normal(size=net.blobs["x"].shape)
    return net


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_finite_numbers_change_nothing(plan):
    with net_of(plan) as net:
        net.forward(), net.backward()
        plain = net.loss, net.params["conv"][0].diff.copy()
        net.check_finite = True
        net.clear_param_diffs()
        net.forward(), net.backward()
        assert net.loss == plain[0] and np.array_equal(net.params["conv"][0].diff, plain[1])


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_an_input(plan):
    with net_of(plan) as net:
        net.check_finite = True
        net.blobs["x"].data[8, 2, 0, 1] = -np.inf
        net.blobs["x"].data[8, 2, 1, 1] = np.nan
        with pytest.raises(NonFiniteError) as caught:
            net.forward()
        said = 'blob "x" of layer "x" (Input) holds -inf at 8, 2, 0, 1; 2 of its 675 numbers are not finite'
        assert str(caught.value).startswith(said)
        assert ('plan "inspect"' in str(caught.value)) == (plan == "fast")


def test_a_layer_that_overflows_is_named_though_the_next_writes_in_place():
    with net_of("inspect") as net:
        net.check_finite = True
        net.params["conv"][1].data[2] = -np.inf
        said = 'blob "conv" of layer "conv" .Convolution. holds -inf at 0, 2, 0, 0; 81 of its 324 numbers are not'
        with pytest.raises(NonFiniteError, match=said):
            net.forward()
        with pytest.raises(NonFiniteError, match='layer "conv"'):
            net.forward(end="conv")


def test_the_fast_plan_sees_what_it_keeps():
    with net_of("fast") as net:
        net.check_finite = True
        net.params["conv"][1].data[2] = np.nan
        with pytest.raises(NonFiniteError, match=r"of layer .* holds (nan|inf).*; the fast plan looks once all layers"):
            net.forward()


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_backward(plan):
    with net_of(plan) as net:
        net.forward()
        net.check_finite = True
        net.blobs["loss"].diff[...] = np.inf
        with pytest.raises(NonFiniteError) as caught:
            net.backward()
        found = str(caught.value)
        if plan == "inspect":
            assert found.startswith('the diff of blob "ip" of layer "loss" (SoftmaxWithLoss) holds ')
        else:
            assert found.startswith("the diff of ") and found.endswith('plan "inspect" looks after each layer')


def test_a_gradient_of_a_parameter():
    with net_of("inspect") as net:
        net.forward()
        net.params["ip"][0].diff[1, 7] = np.nan
        net.check_finite = True
        said = r'the diff of parameter 0 \(weights\) of layer "ip" \(InnerProduct\) holds nan at 1, 7; 1 of its 108 num'
        with pytest.raises(NonFiniteError, match=said):
            net.backward()
        assert net.first_non_finite_gradient().where == 'parameter 0 (weights) of layer "ip" (InnerProduct)'


def test_hooks_are_called_until_then():
    with net_of("inspect") as net:
        net.check_finite = True
        net.params["ip"][0].data[0, 0] = np.nan
        told = []
        net.after_forward(told.append)
        with pytest.raises(NonFiniteError, match=r'blob "ip" of layer "ip" .* holds nan at 0, 0; 9 of its 27'):
            net.forward()
        assert told == [0, 1, 2]


def test_phase_test_under_the_fast_plan():
    with net_of("fast", phase=caffe.TEST) as net:
        net.check_finite = True
        net.forward()
        net.blobs["x"].data[0, 0, 0, 0] = np.nan
        with pytest.raises(NonFiniteError, match='blob "x"'):
            net.forward()
