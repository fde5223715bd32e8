"""From data to loss and back in one program: which nets have it, and what it does where the loss is not finite."""

import numpy as np
import pytest

import minicaffe
from minicaffe.errors import DataError, UsageError
from minicaffe.net import Net
from minicaffe.proto import parse_net

HEAD = """
layer { name: "x" type: "Input" top: "x" top: "t" input_param { shape { dim: 12 dim: 30 } shape { dim: 12 } } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "ip"
  inner_product_param { num_output: 7 weight_filler { type: "xavier" } } }
"""
LOSS = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "t" top: "loss" %s }'
WEIGHTED = LOSS % "loss_weight: 0.5 loss_param { ignore_label: 3 normalization: FULL }"
WITH_TOP = LOSS % 'top: "p"'
OTHER = 'layer { name: "other" type: "HingeLoss" bottom: "ip" bottom: "t" top: "other" }'


def net_of(text, plan):
    net = Net(parse_net(HEAD + text), minicaffe.TRAIN, seed=3, plan=plan)
    random = np.random.default_rng(1)
    net.blobs["x"].data[...] = random.standard_normal((12, 30))
    net.blobs["t"].data[...] = np.arange(12) % 7
    return net


@pytest.mark.parametrize(
    "text, joined", [(LOSS % "", True), (WEIGHTED, True), (WITH_TOP, False), ((LOSS % "") + OTHER, False)]
)
def test_forward_and_backward_in_one_agree_with_the_inspect_plan(text, joined):
    nets = {plan: net_of(text, plan) for plan in ("inspect", "fast")}
    assert nets["fast"].runner.joined is joined
    losses = {plan: net.forward_backward() for plan, net in nets.items()}
    np.testing.assert_allclose(losses["fast"], losses["inspect"], rtol=1e-6)
    for one, other in zip(nets["fast"].params["ip"], nets["inspect"].params["ip"]):
        np.testing.assert_allclose(one.diff, other.diff, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(nets["fast"].blobs["ip"].data, nets["inspect"].blobs["ip"].data, rtol=1e-5, atol=1e-6)


def test_one_after_the_other_gives_the_same_bits():
    together, apart = (net_of(LOSS % "", "fast") for _ in range(2))
    loss = together.forward_backward()
    apart.forward()
    apart.backward()
    assert loss == apart.loss
    assert (together.arena.learned_diff == apart.arena.learned_diff).all()


@pytest.mark.parametrize("plan", ["fast", "inspect"])
def test_a_loss_that_is_not_finite_leaves_gradients_alone(plan):
    net = net_of(LOSS % "", plan)
    net.blobs["x"].data[3, 5] = np.nan
    net.arena.learned_diff[...] = 2
    assert np.isnan(net.forward_backward())
    assert (net.arena.learned_diff == 2).all()
    net.blobs["x"].data[3, 5] = 0
    assert np.isfinite(net.forward_backward())
    assert not (net.arena.learned_diff == 2).all()


@pytest.mark.parametrize("plan", ["fast", "inspect"])
@pytest.mark.parametrize("how", ["forward", "forward_backward"])
def test_a_label_that_is_no_class_is_named(plan, how):
    net = net_of(LOSS % "", plan)
    net.blobs["t"].data[4] = 7
    with pytest.raises(DataError, match=r'"loss" .*label 7 at batch index 4 is outside the 7 classes \(0 to 6\)'):
        getattr(net, how)()


def test_a_second_backward_is_refused_as_its_numbers_are_gone():
    net = net_of(LOSS % "", "fast")
    for run in (net.forward, net.forward_backward):
        run()
        if run == net.forward:
            net.backward()
        with pytest.raises(UsageError, match="a second backward after one forward: the fast plan has given up what"):
            net.backward()


def test_hooks_are_told_in_one_call_as_in_two():
    net, told = net_of(LOSS % "", "inspect"), []
    net.after_forward(told.append)
    net.after_backward(lambda index: told.append(-index))
    net.forward_backward()
    assert told == [0, 1, 2, -2, -1, 0]


def test_softmax_of_a_net_that_only_runs_forward():
    text = 'layer { name: "p" type: "Softmax" bottom: "ip" top: "p" }'
    nets = [Net(parse_net(HEAD + text), minicaffe.TEST, seed=3, plan=plan) for plan in ("fast", "inspect")]
    for net in nets:
        net.blobs["x"].data[...] = np.random.default_rng(1).standard_normal((12, 30))
        net.forward()
    assert [node.name for node in nets[0].runner.plan.plain] == ["x"]
    np.testing.assert_allclose(nets[0].blobs["p"].data, nets[1].blobs["p"].data, rtol=1e-6)
