"""Normalisation, activations and element-wise layers under the fast plan, against the inspect plan."""

import numpy as np
import pytest

import minicaffe
from minicaffe.net import Net
from minicaffe.plan.fast.builder import PlainStep
from minicaffe.proto import parse_net


def layer(kind, name, bottoms, top, options=""):
    reads = "".join(f' bottom: "{bottom}"' for bottom in bottoms.split())
    writes = "".join(f' top: "{one}"' for one in top.split())
    return f'layer {{ name: "{name}" type: "{kind}"{reads}{writes} {options} }}\n'


def convolution(name, bottom, outputs=21, top=None):
    options = f"convolution_param {{ num_output: {outputs} kernel_size: 1 {XAVIER} }}"
    return layer("Convolution", name, bottom, top or name, options)


def joined(bottoms, options=""):
    return layer("Eltwise", "act", bottoms, "out", options)


XAVIER = 'weight_filler { type: "xavier" } bias_filler { type: "constant" value: 0.3 }'
DENSE = layer("InnerProduct", "dense", "data", "conv", f"inner_product_param {{ num_output: 37 {XAVIER} }}")
NORM = layer("BatchNorm", "norm", "conv", "out")
STORED = layer("BatchNorm", "norm", "conv", "out", "batch_norm_param { use_global_stats: true }")
FROM_BATCH = layer("BatchNorm", "norm", "conv", "out", "batch_norm_param { use_global_stats: false eps: 0.01 }")
SCALE = layer(
    "Scale", "scale", "out", "out",
    'scale_param { bias_term: true filler { type: "uniform" min: 0.5 max: 2 } '
    'bias_filler { type: "uniform" min: -1 max: 1 } }',
)  # fmt: skip
SCALE_ALONE = SCALE.replace('bottom: "out"', 'bottom: "conv"')
BIAS = layer("Bias", "norm", "conv", "out", 'bias_param { filler { type: "uniform" min: -1 max: 1 } }')
ACTIVATIONS = {
    name: layer(kind, "act", "%s", "out", options)
    for name, kind, options in [
        ("relu", "ReLU", ""),
        ("leaky", "ReLU", "relu_param { negative_slope: 0.2 }"),
        ("mirrored", "ReLU", "relu_param { negative_slope: -0.5 }"),
        ("sigmoid", "Sigmoid", ""),
        ("tanh", "TanH", ""),
    ]
}
CONV = convolution("conv", "data")
TWO = convolution("a", "data", 19) + convolution("b", "data", 19)
THREE = TWO + convolution("c", "data", 19)
INNER_NORM, INNER_SCALE = NORM.replace('"out"', '"n"'), SCALE.replace('"out"', '"n"')
RESIDUAL = CONV + convolution("other", "data") + INNER_NORM
LAST = {name: text.replace("act", "last") % "out" for name, text in ACTIVATIONS.items()}
COEFFICIENTS = "eltwise_param { coeff: 1 coeff: -0.5 coeff: 1 }"

