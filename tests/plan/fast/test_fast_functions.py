"""Functions of one number and PReLU under the fast plan, against the inspect plan."""

import numpy as np
import pytest

import minicaffe
from minicaffe.net import Net
from minicaffe.plan.fast.builder import PlainStep
from minicaffe.proto import parse_net

FILLERS = 'weight_filler { type: "xavier" } bias_filler { type: "constant" value: 0.3 }'
RANDOM = 'filler { type: "uniform" min: -0.5 max: 1 }'
LAYERS = {
    "AbsVal": "",
    "BNLL": "",
    "Clip": "clip_param { min: -0.5 max: 1 }",
    "ELU": "elu_param { alpha: 0.7 }",
    "Swish": "swish_param { beta: 1.5 }",
    "Power": "power_param { scale: -2 shift: 0.5 }",
    "Power of 2": "power_param { power: 2 scale: -2 shift: 0.5 }",
    "PReLU": f"prelu_param {{ {RANDOM} }}",
    "PReLU of all": f"prelu_param {{ {RANDOM} channel_shared: true }}",
}
PLAIN = {
    "ELU": "elu_param { alpha: -1 }",
    "Power": "power_param { power: 0 }",
    "Power of 3": "power_param { power: 3 }",
}


def net(name, options, batch, phase, plan, bottom="conv", top="act"):
    kind = name.split()[0]
    text = f"""
    force_backward: {str(phase == minicaffe.TRAIN).lower()}
    layer {{ name: "data" type: "Input" top: "data" top: "target"
      input_param {{ shape {{ dim: {batch} dim: 21 dim: 5 dim: 7 }} shape {{ dim: {batch} dim: 5 }} }} }}
    layer {{ name: "conv" type: "Convolution" bottom: "data" top: "conv"
      convolution_param {{ num_output: 21 kernel_size: 1 {FILLERS} }} }}
    layer {{ name: "act" type: "{kind}" bottom: "{bottom}" top: "{top}" {options} }}
    layer {{ name: "ip" type: "InnerProduct" bottom: "{top}" top: "ip"
      inner_product_param {{ num_output: 5 {FILLERS} }} }}
    layer {{ name: "again" type: "{kind}" bottom: "ip" top: "score" {options} }}
    """
    if phase == minicaffe.TRAIN:
        text += 'layer { name: "loss" type: "EuclideanLoss" bottom: "score" bottom: "target" top: "loss" }'
    return Net(parse_net(text), phase, seed=1, plan=plan)


def plain_layers(net):
    plan = net._run.plan
    steps = [step for steps in (plan.forward, plan.backward) for step in steps if isinstance(step, PlainStep)]
    return {net.graph.nodes[step.node].name for step in steps}


def fill(nets):
    random = np.random.default_rng(2)
    for blob in ("data", "target"):
        values = random.standard_normal(nets[0].blobs[blob].shape)
        for one in nets:
            one.blobs[blob].data[...] = values


def agree(fast, inspect, what=""):
    np.testing.assert_allclose(fast, inspect, rtol=0, atol=2e-5 * np.abs(inspect).max(), err_msg=what)


def compare_training(nets):
    fill(nets)
    for one in nets:
        one.clear_param_diffs()
        one.forward()
        one.backward()
    inspect, fast = nets
    agree(fast.loss, inspect.loss)
    for name, blobs in inspect.params.items():
        for i, blob in enumerate(blobs):
            agree(fast.params[name][i].diff, blob.diff, name)
    agree(fast.blobs["data"].diff, inspect.blobs["data"].diff)


@pytest.mark.parametrize("bottom, top", [("conv", "act"), ("conv", "conv"), ("data", "act")])
@pytest.mark.parametrize("name", LAYERS)
def test_training(name, bottom, top):
    nets = [net(name, LAYERS[name], 9, minicaffe.TRAIN, plan, bottom, top) for plan in ("inspect", "fast")]
    assert not {"act", "again"} & plain_layers(nets[1])
    compare_training(nets)


@pytest.mark.parametrize("name", PLAIN)
def test_what_runs_plain(name):
    nets = [net(name, PLAIN[name], 9, minicaffe.TRAIN, plan) for plan in ("inspect", "fast")]
    assert "act" in plain_layers(nets[1])
    compare_training(nets)


@pytest.mark.parametrize("name", [*LAYERS, "Threshold"])
@pytest.mark.parametrize("batch", [1, 9])
def test_inference(name, batch):
    nets = [net(name, LAYERS.get(name, ""), batch, minicaffe.TEST, plan) for plan in ("inspect", "fast")]
    assert not {"act", "again"} & plain_layers(nets[1])
    fill(nets)
    inspect, fast = (one.forward()["score"].copy() for one in nets)
    if name == "Threshold":
        assert np.mean(inspect != fast) < 0.01  # what lies beside the threshold may differ
    else:
        agree(fast, inspect)


def test_a_slope_that_does_not_learn():
    text = "param { lr_mult: 0 } " + LAYERS["PReLU"]
    nets = [net("PReLU", text, 9, minicaffe.TRAIN, plan) for plan in ("inspect", "fast")]
    compare_training(nets)
