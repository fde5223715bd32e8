"""Filter: gradients, tops that follow the selector, and errors."""

import numpy as np
import pytest
from harness import gradient_check, make

from minicaffe.errors import LayerError
from minicaffe.net import Net

FILTER = 'type: "Filter"'


@pytest.mark.parametrize("selector", [[1, 0, 1, 1], [0, 0, 0, -2], [1, 1, 1, 1]])
def test_filter_gradient(selector):
    gradient_check(FILTER, [(4, 3), (4, 2, 2), (4,)], values=[None, None, selector], tops=2)


def test_filter_follows_its_selector():
    run = make(FILTER, (4, 2), (4, 1, 1))
    assert run.tops[0].shape == (4, 2)
    x = np.arange(8.0).reshape(4, 2)
    for selector in ([0, 0.5, 0, -1], [0, 0, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]):
        picked = np.flatnonzero(selector)
        (y,) = run.forward(x, np.reshape(selector, (4, 1, 1)))
        np.testing.assert_array_equal(y, x[picked])
        dx, none = run.backward(y + 1)
        expected = np.zeros((4, 2))
        expected[picked] = x[picked] + 1
        np.testing.assert_array_equal(dx, expected)
        assert none is None


@pytest.mark.parametrize(
    "shapes, tops, message",
    [
        (
            [(4, 2), (4,)],
            2,
            "found 2 bottoms and 2 tops; expected a top for each bottom but the last, the selector",
        ),
        ([(4, 2), (4, 2)], 1, "the selector is 4 x 2; expected one number for each item"),
        ([(4, 2), ()], 1, "the selector is scalar; expected one number for each item"),
        ([(4, 2), (4, 3), (3, 1)], 2, "bottom 0 is 4 x 2, but the selector is 3 x 1; expected 3 items"),
        ([(4, 2), (), (4, 1)], 2, "bottom 1 is scalar, but the selector is 4 x 1; expected 4 items"),
    ],
)
def test_filter_errors(shapes, tops, message):
    with pytest.raises(LayerError) as error:
        make(FILTER, *shapes, tops=tops)
    assert str(error.value) == message


NET = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 4 dim: 3 } } }
layer { name: "label" type: "Input" top: "label" input_param { shape { dim: 4 } } }
layer { name: "selector" type: "Input" top: "selector" input_param { shape { dim: 4 } } }
layer { name: "a" type: "InnerProduct" bottom: "x" top: "a"
  inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "fa" type: "Filter" bottom: "a" bottom: "selector" top: "fa" }
layer { name: "fl" type: "Filter" bottom: "label" bottom: "selector" top: "fl" }
layer { name: "twice" type: "Scale" bottom: "fa" top: "fa" scale_param { filler { value: 2 } } }
layer { name: "flat" type: "Flatten" bottom: "fa" top: "flat" }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "flat" bottom: "fl" top: "loss" }
"""


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_a_loss_over_the_items_picked(plan, tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    net = Net(tmp_path / "net.prototxt", "TRAIN", seed=1, plan=plan)
    x, label = np.random.default_rng(0).standard_normal((4, 3)), np.array([0, 1, 2, 4])
    net.blobs["x"].data[...], net.blobs["label"].data[...] = x, label
    for selector in ([1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 0]):
        net.blobs["selector"].data[...] = selector
        net.forward()
        net.clear_param_diffs()
        net.backward()
        picked = np.flatnonzero(selector)
        score = np.exp(2 * x[picked] @ net.params["a"][0].data.T.astype(float))
        probability = score / score.sum(axis=1, keepdims=True)
        slope = 2 * (probability - np.eye(5)[label[picked]]) / max(1, len(picked))
        np.testing.assert_allclose(net.params["a"][0].diff, slope.T @ x[picked], rtol=1e-4, atol=1e-6)
        loss = -np.log(probability[np.arange(len(picked)), label[picked]]).mean() if len(picked) else 0
        np.testing.assert_allclose(net.blobs["loss"].data, loss, rtol=1e-5)
