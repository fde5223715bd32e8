"""The fast plan computes what the inspect plan computes, on every model: losses, parameters, outputs.

Training differs by rounding alone, which grows with each iteration. The bounds are about four times what was found:
relative to the loss, and for all parameters together to how far they have moved.
"""

from pathlib import Path

import numpy as np
import pytest

import minicaffe
from minicaffe.net import Net
from minicaffe.proto import caffe_pb2, format_text, parse_net, read_net, read_solver
from minicaffe.solver.rates import learning_rate
from minicaffe.solver.rules import make_rule

MODELS = Path(__file__).parents[1] / "models"
TRAINED = sorted(path.parent.name for path in MODELS.glob("*/train_test.prototxt"))
DEPLOYED = sorted(path.parent.name for path in MODELS.glob("*/deploy.prototxt"))
ITEM = {"lenet": (1, 28, 28)}  # others are 3 x 32 x 32
LARGE = {"caffenet128": 4, "resnet20": 32}  # their batches here
PACE = 0.01  # of the solver's learning rate: at full pace training itself blows up differences of one rounding
ITERATIONS = {3: (1e-4, 2e-3), 50: (5e-2, 2e-2)}  # bounds of losses and of parameters


def in_memory(name: str) -> tuple[str, float]:
    """The training net with Input layers in the place of those that make data, and its images' spread."""
    spread = 1.0
    param = read_net(str(MODELS / name / "train_test.prototxt")).param
    for layer in param.layer:
        if layer.type == "Data":
            spread = 50 * layer.transform_param.scale
            batch = LARGE.get(name, layer.data_param.batch_size)
            shapes = [(batch, *ITEM.get(name, (3, 32, 32))), (batch,)]
        elif layer.type == "DummyData":
            shapes = [(LARGE[name], *shape.dim[1:]) for shape in layer.dummy_data_param.shape]
        else:
            continue
        for field in ("data_param", "transform_param", "dummy_data_param"):
            layer.ClearField(field)
        layer.type = "Input"
        layer.input_param.shape.extend(caffe_pb2.BlobShape(dim=shape) for shape in shapes)
    return format_text(param), spread


class Run:
    """Iterations of a model under one plan, on the same data: ten random images, one for each class, and noise."""

    def __init__(self, name: str, plan: str):
        text, self.spread = in_memory(name)
        self.net = Net(parse_net(text), minicaffe.TRAIN, seed=3, plan=plan)
        self.solver = read_solver(str(MODELS / name / "solver.prototxt"))
        self.rule = make_rule(self.solver, self.net.arena)
        self.random = np.random.default_rng(5)
        self.classes = self.random.normal(0, 1, (10, *self.net.blobs[self.net.inputs[0]].shape[1:]))
        self.began = self.params()
        self.losses: list[float] = []

    def params(self) -> list[np.ndarray]:
        return [blob.data.copy() for blobs in self.net.params.values() for blob in blobs]

    def step(self, iteration: int) -> None:
        images, labels = (self.net.blobs[name].data for name in self.net.inputs)
        labels[...] = self.random.integers(0, 10, labels.shape)
        noise = self.random.normal(0, self.spread, images.shape)
        images[...] = noise + self.spread * self.classes[labels.astype(int)]
        self.net.clear_param_diffs()
        self.net.forward()
        self.losses.append(self.net.loss)
        self.net.backward()
        self.rule.apply(PACE * learning_rate(self.solver, iteration), self.rule.gradient_norm())


def distance(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    return np.sqrt(sum(np.square(x - y, dtype=np.float64).sum() for x, y in zip(a, b)))


@pytest.mark.parametrize("name", TRAINED)
def test_training_agrees(name):
    inspect, fast = Run(name, "inspect"), Run(name, "fast")
    done = 0
    for iterations, (loss_bound, param_bound) in ITERATIONS.items():
        for i in range(done, iterations):
            inspect.step(i)
            fast.step(i)
        done = iterations
        apart = np.abs(np.subtract(inspect.losses, fast.losses)) / np.maximum(np.abs(inspect.losses), 0.1)
        found = distance(inspect.params(), fast.params()) / distance(inspect.params(), inspect.began)
        print(f"{name} {iterations}: losses {apart.max():.1e}, parameters {found:.1e}")
        assert apart.max() <= loss_bound
        assert found <= param_bound


def filling(fact, random) -> np.ndarray:
    """A parameter as after training: weights that keep the spread, positive factors and variances, small shifts."""
    if fact.label in ("variance", "gamma"):
        return random.uniform(0.5, 2, fact.shape)
    if fact.label == "factor":
        return np.ones(fact.shape)
    spread = np.sqrt(2 / np.prod(fact.shape[1:])) if fact.label == "weights" else 0.1
    return random.normal(0, spread, fact.shape)


@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("name", DEPLOYED)
def test_outputs_of_deploy_nets_agree(name, batch):
    param = read_net(str(MODELS / name / "deploy.prototxt")).param
    if param.layer[-1].type == "Softmax":
        del param.layer[-1]  # it would hide what it is sure of
    param.layer[0].input_param.shape[0].dim[0] = batch
    text = format_text(param)
    random = np.random.default_rng(7)
    nets = [Net(parse_net(text), minicaffe.TEST, seed=3, plan=plan) for plan in ("inspect", "fast")]
    for fact in nets[0].graph.params:
        fill = filling(fact, random)
        for net in nets:
            net.params[net.graph.nodes[fact.node].name][fact.index].data[...] = fill
    image = random.normal(0, 50, nets[0].blobs[nets[0].inputs[0]].shape)
    outputs = []
    for net in nets:
        net.blobs[net.inputs[0]].data[...] = image
        outputs.append(net.forward())
    for output, expected in outputs[0].items():
        assert np.ptp(expected) > 0
        found = np.abs(outputs[1][output] - expected).max() / np.abs(expected).max()
        print(f"{name} {batch}: {found:.1e}")
        assert found < 1e-3
