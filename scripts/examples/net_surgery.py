#!/usr/bin/env python3
"""Net surgery: parameters are arrays, and a classifier becomes a fully convolutional net that reads whole strips.

usage: python scripts/examples/net_surgery.py [--out FOLDER]

A small net learns to tell single digits of 28 x 28 pixels, which takes a few seconds. Its inner products are then
cast into convolutions, and the same weights slide over a strip with many digits. FOLDER receives prototxts and weights.
"""

import argparse
from pathlib import Path

import digits
import numpy as np

import minicaffe as caffe
from minicaffe import layers as L
from minicaffe import params as P
from minicaffe.proto import caffe_pb2

parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n\n")[0])
parser.add_argument("--out", type=Path, default=Path("examples_out/net_surgery"))
args = parser.parse_args()
args.out.mkdir(parents=True, exist_ok=True)
XAVIER = {"type": "xavier"}

# 1. Parameters are arrays. A convolution is given filters of our own: one that blurs, two that find edges.

n = caffe.NetSpec()
n.data = L.Input(shape={"dim": [1, 1, 28, 28]})
n.conv = L.Convolution(n.data, num_output=3, kernel_size=3, pad=1)
net = caffe.Net.from_proto(n.to_proto(), caffe.TEST)

weights, biases = net.params["conv"]
sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
weights.data[:, 0] = [np.ones((3, 3)) / 9, sobel, sobel.T]  # weights are (filters, channels, height, width)
image, label = digits.draw(1, seed=3)
net.blobs["data"].data[...] = image
before = net.forward()["conv"].copy()  # a copy: the next forward overwrites the net's own memory
print(f"The horizontal edges of a digit {label[0]}, as our own filter finds them:")
print(digits.as_text(np.abs(before[0, 2])))
biases.data[0] += 10
print(
    f"with 10 more in the first bias the first map grows by {(net.forward()['conv'] - before)[0, 0].mean():.1f}, ",
    end="",
)
print(f"the others by {(net.blobs['conv'].data - before)[0, 1:].mean():.1f}\n")

# 2. A classifier of eleven classes: ten digits, and what lies between two of them.


def features(n):
    """The convolutional part, the same in all three nets."""
    n.conv1 = L.Convolution(n.data, kernel_size=5, num_output=8, weight_filler=XAVIER)
    n.pool1 = L.Pooling(n.conv1, kernel_size=2, stride=2, pool=P.Pooling.MAX)
    n.conv2 = L.Convolution(n.pool1, kernel_size=5, num_output=16, weight_filler=XAVIER)
    n.pool2 = L.Pooling(n.conv2, kernel_size=2, stride=2, pool=P.Pooling.MAX)


def classifier(n):
    features(n)
    n.fc1 = L.InnerProduct(n.pool2, num_output=64, weight_filler=XAVIER)
    n.relu1 = L.ReLU(n.fc1, in_place=True)
    n.score = L.InnerProduct(n.fc1, num_output=11, weight_filler=XAVIER)


n = caffe.NetSpec()
n.data, n.label = L.MemoryData(batch_size=64, channels=1, height=28, width=28, ntop=2)
classifier(n)
n.loss = L.SoftmaxWithLoss(n.score, n.label)
(args.out / "train.prototxt").write_text(str(n.to_proto()))

n = caffe.NetSpec()
n.data = L.Input(shape={"dim": [1, 1, 28, 28]})
classifier(n)
n.prob = L.Softmax(n.score)
(args.out / "classifier.prototxt").write_text(str(n.to_proto()))

settings = caffe_pb2.SolverParameter(
    train_net=str(args.out / "train.prototxt"), base_lr=0.02, momentum=0.9, lr_policy="fixed", random_seed=1
)
(args.out / "solver.prototxt").write_text(str(settings))
solver = caffe.SGDSolver(args.out / "solver.prototxt")
images, labels = digits.draw(64 * 40, seed=1, nothing=True)
solver.net.set_input_arrays(images.astype(np.float32) / 255, labels.astype(np.float32))
solver.step(200)
solver.net.save(args.out / "classifier.caffemodel")

net = caffe.Net(args.out / "classifier.prototxt", caffe.TEST, weights=args.out / "classifier.caffemodel")
images, labels = digits.draw(300, seed=2, nothing=True)
found = net.forward_all(data=images / 255)["prob"].argmax(1)
print(f"the classifier is right about {(found == labels).mean():.3f} of 300 new images")

# 3. The cast. An inner product over 16 channels of 4 x 4 is a convolution with a kernel of 4 x 4; what was a number per
#    image becomes a map. Only these two layers change, and they get new names: a layer whose weights have another
#    shape must not have the old one's name.

n = caffe.NetSpec()
n.data = L.Input(shape={"dim": [1, 1, 28, 28]})
features(n)
n.fc1_conv = L.Convolution(n.pool2, kernel_size=4, num_output=64)
n.relu1 = L.ReLU(n.fc1_conv, in_place=True)
n.score_conv = L.Convolution(n.fc1_conv, kernel_size=1, num_output=11)
n.prob = L.Softmax(n.score_conv)  # over axis 1, the classes, at every place
(args.out / "convolutional.prototxt").write_text(str(n.to_proto()))

# Layers of equal name take their weights from the file, here conv1 and conv2; the rest is put over by hand.
full = caffe.Net(args.out / "convolutional.prototxt", caffe.TEST, weights=args.out / "classifier.caffemodel")
print("\nThe cast:")
for old, new in {"fc1": "fc1_conv", "score": "score_conv"}.items():
    for source, target in zip(net.params[old], full.params[new]):
        target.data.flat = source.data.flat  # the numbers lie in the same order, only the shape is another
        shapes = [" x ".join(map(str, blob.shape)) for blob in (source, target)]
        print(f"  {old:5} {shapes[0]:>8}  ->  {new:10} {shapes[1]}")
full.save(args.out / "convolutional.caffemodel")

# ``caffe.transplant`` does the same in one call, and says what did not fit.
other = caffe.Net(args.out / "convolutional.prototxt", caffe.TEST, weights=args.out / "classifier.caffemodel")
caffe.transplant(net, other, {"fc1": "fc1_conv", "score": "score_conv"})
same = all((a.data == b.data).all() for name in full.params for a, b in zip(full.params[name], other.params[name]))
print(f"caffe.transplant gives {'the same' if same else 'OTHER'} weights")

scores = [one.forward(data=images[:1] / 255, end=end)[end] for one, end in ((net, "score"), (full, "score_conv"))]
differences = np.abs(scores[0].ravel() - scores[1].ravel())
print(f"on one image the scores of both nets differ by {differences.max():.1e} at most")

# 4. A strip with many digits. The input takes its shape, and all layers follow. The two poolings make a step in the
#    answer of four pixels in the strip.

written = [3, 1, 4, 1, 5, 9, 2, 6]
strip = digits.scene(written, seed=4)
full.blobs["data"].reshape(1, *strip.shape)
answer = full.forward(data=strip[None] / 255)["prob"][0, :, 0]  # classes x places
print(f"\nA strip of {strip.shape[2]} pixels gives {answer.shape[1]} answers, one every 4 pixels:")
print(digits.as_text(strip[0][::2, ::2]))
seen = "".join("." if column.argmax() == digits.NOTHING else str(column.argmax()) for column in answer.T)
print(" " * 6 + "".join(f" {digit}" for digit in seen))  # below the middle of what each answer has seen
read = [int(answer[: digits.NOTHING, 7 * place].argmax()) for place in range(len(written))]
print(f"read where digits stand, every 28 pixels: {read}; written were {written}")
