"""Old nets, whole: V0 and V1 files of the kind there were become what one would write today."""

from pathlib import Path

import numpy as np
import pytest

from minicaffe.net import Net
from minicaffe.proto import caffe_pb2, format_text, parse_net, parse_text, read_net, write_message

NETS = Path(__file__).parent / "old_nets"
MOVED = "moved scale, mean_file, crop_size, mirror of 1 data layer to transform_param"


@pytest.mark.parametrize(
    ("old", "new", "notes"),
    [
        ("alexnet_v0", "alexnet", ("upgraded 15 layers from Caffe's V0 form, merging 2 paddings",)),
        ("alexnet_v1", "alexnet", ("upgraded 13 layers from Caffe's V1 form", MOVED)),
        (
            "lenet_v1",
            "lenet",
            ("upgraded 7 layers from Caffe's V1 form", "moved scale of 1 data layer to transform_param"),
        ),
        (
            "siamese_v1",
            "siamese",
            ("upgraded 4 layers from Caffe's V1 form", "made 2 inputs of the net an Input layer"),
        ),
        (
            "cifar_quick_v1",
            "cifar_quick",
            ("upgraded 6 layers from Caffe's V1 form", "made 1 input of the net an Input layer"),
        ),
        (
            "rcnn_v1",
            "rcnn_of_v1",
            (
                "upgraded 3 layers from Caffe's V1 form",
                "moved mean_file, crop_size, mirror of 1 data layer to transform_param",
            ),
        ),
        ("rcnn_v0", "rcnn_of_v0", ("upgraded 5 layers from Caffe's V0 form",)),
    ],
)
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_old_becomes_new(old, new, notes, binary, tmp_path):
    path = NETS / f"{old}.prototxt"
    lines = read_net(path).lines
    if binary:
        raw = caffe_pb2.NetParameter()
        raw.CopyFrom(text_without_upgrades(path))
        path = tmp_path / "net.caffemodel"
        write_message(path, raw)
    net, present = read_net(path), read_net(NETS / f"{new}.prototxt")
    assert net.param == present.param
    assert net.notes == notes and present.notes == ()
    assert len(net.lines) == len(net.param.layer)
    assert net.lines == ((0,) * len(net.param.layer) if binary else lines)
    again = parse_net(format_text(net.param))
    assert again.param == net.param and again.notes == ()


def text_without_upgrades(path):
    return parse_text(path.read_text(), caffe_pb2.NetParameter)


def test_places_are_those_of_the_old_layers():
    net = read_net(NETS / "alexnet_v0.prototxt")
    text = (NETS / "alexnet_v0.prototxt").read_text().splitlines()
    for layer, line in zip(net.param.layer, net.lines):
        assert text[line - 1] == "layers {"
        assert f'"{layer.name}"' in "".join(text[line : line + 3])
    net = read_net(NETS / "siamese_v1.prototxt")
    assert net.lines[:2] == (2, 12)


def test_old_and_new_compute_the_same():
    nets = [Net(NETS / f"{name}.prototxt", "TEST", seed=5) for name in ("cifar_quick_v1", "cifar_quick")]
    image = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)
    found = []
    for net in nets:
        net.blobs["data"].data[...] = image
        found.append(net.forward()["prob"].copy())
    assert np.array_equal(*found)
    first, second = ([(fact.lr_mult, fact.decay_mult) for fact in net.graph.params] for net in nets)
    assert first == second == [(1, 1), (2, 1)] * 2


def test_weights_of_an_old_caffemodel(tmp_path):
    """Old files have four axes always: an inner product's weights are 1 x 1 x N x K, its biases 1 x 1 x 1 x N."""
    net = Net(NETS / "cifar_quick.prototxt", "TEST", seed=5)
    old = text_without_upgrades(NETS / "cifar_quick_v1.prototxt")
    for layer in old.layers:
        for blob in net.params.get(layer.name, ()):
            shape = (1,) * (4 - blob.data.ndim) + blob.data.shape
            new = layer.blobs.add(data=(blob.data.ravel() * 2).tolist())
            new.num, new.channels, new.height, new.width = shape
    doubles = caffe_pb2.NetParameter()
    doubles.CopyFrom(old)
    for layer in doubles.layers:
        for blob in layer.blobs:
            blob.double_data.extend(blob.data)
            blob.ClearField("data")
    for number, message in enumerate((old, doubles)):
        write_message(tmp_path / f"{number}.caffemodel", message)
        other = Net(NETS / "cifar_quick_v1.prototxt", "TEST", str(tmp_path / f"{number}.caffemodel"), seed=9)
        for name, blobs in net.params.items():
            for mine, theirs in zip(blobs, other.params[name]):
                assert np.array_equal(mine.data * 2, theirs.data)
