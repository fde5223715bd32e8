"""Random small nets in float64: in-place chains, splits, views, shared weights; gradients against differences.

Only smooth layers take part, so that a central difference is meaningful at every point.
"""

import random

import numpy as np
import pytest

from minicaffe.net import Net
from minicaffe.proto import parse_net

INPUTS = (
    'layer { name: "x" type: "Input" top: "x" top: "t" '
    "input_param { shape { dim: 2 dim: 3 dim: 4 dim: 4 } shape { dim: 2 } } }"
)
IN_PLACE = ("Sigmoid", "TanH", "Scale", "Bias", "BatchNorm")
STEP = 1e-6
FILLER = '{ type: "gaussian" std: 0.7 mean: 0.4 }'


def layer(type_name, name, bottoms, top, extra=""):
    wires = " ".join(f'bottom: "{bottom}"' for bottom in bottoms)
    return f'layer {{ name: "{name}" type: "{type_name}" {wires} top: "{top}" {extra} }}'


class Writer:
    """Writes a net layer by layer; ``shapes`` holds every blob that may be read."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.shapes = {"x": (2, 3, 4, 4)}
        self.layers = [INPUTS]

    def text(self):
        for index in range(self.random.randint(4, 9)):
            self.add(f"l{index}")
        last = self.random.choice(list(self.shapes))
        weights = f"inner_product_param {{ num_output: 4 weight_filler {FILLER} }}"
        self.layers.append(layer("InnerProduct", "ip", [last], "ip", weights))
        self.layers.append(layer("SoftmaxWithLoss", "loss", ["ip", "t"], "loss"))
        return "force_backward: true\n" + "\n".join(self.layers)

    def add(self, name):
        choose = self.random.choice
        bottom = choose(list(self.shapes))
        shape = self.shapes[bottom]
        kinds = [*IN_PLACE, "Eltwise", "Concat", "Flatten"] + ["Convolution", "Pooling"] * (len(shape) == 4)
        kind = choose(kinds)
        same = [blob for blob, other in self.shapes.items() if other == shape]
        bottoms, extra = [bottom], ""
        top = bottom if kind in IN_PLACE and self.random.random() < 0.5 else f"{name}_top"
        if kind in ("Scale", "Bias"):
            shared = f'param {{ name: "{kind}{shape[1]}" }}' if self.random.random() < 0.4 else ""
            extra = f"{kind.lower()}_param {{ filler {FILLER} }} {shared}"
        elif kind == "Eltwise":
            bottoms += [choose(same) for _ in range(self.random.randint(1, 2))]
            extra = f"eltwise_param {{ operation: {choose(['SUM', 'PROD'])} }}"
        elif kind == "Concat":
            bottoms.append(choose(same))
            shape = (shape[0], 2 * shape[1], *shape[2:])
        elif kind == "Flatten":
            shape = (shape[0], int(np.prod(shape[1:])))
        elif kind == "Convolution":
            extra = f"convolution_param {{ num_output: 2 kernel_size: 3 pad: 1 weight_filler {FILLER} }}"
            shape = (shape[0], 2, *shape[2:])
        elif kind == "Pooling":
            extra = "pooling_param { pool: AVE kernel_size: 3 stride: 1 pad: 1 }"
        if self.random.random() < 0.2:
            extra += f" loss_weight: {choose([1, 0.3, -0.7])}"
        self.layers.append(layer(kind, name, bottoms, top, extra))
        self.shapes[top] = shape


@pytest.mark.parametrize("seed", range(60))
def test_gradients_are_those_of_the_loss(seed):
    numbers = np.random.default_rng(seed)
    with Net(parse_net(Writer(seed).text()), "TRAIN", seed=seed, dtype="float64") as net:
        x = numbers.normal(size=(2, 3, 4, 4))
        net.blobs["t"].data[...] = [1, 3]
        gradients = []
        for _ in range(2):
            net.clear_param_diffs()
            loss_at(net, x)
            net.backward()
            gradients.append([net.value(net.graph.inputs[0]).diff.copy(), *(p.diff.copy() for p in parameters(net))])
        for one, two in zip(*gradients):
            np.testing.assert_array_equal(one, two, err_msg="a second pass gives other gradients")
        for blob, gradient in zip(parameters(net), gradients[0][1:]):
            direction = numbers.normal(size=blob.shape)
            assert along(net, blob.data, direction, x) == pytest.approx(
                (gradient * direction).sum(), rel=2e-4, abs=2e-4
            )
        direction = numbers.normal(size=x.shape)
        expected = (gradients[0][0] * direction).sum()
        losses = [loss_at(net, x + sign * STEP * direction) for sign in (1, -1)]
        assert (losses[0] - losses[1]) / (2 * STEP) == pytest.approx(expected, rel=2e-4, abs=2e-4)


@pytest.mark.parametrize("seed", range(100))
def test_the_fast_plan_computes_the_same(seed):
    """Losses, outputs and gradients of both plans, in float32, twice: nothing is left over from the first pass."""
    text = Writer(seed).text()
    numbers = np.random.default_rng(seed)
    nets = [Net(parse_net(text), "TRAIN", seed=seed, plan=plan) for plan in ("inspect", "fast")]
    for _ in range(2):
        x = numbers.normal(size=(2, 3, 4, 4))
        found = []
        for net in nets:
            net.blobs["t"].data[...] = [1, 3]
            net.clear_param_diffs()
            loss = loss_at(net, x)
            net.backward()
            first = net.value(net.graph.inputs[0]).diff
            outputs = [net.blobs[name].data for name in net.outputs]
            state = [net.arena.state]
            found.append([np.float32(loss), first, *outputs, *(p.diff for p in parameters(net)), *state])
        for one, two in zip(*found):
            scale = max(np.abs(one).max(initial=0), 1e-2)
            np.testing.assert_allclose(two / scale, one / scale, rtol=0, atol=2e-3)


def loss_at(net, x):
    net.blobs["x"].data[...] = x
    net.forward()
    return net.loss


def along(net, array, direction, x):
    """The derivative of the loss along ``direction`` in ``array``, by a central difference; ``x`` is the input."""
    kept, losses = array.copy(), []
    for sign in (1, -1):
        array[...] = kept + sign * STEP * direction
        losses.append(loss_at(net, x))
    array[...] = kept
    return (losses[0] - losses[1]) / (2 * STEP)


def parameters(net):
    """The learned parameters that own their memory."""
    return [
        net.params[net.graph.nodes[fact.node].name][fact.index]
        for fact in net.graph.params
        if fact.learned and fact.owner == fact.id
    ]
