"""Convolutions in the fast plan against the inspect plan, in whole nets; and which family was chosen."""

import numpy as np
import pytest

import minicaffe
from minicaffe.net import Net
from minicaffe.plan.fast import convolution, depthwise, direct, first, winograd, winograd_first
from minicaffe.plan.fast.builder import Builder
from minicaffe.plan.fast.fusion import INFERENCE, TRAINING, chains
from minicaffe.plan.gradients import needed_gradients
from minicaffe.proto import parse_net

NORM = """
layer { name: "norm" type: "BatchNorm" bottom: "y" top: "y" }
layer { name: "scale" type: "Scale" bottom: "y" top: "y" scale_param { bias_term: true } }
"""
RELU = 'layer { name: "relu" type: "ReLU" bottom: "y" top: "y" }'
BIAS = 'layer { name: "offset" type: "Bias" bottom: "y" top: "y" }'
SUM = 'layer { name: "sum" type: "Eltwise" bottom: "y" bottom: "other" top: "y" eltwise_param { operation: SUM } }'

CONVOLUTIONS = {
    "pointwise": ((21, 9, 7), "num_output: 40 kernel_size: 1"),
    "strided": ((16, 9, 8), "num_output: 33 kernel_size: 1 stride: 2 bias_term: false"),
    "pixel": ((37, 1, 1), "num_output: 70 kernel_size: 1"),
    "heavy": ((260, 5, 4), "num_output: 520 kernel_size: 1 stride: 2"),
    "window": ((18, 10, 9), "num_output: 20 kernel_size: 3 pad: 1 stride: 2"),
    "wide": ((3, 24, 21), "num_output: 24 kernel_size: 7 pad: 3 stride: 2"),
    "sparse": ((16, 13, 12), "num_output: 32 kernel_h: 3 kernel_w: 2 dilation: 2 dilation: 3 pad: 2"),
    "groups": ((32, 8, 7), "num_output: 64 kernel_size: 3 group: 2 pad: 1"),
    "narrow groups": ((6, 8, 7), "num_output: 9 kernel_size: 3 group: 3 pad: 1"),
    "apart": ((37, 9, 8), "num_output: 37 group: 37 kernel_size: 3 pad: 1 stride: 2"),
    "colours": ((3, 21, 26), "num_output: 40 kernel_size: 5 pad: 2"),
    "square": ((17, 11, 10), "num_output: 34 kernel_size: 3 pad: 1"),
}


def inputs(names, images, shape):
    dims = " ".join(f"dim: {n}" for n in (images, *shape))
    parts = (f'layer {{ name: "{n}" type: "Input" top: "{n}" input_param {{ shape {{ {dims} }} }} }}' for n in names)
    return "\n".join(parts)


def convolved(options, bottom="x"):
    fillers = 'weight_filler { type: "msra" } bias_filler { type: "gaussian" }'
    if "bias_term: false" in options:
        fillers = 'weight_filler { type: "msra" }'
    return (
        f'layer {{ name: "conv" type: "Convolution" bottom: "{bottom}" top: "y" '
        f"convolution_param {{ {options} {fillers} }} }}"
    )


def out_shape(text):
    net = Net(parse_net(text), minicaffe.TEST)
    return net.blobs["y"].data.shape[1:]


def both(text, phase, seed=0):
    """Nets under both plans with the same parameters and inputs."""
    nets = [Net(parse_net(text), phase, seed=1, plan=plan) for plan in ("inspect", "fast")]
    rng = np.random.default_rng(seed)
    for name, blobs in nets[0].params.items():
        for i, blob in enumerate(blobs):
            spread = 1 / np.sqrt(max(1, np.prod(blob.data.shape[1:])))
            value = rng.standard_normal(blob.data.shape) * spread
            if name == "norm":
                value = [value, np.abs(value) + 1, np.full(1, 2.0)][i]
            for net in nets:
                net.params[name][i].data[...] = value
    for name in nets[0].inputs:
        value = rng.standard_normal(nets[0].blobs[name].data.shape)
        for net in nets:
            net.blobs[name].data[...] = value
    return nets


