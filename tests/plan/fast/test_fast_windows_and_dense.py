"""Pooling, LRN, InnerProduct and Concat under the fast plan, against the inspect plan: tops, and all gradients."""

import numpy as np
import pytest

import minicaffe
from minicaffe.kernels._threads import set_threads, threads
from minicaffe.net import Net
from minicaffe.plan.fast.builder import PlainStep
from minicaffe.proto import parse_net

CONVOLUTION = """layer { name: "conv%s" type: "Convolution" bottom: "%s" top: "conv%s"
    convolution_param { num_output: %d kernel_size: 1 weight_filler { type: "xavier" } } }"""

POOL = 'layer { name: "pool" type: "Pooling" bottom: "conv" top: "out" pooling_param { %s } }'
LRN = 'layer { name: "norm" type: "LRN" bottom: "conv" top: "out" lrn_param { %s } }'
DENSE = """layer { name: "dense" type: "InnerProduct" bottom: "%s" top: "out"
    inner_product_param { num_output: %d weight_filler { type: "xavier" }
        bias_filler { type: "constant" value: 0.1 } %s } }"""
RELU = 'layer { name: "relu" type: "ReLU" bottom: "out" top: "out" }'

NETS = {
    "max": [CONVOLUTION % ("", "data", "", 21), POOL % "kernel_size: 3 stride: 2"],
    "max padded": [CONVOLUTION % ("", "data", "", 16), POOL % "kernel_size: 3 stride: 1 pad: 1"],
    "average": [CONVOLUTION % ("", "data", "", 21), POOL % "pool: AVE kernel_h: 3 kernel_w: 2 stride: 2 pad_h: 1"],
    "global": [CONVOLUTION % ("", "data", "", 40), POOL % "pool: AVE global_pooling: true"],
    "across": [CONVOLUTION % ("", "data", "", 21), LRN % "local_size: 5 alpha: 0.5 beta: 0.75"],
    "within": [
        CONVOLUTION % ("", "data", "", 21),
        LRN % "local_size: 3 alpha: 0.5 beta: 0.6 norm_region: WITHIN_CHANNEL",
    ],
    "dense": [DENSE % ("data", 10, "")],
    "dense relu": [DENSE % ("data", 37, ""), RELU],
    "dense large": [CONVOLUTION % ("", "data", "", 60), DENSE % ("conv", 67, "bias_term: false"), RELU],
    "concat": [
        CONVOLUTION % ("1", "data", "1", 19),
        CONVOLUTION % ("2", "data", "2", 16),
        CONVOLUTION % ("3", "conv1", "3", 2),
        'layer { name: "concat" type: "Concat" bottom: "conv1" bottom: "data" bottom: "conv3" bottom: "conv2" '
        'bottom: "conv3" top: "out" }',
    ],
    "concat of rows": [
        DENSE.replace('"dense"', '"first"').replace('"out"', '"first"') % ("data", 10, ""),
        DENSE.replace('"dense"', '"second"').replace('"out"', '"second"') % ("data", 7, ""),
        'layer { name: "concat" type: "Concat" bottom: "first" bottom: "second" top: "out" }',
    ],
}
LAST = """layer { name: "last" type: "Convolution" bottom: "out" top: "score"
    convolution_param { num_output: 5 kernel_size: 1 weight_filler { type: "xavier" } } }"""
LAST_ROWS = (
    LAST.replace("Convolution", "InnerProduct").replace("convolution", "inner_product").replace("kernel_size: 1", "")
)
LOSS = 'layer { name: "loss" type: "EuclideanLoss" bottom: "score" bottom: "target" top: "loss" }'
ALSO_PLAIN = {"Input", "Split", "EuclideanLoss"}


