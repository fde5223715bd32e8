#!/usr/bin/env python3
"""Learn LeNet from Python, one iteration at a time, and watch its filters and scores change.

usage: python scripts/examples/learn_lenet.py [--train LMDB --test LMDB] [--iterations 100] [--out FOLDER] [--plot]

Without databases (of MNIST: ``minicaffe data mnist``) the lesson draws digits of its own. ``FOLDER`` receives the
prototxts, the learned weights, and in ``watched.npz`` the filters and scores of every iteration; ``--plot`` adds
pictures of them, where matplotlib is installed. The first run of all also compiles the kernels, which takes longer.
"""

import argparse
from pathlib import Path

import digits
import lmdb
import numpy as np

import minicaffe as caffe
from minicaffe import layers as L
from minicaffe import params as P
from minicaffe.proto import caffe_pb2

parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n\n")[0], add_help=True)
parser.add_argument("--train", help="LMDB to learn from")
parser.add_argument("--test", help="LMDB to be tested on")
parser.add_argument("--iterations", type=int, default=100)
parser.add_argument("--out", type=Path, default=Path("examples_out/learn_lenet"))
parser.add_argument("--plot", action="store_true")
args = parser.parse_args()
if bool(args.train) != bool(args.test):
    parser.error("--train and --test are two databases; expected both, or none")
for path in filter(None, (args.train, args.test)):
    if not Path(path).is_dir():
        parser.error(f"{path}: no such folder; expected an LMDB")
if args.iterations < 1:
    parser.error(f"--iterations is {args.iterations}; expected at least 1")
args.out.mkdir(parents=True, exist_ok=True)

# 1. Data. An LMDB for Caffe holds Datum messages under keys whose order is the order of reading.


def write_database(path, images, labels):
    with lmdb.open(str(path), map_size=1 << 26) as database, database.begin(write=True) as transaction:
        for number, (image, label) in enumerate(zip(images, labels)):
            datum = caffe.io.array_to_datum(image, int(label))  # (channels, height, width), uint8
            transaction.put(f"{number:08}".encode(), datum.SerializeToString())
    return str(path.resolve())


if args.train:
    train_data, test_data = args.train, args.test
else:
    train_data = write_database(args.out / "train_lmdb", *digits.draw(2000, seed=1))
    test_data = write_database(args.out / "test_lmdb", *digits.draw(500, seed=2))

# 2. The net, written in Python. Every call makes a layer; attributes of the NetSpec name the tops.


def lenet(source, batch_size):
    n = caffe.NetSpec()
    n.data, n.label = L.Data(
        source=source, backend=P.Data.LMDB, batch_size=batch_size, transform_param={"scale": 1 / 255}, ntop=2
    )
    n.conv1 = L.Convolution(n.data, kernel_size=5, num_output=20, weight_filler={"type": "xavier"})
    n.pool1 = L.Pooling(n.conv1, kernel_size=2, stride=2, pool=P.Pooling.MAX)
    n.conv2 = L.Convolution(n.pool1, kernel_size=5, num_output=50, weight_filler={"type": "xavier"})
    n.pool2 = L.Pooling(n.conv2, kernel_size=2, stride=2, pool=P.Pooling.MAX)
    n.fc1 = L.InnerProduct(n.pool2, num_output=500, weight_filler={"type": "xavier"})
    n.relu1 = L.ReLU(n.fc1, in_place=True)
    n.score = L.InnerProduct(n.relu1, num_output=10, weight_filler={"type": "xavier"})
    n.loss = L.SoftmaxWithLoss(n.score, n.label)
    return n.to_proto()


(args.out / "train.prototxt").write_text(str(lenet(train_data, 64)))
(args.out / "test.prototxt").write_text(str(lenet(test_data, 100)))

# 3. The solver, a message too. Its test net uses the parameters of its training net.

settings = caffe_pb2.SolverParameter(
    train_net=str(args.out / "train.prototxt"),
    test_net=[str(args.out / "test.prototxt")],
    test_iter=[5],
    test_interval=1 << 30,  # the lesson tests by itself
    max_iter=args.iterations,
    type="SGD",
    base_lr=0.01,
    momentum=0.9,
    weight_decay=5e-4,
    lr_policy="inv",
    gamma=1e-4,
    power=0.75,
    random_seed=1,
    snapshot_prefix=str(args.out / "lenet"),
)
(args.out / "solver.prototxt").write_text(str(settings))
solver = caffe.get_solver(args.out / "solver.prototxt")
net, test_net = solver.net, solver.test_nets[0]

