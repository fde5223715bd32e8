#!/usr/bin/env python3
"""Layers of one's own: a loss and a source of data, first as pycaffe has them, then as types that prototxts can name.

usage: python scripts/examples/custom_layer.py [--out FOLDER]

Three nets fit a plane to points: with Caffe's EuclideanLoss, with the same loss as a ``Python`` layer, and with a type
of our own. All three must give the same numbers. FOLDER receives the prototxts.
"""

import argparse
import json
from pathlib import Path

import numpy as np

import minicaffe as caffe
from minicaffe import layers as L
from minicaffe.layers import Inferred, Layer, register
from minicaffe.proto import caffe_pb2

parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n\n")[0])
parser.add_argument("--out", type=Path, default=Path("examples_out/custom_layer"))
args = parser.parse_args()
args.out.mkdir(parents=True, exist_ok=True)
PLANE = np.array([[2.0, -1.0, 0.5]])


def points(batch, number):
    """Batch ``number``: points x (batch, 3), and y (batch, 1), their heights, with a little noise."""
    random = np.random.default_rng(number)
    x = random.normal(size=(batch, 3))
    return x, x @ PLANE.T + 3 + random.normal(scale=0.01, size=(batch, 1))


# 1. pycaffe's way: a class with four methods. ``bottom[i]`` and ``top[i]`` are blobs, with ``data`` and ``diff``.
#    ``setup`` runs once, ``reshape`` before every forward. ``param_str`` is a text from the prototxt.


class PointsLayer(caffe.Layer):
    """Gives x and y; the prototxt says how many at a time."""

    def setup(self, bottom, top):
        if len(top) != 2:
            raise ValueError("expected two tops, x and y")
        self.batch = json.loads(self.param_str)["batch"]
        self.number = 0

    def reshape(self, bottom, top):
        top[0].reshape(self.batch, 3)
        top[1].reshape(self.batch, 1)

    def forward(self, bottom, top):
        top[0].data[...], top[1].data[...] = points(self.batch, self.number)
        self.number += 1

    def backward(self, top, propagate_down, bottom):
        pass  # there is nothing below


class SquaredLayer(caffe.Layer):
    """loss = sum (a - b)^2 / (2 N), as EuclideanLoss."""

    def setup(self, bottom, top):
        if len(bottom) != 2:
            raise ValueError("expected two bottoms")

    def reshape(self, bottom, top):
        if bottom[0].shape != bottom[1].shape:
            raise ValueError(f"the bottoms are {bottom[0].shape} and {bottom[1].shape}; expected the same")
        self.difference = np.zeros(bottom[0].shape, np.float32)
        top[0].reshape()  # one number

    def forward(self, bottom, top):
        self.difference[...] = bottom[0].data - bottom[1].data
        top[0].data[...] = np.sum(self.difference**2) / bottom[0].num / 2

    def backward(self, top, propagate_down, bottom):
        # top[0].diff holds the loss's weight. A bottom that leads to nothing learned wants no gradient.
        for i, sign in ((0, 1), (1, -1)):
            if propagate_down[i]:
                bottom[i].diff[...] = sign * top[0].diff * self.difference / bottom[i].num


# 2. The same as types of our own. ``infer`` sees shapes only, before any array exists; ``forward`` and ``backward`` get
#    arrays, already allocated, and overwrite them. A diff that is None is not wanted. Such a file is loaded with
#    ``minicaffe train solver.prototxt --layers FILE``.


@register("Points", options="python_param", bottoms=0, tops=2)
class Points(Layer):
    """Gives x and y. ``state`` and ``restore`` let a resumed run go on at the batch where the snapshot was taken."""

    def setup(self):
        self.batch = json.loads(self.options.param_str)["batch"]
        self.number = 0

    def infer(self):
        return Inferred([(self.batch, 3), (self.batch, 1)])

    def forward(self, bottoms, tops):
        tops[0][...], tops[1][...] = points(self.batch, self.number)
        self.number += 1

    def state(self):
        return {"number": self.number}

    def restore(self, state):
        self.number = state["number"]