NETS = {
    "norm": CONV + NORM,
    "norm of an input": NORM.replace("conv", "data"),
    "norm stored": CONV + STORED + SCALE,
    "norm from the batch": CONV + FROM_BATCH + SCALE,
    "norm of rows": DENSE + NORM + SCALE + ACTIVATIONS["relu"] % "out",
    "norm scale": CONV + NORM + SCALE,
    **{f"norm {name}": CONV + NORM + text % "out" for name, text in ACTIVATIONS.items()},
    **{f"norm scale {name}": CONV + NORM + SCALE + text % "out" for name, text in ACTIVATIONS.items()},
    "norm scale sum relu": RESIDUAL + INNER_SCALE + joined("n other") + LAST["relu"],
    "norm sum relu, the other first": RESIDUAL + joined("other n") + LAST["relu"],
    "norm scale sum": RESIDUAL + INNER_SCALE + joined("n other"),
    "norm scale sum leaky": RESIDUAL + INNER_SCALE + joined("n other") + LAST["leaky"],
    "norm scale sum tanh": RESIDUAL + INNER_SCALE + joined("n other") + LAST["tanh"],
    "norm sum with its own input": CONV + INNER_NORM + INNER_SCALE + joined("n conv") + LAST["relu"],
    "norm sum of one": CONV + INNER_NORM + joined("n n") + LAST["relu"],
    "norm stored sum relu": CONV
    + convolution("other", "data")
    + STORED.replace('"out"', '"n"')
    + joined("n other")
    + LAST["relu"],
    "norm subtracted": RESIDUAL + joined("n other", "eltwise_param { coeff: 1 coeff: -1 }"),
    "two norms": RESIDUAL + INNER_SCALE + layer("BatchNorm", "norm2", "other", "p") + joined("p n") + LAST["relu"],
    "scale": CONV + SCALE_ALONE,
    "scale sigmoid": CONV + SCALE_ALONE + ACTIVATIONS["sigmoid"] % "out",
    "scale alone": CONV + layer("Scale", "norm", "conv", "out", "scale_param { filler { value: 0.7 } }"),
    "bias relu": CONV + BIAS + ACTIVATIONS["relu"] % "out",
    **{name: CONV + text % "conv" for name, text in ACTIVATIONS.items()},
    **{f"{name} on planes": text % "data" for name, text in ACTIVATIONS.items()},
    "rows": DENSE + ACTIVATIONS["tanh"] % "conv",
    "sum": TWO + layer("Eltwise", "act", "a b", "out"),
    "sum relu": TWO + layer("Eltwise", "act", "a b", "out") + ACTIVATIONS["relu"].replace("act", "last") % "out",
    "sum of three": THREE + layer("Eltwise", "act", "a b c", "out", COEFFICIENTS),
    "sum of three relu": THREE
    + layer("Eltwise", "act", "a b c", "out", COEFFICIENTS)
    + ACTIVATIONS["leaky"].replace("act", "last") % "out",
    "sum with an input": convolution("a", "data", 3) + layer("Eltwise", "act", "data a", "out"),
    "product": TWO + layer("Eltwise", "act", "a b", "out", "eltwise_param { operation: PROD }"),
    "split": CONV
    + layer("Split", "act", "conv", "x y z")
    + layer("TanH", "tanh", "x", "p")
    + layer("Sigmoid", "sigmoid", "y", "q")
    + layer("ReLU", "relu", "z", "r")
    + layer("Eltwise", "sum", "p q r", "out"),
    "split to one": CONV + layer("Split", "act", "conv", "out unused") + layer("Silence", "silence", "unused", ""),
    "flatten": CONV + layer("Flatten", "act", "conv", "out"),
    "flatten of rows": DENSE + layer("Flatten", "act", "conv", "out"),
    "flatten behind": convolution("conv", "data") + layer("Flatten", "act", "conv", "out", "flatten_param { axis: 2 }"),
}
LOSS = layer("EuclideanLoss", "loss", "score target", "loss")


def net(name, batch, phase, plan):
    shape = f"shape {{ dim: {batch} dim: 3 dim: 7 dim: 9 }}"
    text = "force_backward: true " + layer("Input", "data", "", "data", f"input_param {{ {shape} }}")
    text += NETS[name]
    text += layer("InnerProduct", "last", "out", "score", f"inner_product_param {{ num_output: 5 {XAVIER} }}")
    if phase == minicaffe.TRAIN:
        target = f"input_param {{ shape {{ dim: {batch} dim: 5 }} }}"
        text += layer("Input", "target", "", "target", target) + LOSS
    return Net(parse_net(text), phase, seed=1, plan=plan)


def plain_layers(net):
    plan = net._run.plan
    steps = [step for steps in (plan.forward, plan.backward) for step in steps if isinstance(step, PlainStep)]
    return {net.graph.nodes[step.node].name for step in steps}


def own(name):
    return {"norm", "scale", "act", "tanh", "sigmoid", "relu", "sum", "silence"}


def agree(fast, inspect, rtol, what=""):
    np.testing.assert_allclose(fast, inspect, rtol=rtol, atol=rtol * np.abs(inspect).max(), err_msg=what)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("batch", [6, 19])
def test_training(name, batch):
    nets = [net(name, batch, minicaffe.TRAIN, plan) for plan in ("inspect", "fast")]
    assert not own(name) & plain_layers(nets[1])
    random = np.random.default_rng(2)
    data = random.standard_normal(nets[0].blobs["data"].shape) + 1.5
    target = random.standard_normal(nets[0].blobs["target"].shape)
    for one in nets:
        one.blobs["data"].data[...], one.blobs["target"].data[...] = data, target
        if "stored" in name:
            state = one.params["norm"]
            state[0].data[...], state[1].data[...], state[2].data[...] = np.arange(21) / 8, 1 + np.arange(21) / 4, 2.5
        one.clear_param_diffs()
        for _ in range(2):
            one.forward()
            one.backward()
    inspect, fast = nets
    agree(fast.loss, inspect.loss, 1e-5)
    for layer_name, blobs in inspect.params.items():
        for i, blob in enumerate(blobs):
            agree(fast.params[layer_name][i].data, blob.data, 1e-5, layer_name)
            if np.abs(blob.diff).max() > 1e-4:  # the gradient of a bias before BatchNorm is rounding only
                agree(fast.params[layer_name][i].diff, blob.diff, 1e-4, layer_name)
    expected = inspect.blobs["data"].diff
    assert expected.any()
    agree(fast.blobs["data"].diff, expected, 1e-4)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("batch", [1, 3, 9])