def net(name, batch, phase, plan, height=12, width=11):
    layers = NETS[name]
    last = LAST_ROWS if "dense" in name or "rows" in name else LAST
    shape = f"shape {{ dim: {batch} dim: 3 dim: {height} dim: {width} }}"
    text = f'force_backward: true layer {{ name: "data" type: "Input" top: "data" input_param {{ {shape} }} }}'
    text += "".join(layers) + last
    if phase == minicaffe.TRAIN:
        first = Net(parse_net(text), minicaffe.TEST, plan="inspect")
        dims = "".join(f" dim: {size}" for size in first.blobs["score"].shape)
        text += f'layer {{ name: "target" type: "Input" top: "target" input_param {{ shape {{ {dims} }} }} }} {LOSS}'
    return Net(parse_net(text), phase, seed=1, plan=plan)


def lowered(net, layer):
    """That no step is left to the layer itself."""
    plan = net._run.plan
    steps = [step for steps in (plan.forward, plan.backward) for step in steps if isinstance(step, PlainStep)]
    return layer not in {net.graph.nodes[step.node].name for step in steps}


def kernels(net):
    programs = [part for part in net._run.plan.forward if isinstance(part, list)]
    return {step.kernel.name for program in programs for region in program for step in region.steps}


def own(name):
    return next(layer.split('"')[1] for layer in reversed(NETS[name]) if "ReLU" not in layer)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("batch", [2, 19, 30])
def test_training(name, batch):
    nets = [net(name, batch, minicaffe.TRAIN, plan) for plan in ("inspect", "fast")]
    assert lowered(nets[1], own(name))
    random = np.random.default_rng(2)
    data, target = (
        random.standard_normal(nets[0].blobs["data"].shape),
        random.standard_normal(nets[0].blobs["target"].shape),
    )
    for one in nets:
        one.blobs["data"].data[...], one.blobs["target"].data[...] = data, target
        one.clear_param_diffs()
        for _ in range(2):
            one.forward()
            one.backward()
    inspect, fast = nets
    np.testing.assert_allclose(fast.loss, inspect.loss, rtol=1e-5)
    for layer, blobs in inspect.params.items():
        for i, blob in enumerate(blobs):
            bound = 2e-5 * np.abs(blob.diff).max()
            np.testing.assert_allclose(fast.params[layer][i].diff, blob.diff, rtol=1e-4, atol=bound, err_msg=layer)
    expected = inspect.blobs["data"].diff
    assert expected.any()
    np.testing.assert_allclose(fast.blobs["data"].diff, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("batch", [1, 3, 9])
def test_inference(name, batch):
    nets = [net(name, batch, minicaffe.TEST, plan) for plan in ("inspect", "fast")]
    assert lowered(nets[1], own(name))
    data = np.random.default_rng(2).standard_normal(nets[0].blobs["data"].shape)
    outputs = []
    for one in nets:
        one.blobs["data"].data[...] = data
        outputs.append(one.forward()["score"].copy())
    np.testing.assert_allclose(outputs[1], outputs[0], rtol=1e-4, atol=1e-5 * np.abs(outputs[0]).max())


@pytest.mark.parametrize("name", ["max", "across", "dense", "dense large", "concat"])
def test_same_bits_on_any_number_of_threads(name):
    before, runs = threads(), []
    try:
        for number in (1, 2, 3):
            set_threads(number)
            one, random = net(name, 30, minicaffe.TRAIN, "fast"), np.random.default_rng(2)
            for blob in ("data", "target"):
                one.blobs[blob].data[...] = random.standard_normal(one.blobs[blob].shape)
            one.clear_param_diffs()
            one.forward()
            one.backward()
            runs.append([one.blobs["data"].diff, *(blob.diff for blobs in one.params.values() for blob in blobs)])
    finally:
        set_threads(before)
    for other in runs[1:]:
        for found, expected in zip(other, runs[0]):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("batch, kernel", [(8, "inner_by_outputs"), (19, "inner_by_outputs"), (30, "inner_by_columns")])
def test_many_images_meet_weights_side_by_side(batch, kernel):
    assert kernel in kernels(net("dense large", batch, minicaffe.TEST, "fast"))
