"""Values under several shapes, of several batch sizes, under the fast plan, against the inspect plan."""

import numpy as np
import pytest

import minicaffe
from minicaffe.net import Net
from minicaffe.proto import parse_net


def layer(kind, name, bottom, top, options=""):
    return f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{top}" {options} }}\n'


def data(*dims):
    shape = " ".join(f"dim: {n}" for n in dims)
    return f'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ {shape} }} }} }}\n'


def convolution(name, bottom, outputs=12):
    options = f'num_output: {outputs} kernel_size: 3 pad: 1 weight_filler {{ type: "xavier" }}'
    return layer("Convolution", name, bottom, name, f"convolution_param {{ {options} }}")


def reshape(name, bottom, *dims, extra=""):
    shape = " ".join(f"dim: {n}" for n in dims)
    return layer("Reshape", name, bottom, name, f"{extra} reshape_param {{ shape {{ {shape} }} }}")


CONV = data(10, 3, 6, 4) + convolution("a", "data")
TAIL = convolution("b", "r") + layer("ReLU", "relu", "b", "b") + convolution("c", "b", 2)

NETS = {
    "channels to rows": CONV + reshape("r", "a", 0, 3, -1, 4) + TAIL,
    "the same shape": CONV + reshape("r", "a", 0, 12, 6, 4) + TAIL,
    "a smaller batch": CONV + reshape("r", "a", 5, 12, 12, 4) + TAIL,
    "a larger batch": CONV + reshape("r", "a", 20, 6, 6, 4) + TAIL,
    "there and back": CONV + reshape("s", "a", 30, 4, 6, 4) + reshape("r", "s", 10, 8, 6, 6) + TAIL,
    "there, changed, and back": CONV
    + reshape("s", "a", 30, 4, 6, 4)
    + layer("Sigmoid", "sigmoid", "s", "s")
    + reshape("r", "s", 10, 8, 6, 6)
    + TAIL,
    "one axis and back": CONV + reshape("s", "a", -1) + reshape("r", "s", 10, 8, 6, 6) + TAIL,
    "an input of another batch": data(5, 6, 6, 4)
    + reshape("r", "data", 10, 3, 6, 4)
    + TAIL
    + convolution("d", "c")
    + convolution("e", "d"),
    "an input flattened to the batch": data(5, 2, 3, 4, 4)
    + layer("Flatten", "r", "data", "r", "flatten_param { axis: 0 end_axis: 1 }")
    + TAIL,
    "in place behind": CONV + reshape("r", "a", 0, 8, 6, 6) + layer("ReLU", "x", "r", "r") + TAIL,
    "two readers": CONV
    + reshape("s", "a", 0, 6, 8, 6)
    + convolution("left", "a", 6)
    + reshape("r", "left", 0, 6, 6, 4)
    + TAIL
    + layer("TanH", "tanh", "s", "t"),
    "an output": CONV + reshape("r", "a", 20, 6, 6, 4),
    "a loss": CONV + reshape("r", "a", 0, 6, 8, 6, extra="loss_weight: 0.5") + TAIL,
    "unread": CONV
    + convolution("b", "a")
    + reshape("r", "a", 20, -1)
    + layer("Silence", "s", "r", "").replace('top: ""', ""),
}


@pytest.mark.parametrize("phase", [minicaffe.TRAIN, minicaffe.TEST])
@pytest.mark.parametrize("name", NETS)
def test_both_plans_agree(name, phase):
    nets = [Net(parse_net("force_backward: true\n" + NETS[name]), phase, seed=1, plan=p) for p in ("inspect", "fast")]
    for net in nets:
        random = np.random.default_rng(1)
        net.blobs["data"].data[...] = random.standard_normal(net.blobs["data"].shape)
        net.clear_param_diffs()
        net.forward()
        for output in net.outputs:
            net.blobs[output].diff[...] = random.standard_normal(net.blobs[output].shape)
        net.backward()
    inspect, fast = nets
    for output in inspect.outputs:
        agree(fast.blobs[output].data, inspect.blobs[output].data, output)
    agree(fast.blobs["data"].diff, inspect.blobs["data"].diff, "data")
    for layer_name, blobs in inspect.params.items():
        for i, blob in enumerate(blobs):
            agree(fast.params[layer_name][i].diff, blob.diff, f"{layer_name}/{i}")


def agree(found, expected, what):
    assert np.abs(expected).max() > 0, what
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max(), err_msg=what)