def test_inference(name, batch):
    nets = [net(name, batch, minicaffe.TEST, plan) for plan in ("inspect", "fast")]
    data = np.random.default_rng(2).standard_normal(nets[0].blobs["data"].shape)
    outputs = []
    for one in nets:
        one.blobs["data"].data[...] = data
        if "norm" in one.params and len(one.params["norm"]) == 3:
            state = one.params["norm"]
            channels = state[0].data.size
            state[0].data[...], state[1].data[...] = np.arange(channels) / 8, 1 + np.arange(channels) / 4
            state[2].data[...] = 2.5
        outputs.append(one.forward()["score"].copy())
    agree(outputs[1], outputs[0], 1e-5)


def test_dropout_passes_on_in_test():
    text = "".join(
        [
            layer("Input", "data", "", "data", "input_param { shape { dim: 9 dim: 3 dim: 4 dim: 4 } }"),
            convolution("conv", "data"),
            layer("Dropout", "drop", "conv", "drop"),
            convolution("last", "drop", 2, "score"),
        ]
    )
    nets = [Net(parse_net(text), minicaffe.TEST, seed=1, plan=plan) for plan in ("inspect", "fast")]
    assert "drop" not in plain_layers(nets[1])
    outputs = []
    for one in nets:
        one.blobs["data"].data[...] = np.random.default_rng(1).standard_normal((9, 3, 4, 4))
        outputs.append(one.forward()["score"].copy())
    agree(outputs[1], outputs[0], 1e-5)


@pytest.mark.parametrize("axes, shape", [("axis: 0", (6 * 21 * 7 * 9,)), ("axis: 0 end_axis: 1", (6 * 21, 7, 9))])
def test_flatten_of_images(axes, shape):
    dims = "".join(f" dim: {size}" for size in shape)
    text = "".join(
        [
            "force_backward: true ",
            layer("Input", "data", "", "data", "input_param { shape { dim: 6 dim: 3 dim: 7 dim: 9 } }"),
            layer("Input", "target", "", "target", f"input_param {{ shape {{ {dims} }} }}"),
            CONV,
            layer("Flatten", "act", "conv", "out", f"flatten_param {{ {axes} }}"),
            layer("EuclideanLoss", "loss", "out target", "loss"),
        ]
    )
    nets = [Net(parse_net(text), minicaffe.TRAIN, seed=1, plan=plan) for plan in ("inspect", "fast")]
    assert "act" not in plain_layers(nets[1])
    for one in nets:
        random = np.random.default_rng(1)
        for name in ("data", "target"):
            one.blobs[name].data[...] = random.standard_normal(one.blobs[name].shape)
        one.clear_param_diffs()
        one.forward()
        one.backward()
    inspect, fast = nets
    agree(fast.loss, inspect.loss, 1e-6)
    agree(fast.blobs["data"].diff, inspect.blobs["data"].diff, 1e-5)
    for i in range(2):
        agree(fast.params["conv"][i].diff, inspect.params["conv"][i].diff, 1e-5)


def test_a_value_is_converted_once_for_all_its_readers():
    text = layer("Input", "data", "", "data", "input_param { shape { dim: 8 dim: 3 dim: 7 dim: 9 } }")
    text += layer("Scale", "a", "data", "a") + layer("Bias", "b", "data", "b") + layer("Eltwise", "sum", "a b", "out")
    run = Net(parse_net(text), minicaffe.TEST, plan="fast")._run
    kernels = [
        step.kernel.name for part in run.plan.forward if isinstance(part, list) for one in part for step in one.steps
    ]
    assert kernels.count("to_lanes") == 1


@pytest.mark.parametrize("scale", ["", layer("Scale", "scale", "norm", "out", "scale_param { bias_term: true }")])
def test_batch_norm_of_one_number_has_no_gradient(scale):
    text = "force_backward: true " + layer("Input", "data", "", "data", "input_param { shape { dim: 1 dim: 5 } }")
    run = Net(parse_net(text + layer("BatchNorm", "norm", "data", "norm") + scale), minicaffe.TRAIN, plan="fast")
    top = run.blobs["out" if scale else "norm"]
    run.blobs["data"].data[...] = [[1e3, -2.5, 0, 1e-3, 7.7]]
    run.forward()
    top.diff[...] = [[1.1, -2.3, 0.7, 1e4, 1e-5]]
    run.backward()
    np.testing.assert_array_equal(top.data, np.zeros((1, 5)))
    np.testing.assert_array_equal(run.blobs["data"].diff, np.zeros((1, 5)))
