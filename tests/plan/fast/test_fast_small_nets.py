"""Small nets that once differed between the plans: every value and gradient that the fast plan shows is the other's."""

import numpy as np
import pytest

from minicaffe.errors import UsageError
from minicaffe.net import Net
from minicaffe.proto import parse_net

SHAPE = "dim: 2 dim: 4 dim: 5 dim: 5"


def layer(kind, bottoms, top, options=""):
    wires = " ".join(f'bottom: "{bottom}"' for bottom in bottoms.split())
    return f'layer {{ name: "{kind}_{top}" type: "{kind}" {wires} top: "{top}" {options} }}'


def text(*layers, force=False):
    inputs = [
        f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ {SHAPE} }} }} }}' for name in "xz"
    ]
    return "\n".join([f"force_backward: {str(force).lower()}", *inputs, *layers])


CONV = "convolution_param { num_output: 4 kernel_size: 3 pad: 1 }"
LOSS = layer("Reduction", "last", "loss", "loss_weight: 1")
NETS = {
    "sum of three behind a norm, then no ReLU": [
        layer("BatchNorm", "x", "n"),
        layer("Eltwise", "z x n", "sum"),
        layer("Sigmoid", "sum", "last"),
        LOSS,
    ],
    "weighted sum behind a Scale, then no ReLU": [
        layer("Scale", "x", "s"),
        layer("Eltwise", "s z", "sum", "eltwise_param { coeff: 2 coeff: -1 }"),
        layer("TanH", "sum", "last"),
        LOSS,
    ],
    "an input written in place, then a ReLU": [
        layer("Eltwise", "z x", "z"),
        layer("ReLU", "z", "last"),
        LOSS,
    ],
    "a plain layer and a lowered one read one value": [
        layer("Convolution", "x", "c", CONV),
        layer("EuclideanLoss", "c z", "near"),
        layer("Pooling", "c", "last", "pooling_param { kernel_size: 2 stride: 2 }"),
        LOSS,
    ],
    "plain layers around one in place": [
        layer("Convolution", "x", "c", CONV),
        layer("Tile", "c", "last", "tile_param { tiles: 2 }"),
        layer("Log", "last", "last", "log_param { scale: 0.01 shift: 1 }"),
        LOSS,
    ],
    "a loss that is no loss layer: Convolution": [layer("Convolution", "x", "y", f"{CONV} loss_weight: 0.5")],
    "Pooling": [
        layer("Convolution", "x", "c", CONV),
        layer("Pooling", "c", "y", "pooling_param { kernel_size: 2 } loss_weight: 0.5"),
    ],
    "LRN": [layer("Convolution", "x", "c", CONV), layer("LRN", "c", "y", "loss_weight: 0.5")],
    "Concat": [layer("Convolution", "x", "c", CONV), layer("Concat", "c x", "y", "loss_weight: 0.5")],
    "InnerProduct": [layer("InnerProduct", "x", "y", "inner_product_param { num_output: 3 } loss_weight: 0.5")],
    "Scale and ReLU": [layer("Scale", "x", "s"), layer("ReLU", "s", "y", "loss_weight: 0.5")],
    "Convolution that is read too": [
        layer("Convolution", "x", "last", f"{CONV} loss_weight: 0.5"),
        layer("ReLU", "last", "r"),
        layer("Reduction", "r", "loss", "loss_weight: 1"),
    ],
}


def run(layers, plan, force):
    """(values, gradients) by name, of blobs and parameters that the plan shows."""
    net = Net(parse_net(text(*layers, force=force)), "TRAIN", seed=1, plan=plan)
    random = np.random.default_rng(2)
    for name in net.inputs:
        net.blobs[name].data[...] = random.normal(size=net.blobs[name].shape)
    params = {(name, i): blob for name, blobs in net.params.items() for i, blob in enumerate(blobs)}
    for blob in params.values():
        blob.data[...] = random.normal(size=blob.shape)
    net.forward()
    net.clear_param_diffs()
    net.backward()
    values, gradients = {}, {key: blob.diff.copy() for key, blob in params.items()}
    for name, blob in net.blobs.items():
        for what, there in (("data", values), ("diff", gradients)):
            try:
                there[name] = getattr(blob, what).copy()
            except UsageError:
                assert name not in net.inputs + net.outputs
    return values, gradients


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", NETS)
def test_what_the_fast_plan_shows_is_right(name, force):
    expected, found = run(NETS[name], "inspect", force), run(NETS[name], "fast", force)
    for theirs, ours in zip(expected, found):
        assert ours
        for key, values in ours.items():
            scale = np.abs(theirs[key]).max() + 1e-3
            np.testing.assert_allclose(values / scale, theirs[key] / scale, rtol=0, atol=2e-5, err_msg=f"{name}: {key}")


def test_a_net_without_gradients_still_runs_backward():
    values, gradients = run([layer("ReLU", "x", "x"), layer("Convolution", "z", "y", CONV)], "fast", force=False)
    assert {"x", "z", "y"} <= gradients.keys() and not any(diff.any() for diff in gradients.values())
    assert values.keys() >= {"x", "y"}