@register("Squared", bottoms=2, tops=1)
class Squared(Layer):
    """loss = sum (a - b)^2 / (2 N), as EuclideanLoss."""

    loss = True  # its top counts with weight 1 unless loss_weight says otherwise
    backward_reads = ("bottoms",)  # so that they are still there when backward runs

    def infer(self, a, b):
        if a != b:
            raise caffe.errors.LayerError(f"the bottoms are {a} and {b}; expected the same")
        return Inferred([()])

    def forward(self, bottoms, tops):
        a, b = bottoms
        tops[0][...] = np.sum((a - b) ** 2) / len(a) / 2

    def backward(self, bottoms, tops, top_diffs, bottom_diffs):
        a, b = bottoms
        for sign, diff in zip((1, -1), bottom_diffs):
            if diff is not None:
                diff[...] = sign * top_diffs[0] * (a - b) / len(a)


# 3. Three nets. A Python layer names a module and a class in it. Classes of the running program may be used as they
#    are; a module in a file needs the user's word: Net(..., python_layers=FOLDER).


def net_of(data, loss):
    n = caffe.NetSpec()
    n.x, n.y = data()
    n.plane = L.InnerProduct(n.x, num_output=1, weight_filler={"type": "gaussian", "std": 0.1})
    n.loss = loss(n.plane, n.y)
    return n.to_proto()


def python_points():
    return L.Python(module=__name__, layer="PointsLayer", param_str=json.dumps({"batch": 20}), ntop=2)


def our_points():
    return L.Points(python_param={"param_str": json.dumps({"batch": 20})}, ntop=2)


def python_loss(a, b):
    return L.Python(a, b, module=__name__, layer="SquaredLayer", loss_weight=1)  # without a weight it is no loss


nets = {
    "caffe": net_of(python_points, L.EuclideanLoss),
    "python": net_of(python_points, python_loss),
    "own": net_of(our_points, L.Squared),
}
solvers = {}
for name, proto in nets.items():
    (args.out / f"{name}.prototxt").write_text(str(proto))
    settings = caffe_pb2.SolverParameter(
        train_net=str(args.out / f"{name}.prototxt"), base_lr=0.2, lr_policy="fixed", random_seed=1
    )
    (args.out / f"{name}_solver.prototxt").write_text(str(settings))
    solvers[name] = caffe.get_solver(args.out / f"{name}_solver.prototxt")

print("iteration   EuclideanLoss  Python layer  type of our own")
for iteration in range(1, 61):
    losses = [solver.step(1) for solver in solvers.values()]
    if iteration in (1, 2, 5, 10, 20, 40, 60):
        print(f"{iteration:9}   {losses[0]:13.6f}  {losses[1]:12.6f}  {losses[2]:15.6f}")
    if not np.allclose(losses, losses[0], rtol=1e-4):
        raise SystemExit(f"the losses of iteration {iteration} differ: {losses}")
for name, solver in solvers.items():
    weights, offset = (blob.data.ravel().round(2).tolist() for blob in solver.net.params["plane"])
    print(f"{name:6} found the plane {weights} and the offset {offset}")
print(f"the points were drawn from {PLANE.ravel().tolist()} and [3.0]\n")

# 4. Is the gradient right? Along some direction, the loss must change as the gradient foretells. Numbers in float64
#    leave no doubt; Python layers have float32 only, types of our own have whatever the net has.

proto = caffe_pb2.NetParameter()
proto.CopyFrom(nets["own"])
del proto.layer[0]  # inputs that stand still, in place of the data
proto.input.extend(["x", "y"])
for shape in ((20, 3), (20, 1)):
    proto.input_shape.add(dim=shape)
net = caffe.Net.from_proto(proto, caffe.TRAIN, seed=1, dtype="float64")
net.blobs["x"].data[...], net.blobs["y"].data[...] = points(20, 1)
net.forward()
net.backward()
weights = net.params["plane"][0]
direction = np.random.default_rng(1).normal(size=weights.shape)
foretold, start, step = (weights.diff * direction).sum(), weights.data.copy(), 1e-4
sides = []
for sign in (1, -1):
    weights.data[...] = start + sign * step * direction
    sides.append(float(net.forward()["loss"]))
print(f"slope by the gradient {foretold:.8f}, by differences {(sides[0] - sides[1]) / (2 * step):.8f}")

# 5. Mistakes are told in a sentence, with the layer, and the line of our own code where it went wrong.

try:
    caffe.Net.from_proto(
        net_of(python_points, lambda a, b: L.Python(a, module=__name__, layer="SquaredLayer")), caffe.TRAIN
    )
except caffe.errors.GraphError as error:
    print(f"\na loss with one bottom:\n  {error}")
try:
    caffe.Net.from_proto(net_of(our_points, L.Sqared), caffe.TRAIN)
except caffe.errors.GraphError as error:
    print(f"a name misspelt:\n  {error}")
