"""Shapes that change while a net runs: Filter lets through what a selector says, down to nothing at all."""

import numpy as np
import pytest

import minicaffe
from minicaffe.errors import LayerError, UsageError
from minicaffe.net import Net
from minicaffe.proto import parse_net

NET = """
layer { name: "x" type: "Input" top: "x" top: "keep" top: "label"
  input_param { shape { dim: 6 dim: 4 } shape { dim: 6 } shape { dim: 6 } } }
layer { name: "first" type: "InnerProduct" bottom: "x" top: "first" inner_product_param { num_output: 5
  weight_filler { type: "xavier" } } }
layer { name: "filter" type: "Filter" bottom: "first" bottom: "label" bottom: "keep" top: "some" top: "labels" }
layer { name: "relu" type: "ReLU" bottom: "some" top: "some" }
layer { name: "flat" type: "Flatten" bottom: "some" top: "flat" }
layer { name: "last" type: "InnerProduct" bottom: "flat" top: "last" inner_product_param { num_output: 3
  weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "last" bottom: "labels" top: "loss" }
"""


@pytest.fixture
def net(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    return minicaffe.Net(tmp_path / "net.prototxt", minicaffe.TRAIN, seed=1, plan="fast")


def run(net, keep, x, label):
    for name, values in (("x", x), ("keep", keep), ("label", label)):
        net.blobs[name].data[...] = values
    net.forward()
    net.clear_param_diffs()
    net.backward()


def test_the_net_below_follows(net, tmp_path):
    random = np.random.default_rng(0)
    x, label = random.standard_normal((6, 4)), np.arange(6) % 3
    assert "the inspect plan is used" in net.notes[-1]
    for keep in ([1, 0, 1, 0, 0, 1], [1, 1, 1, 1, 1, 1], [0, 0, 1, 0, 0, 0], [0, 1, 1, 0, 1, 0]):
        chosen = np.flatnonzero(keep)
        run(net, keep, x, label)
        assert [net.blobs[name].shape[0] for name in ("some", "flat", "last", "labels")] == [len(chosen)] * 4
        np.testing.assert_array_equal(net.blobs["labels"].data, label[chosen])
        scores = net.blobs["last"].data.astype(float)
        shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        expected = -np.log(shares[np.arange(len(chosen)), label[chosen]]).mean()
        assert net.loss == pytest.approx(expected, rel=1e-5)
        assert not net.blobs["first"].diff[np.logical_not(keep)].any()
        shares[np.arange(len(chosen)), label[chosen]] -= 1
        weight = net.params["last"][0]
        np.testing.assert_allclose(weight.diff, (shares / len(chosen)).T @ net.blobs["some"].data, rtol=1e-4, atol=1e-6)


def test_nothing_selected_is_no_loss_and_no_gradient(net):
    x = np.ones((6, 4))
    run(net, np.ones(6), x, np.zeros(6))
    assert net.loss > 0
    run(net, np.zeros(6), x, np.zeros(6))
    assert (net.loss, net.blobs["some"].shape) == (0, (0, 5))
    assert not any(blob.diff.any() for blobs in net.params.values() for blob in blobs)
    run(net, np.ones(6), x, np.zeros(6))
    assert net.loss > 0 and net.blobs["some"].shape == (6, 5)


def test_parameters_keep_their_shape(tmp_path):
    text = NET.split('layer { name: "loss"')[0].replace("num_output: 3", "num_output: 3 axis: 0")
    (tmp_path / "net.prototxt").write_text(text)
    net = minicaffe.Net(tmp_path / "net.prototxt", minicaffe.TEST, seed=1)
    net.blobs["keep"].data[...] = [1, 0, 0, 0, 0, 0]
    with pytest.raises(LayerError, match=r'layer "last" .* its weights would be 3 x 5; expected 3 x 30'):
        net.forward()


def test_a_shape_may_be_given_again_before_it_is_used():
    net = Net(
        parse_net(
            'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }'
            'layer { name: "y" type: "Power" bottom: "x" top: "y" power_param { scale: 2 } }'
        ),
        "TEST",
    )
    for rows in (4, 5, 1, 5):
        net.blobs["x"].reshape(rows, 3)
    net.blobs["x"].data[...] = 1
    assert net.forward()["y"].tolist() == [[2, 2, 2]] * 5
    with pytest.raises(UsageError, match="expected at most 2,147,483,647 numbers"):
        net.blobs["x"].reshape(2**20, 2**20)


@pytest.mark.parametrize("plan", ["inspect", "fast"])
@pytest.mark.parametrize("order", ["xt", "tx"])
def test_inputs_with_layers_between_them_are_given_shapes_in_any_order(plan, order):
    """The Split of x stands above the layer of t."""
    net = Net(
        parse_net(
            'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }'
            'layer { name: "t" type: "Input" top: "t" input_param { shape { dim: 2 dim: 3 } } }'
            'layer { name: "a" type: "Eltwise" bottom: "x" bottom: "t" top: "a" }'
            'layer { name: "b" type: "Eltwise" bottom: "x" bottom: "a" top: "b" }'
        ),
        "TEST",
        plan=plan,
    )
    for rows in (4, 3, 3, 1):
        for name in order:
            net.blobs[name].reshape(rows, 3)
        net.blobs["x"].data[...], net.blobs["t"].data[...] = 1, 5
        assert net.forward()["b"].tolist() == [[7, 7, 7]] * rows