def close(a, b):
    assert np.ptp(a) > 0
    np.testing.assert_allclose(b, a, rtol=1e-4, atol=2e-5 * max(1.0, np.abs(a).max()))


@pytest.mark.parametrize("images", [1, 3, 9])
@pytest.mark.parametrize("behind", ["", NORM + RELU, NORM + SUM + RELU, BIAS, RELU, SUM], ids=len)
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_outputs_agree(name, behind, images):
    shape, options = CONVOLUTIONS[name]
    text = inputs(["x"], images, shape) + convolved(options)
    if "other" in behind:
        text = inputs(["other"], images, out_shape(text)) + text
    nets = both(text + behind, minicaffe.TEST)
    wanted, found = (net.forward()["y"].copy() for net in nets)
    close(wanted, found)
    for net in nets:  # parameters that change later are taken up
        for blobs in net.params.values():
            blobs[0].data[...] *= 2
    wanted, found = (net.forward()["y"] for net in nets)
    close(wanted, found)


@pytest.mark.parametrize("images", [2, 9])
@pytest.mark.parametrize("behind", ["", RELU], ids=len)
@pytest.mark.parametrize("before", [False, True], ids=["first", "second"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_gradients_agree(name, before, behind, images):
    shape, options = CONVOLUTIONS[name]
    text = inputs(["x"], images, shape)
    if before:
        text += (
            'layer { name: "before" type: "Convolution" bottom: "x" top: "h" convolution_param { '
            f'num_output: {shape[0]} kernel_size: 1 weight_filler {{ type: "msra" }} }} }}'
        )
    text += convolved(options, "h" if before else "x")
    text = inputs(["target"], images, out_shape(text)) + text + behind
    text += 'layer { name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "target" top: "loss" }'
    nets = both(text, minicaffe.TRAIN)
    for net in nets:
        net.clear_param_diffs()
        for _ in range(2):  # gradients add up
            net.forward()
            net.backward()
    for layer, blobs in nets[0].params.items():
        for i, blob in enumerate(blobs):
            close(blob.diff, nets[1].params[layer][i].diff)


def chosen(text, phase=minicaffe.TEST, kernels="auto"):
    graph = Net(parse_net(text), phase, kernels=kernels).graph
    batch = graph.values[0].shape[0]
    b = Builder(graph, needed_gradients(graph), batch, frozenset())
    groups = chains(graph, TRAINING if b.training else INFERENCE)
    (group,) = (group for group in groups if "Convolution" in group.types)
    return convolution.lower(b, group)


@pytest.mark.parametrize(
    "shape, options, family",
    [
        ((64, 28, 28), "num_output: 64 kernel_size: 3 pad: 1", winograd),
        ((64, 28, 28), "num_output: 64 kernel_size: 1", direct),
        ((64, 28, 28), "num_output: 64 kernel_size: 3 stride: 2", direct),
        ((3, 64, 64), "num_output: 64 kernel_size: 7 stride: 2 pad: 3", first),
        ((3, 32, 32), "num_output: 32 kernel_size: 5 pad: 2", winograd_first),
        ((3, 32, 32), "num_output: 16 kernel_size: 3 pad: 1", winograd_first),
        ((64, 28, 28), "num_output: 64 kernel_size: 3 pad: 1 group: 64", depthwise),
    ],
)
def test_the_cheapest_family_is_chosen(shape, options, family):
    assert chosen(inputs(["x"], 8, shape) + convolved(options)).family is family


@pytest.mark.parametrize("channels, family", [(64, direct), (3, first)])
def test_direct_kernels_can_be_asked_for(channels, family):
    text = inputs(["x"], 8, (channels, 28, 28)) + convolved("num_output: 64 kernel_size: 3 pad: 1")
    assert chosen(text, kernels="direct").family is family


@pytest.mark.parametrize(
    "shape, options",
    [
        ((4, 5, 6, 7), "num_output: 8 kernel_size: 3"),
        ((6, 5, 7), "num_output: 9 kernel_size: 3 group: 3"),
        ((6, 5, 7), "num_output: 9 kernel_size: 3 axis: 2"),
    ],
)
def test_what_no_family_takes(shape, options):
    assert chosen(inputs(["x"], 8, shape) + convolved(options)) is None