print("The blobs of the training net, batch first:")
for name, blob in net.blobs.items():
    print(f"  {name:6} {' x '.join(map(str, blob.shape)) or 'a number'}")
print("Its parameters, weights and biases:")
for name, (weights, biases) in net.params.items():
    print(f"  {name:6} {' x '.join(map(str, weights.shape))} and {biases.count}")

# 4. Before anything is learned all ten digits are as likely: the loss is about ln 10 = 2.30.

print(
    f"\nloss before learning: {float(net.forward()['loss']):.3f} on one batch, {float(test_net.forward()['loss']):.3f}"
)
print(f"the first image of the test net, a digit {int(test_net.blobs['label'].data[0])}:")
print(digits.as_text(test_net.blobs["data"].data[0, 0]))

# 5. One step: forward, backward, update. The gradients stay in the diffs, for whoever wants to look.

solver.step(1)
weights = net.params["conv1"][0]
print(
    f"\nthe first step: gradients of the filters of up to {np.abs(weights.diff).max():.1e}, weights of up to", end=" "
)
print(f"{np.abs(weights.data).max():.2f}, learning rate {solver.lr:.3f}")

# 6. Many steps, each watched. The batch that the test net holds is shown again and again: ``start="conv1"`` leaves
#    out the Data layer, which would fetch another one.

losses, accuracies, filters, scores = [], [], [], []


def accuracy():
    right = total = 0
    for _ in range(solver.param.test_iter[0]):
        test_net.forward()
        right += (test_net.blobs["score"].data.argmax(1) == test_net.blobs["label"].data).sum()
        total += test_net.blobs["label"].count
    return right / total


test_net.forward()
watched, label = test_net.blobs["data"].data.copy(), int(test_net.blobs["label"].data[0])
print(f"\nHow likely each digit seems for one test image, of a {label}, in hundredths:")
print("iteration   loss   accuracy    " + "".join(f"{digit:4}" for digit in range(10)))
for iteration in range(1, args.iterations + 1):
    solver.step(1)
    losses.append(float(net.blobs["loss"].data))
    filters.append(net.params["conv1"][0].data[:, 0].copy())
    test_net.blobs["data"].data[...] = watched
    test_net.forward(start="conv1")
    scores.append(test_net.blobs["score"].data[:8].copy())
    if iteration % max(1, args.iterations // 8) == 0 or iteration == 1:
        accuracies.append((iteration, accuracy()))
        likely = np.exp(scores[-1][0] - scores[-1][0].max())
        columns = "".join(f"{round(100 * share):4}" for share in likely / likely.sum())
        print(f"{iteration:9}  {losses[-1]:5.3f}  {accuracies[-1][1]:9.3f}    {columns}")

# 7. What has been learned.

moved = np.linalg.norm((filters[-1] - filters[0]).reshape(20, -1), axis=1)
most = int(moved.argmax())
print(f"\nFilter {most} has moved most, by {moved[most]:.3f}; from the first iteration to the last:")
both = np.concatenate([filters[0][most], np.full((5, 1), filters[-1][most].min()), filters[-1][most]], axis=1)
print(digits.as_text(np.kron(both, np.ones((2, 2)))))
solver.net.save(args.out / "lenet.caffemodel")
np.savez(args.out / "watched.npz", losses=losses, accuracies=accuracies, filters=filters, scores=scores)
print(f"accuracy: {accuracies[-1][1]:.3f}; filters and scores of every iteration: {args.out / 'watched.npz'}")

if args.plot:
    try:
        import matplotlib
    except ImportError:
        parser.error("--plot needs matplotlib; expected pip install minicaffe[plot]")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    left.plot(losses, color="grey")
    left.set(xlabel="iteration", ylabel="loss")
    left.twinx().plot(*zip(*accuracies), "o-")
    left.set_title("loss (grey) and test accuracy")
    right.imshow(np.array(scores)[:, 0].T, aspect="auto", cmap="gray")
    right.set(xlabel="iteration", ylabel="digit", title=f"scores of a {label}", yticks=range(10))
    figure.savefig(args.out / "learning.png")
    figure, axes = pyplot.subplots(4, 5, figsize=(5, 4), layout="constrained")
    for axis, picture in zip(axes.flat, filters[-1]):
        axis.imshow(picture, cmap="gray")
        axis.axis("off")
    figure.savefig(args.out / "filters.png")
    print(f"pictures: {args.out / 'learning.png'}, {args.out / 'filters.png'}")
