"""The lines about the building of a net are Caffe's own."""

import re
from pathlib import Path

import pytest
from cifar_records import train_records

from minicaffe.cli.netlog import net_lines
from minicaffe.data import write_lmdb
from minicaffe.net import Net
from minicaffe.proto import parse_net

GOLDEN = Path(__file__).parents[1] / "golden" / "cifar10_bn"


def recorded():
    """(place, text) of each line that Caffe wrote about the training net, then about the test net."""
    lines = (GOLDEN / "net_building.log").read_text().splitlines()
    pairs = [tuple(re.fullmatch(r"I\d+ \S+ \d+ (\S+)\] (.*)", line).groups()) for line in lines]
    end = pairs.index(("net.cpp:257", "Network initialization done.")) + 1
    return {"TRAIN": pairs[:end], "TEST": pairs[end:]}


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_lines_are_caffes(phase, tmp_path):
    (tmp_path / "cifar10").mkdir()
    images, labels = train_records(10)
    for name in ("train", "test"):
        write_lmdb(tmp_path / "cifar10" / f"cifar10_{name}_lmdb", [(images, labels)], 10, (3, 32, 32))
    (tmp_path / "cifar10" / "mean.binaryproto").write_bytes((GOLDEN / "mean.binaryproto").read_bytes())
    (tmp_path / "train_test.prototxt").write_bytes((GOLDEN / "train_test.prototxt").read_bytes())
    expected = recorded()[phase]
    inner = len(expected) - 1 - expected[::-1].index(("layer_factory.hpp:77", "Creating layer loss"))
    del expected[inner]  # Caffe's loss layer builds a Softmax layer inside; ours has none
    with Net(tmp_path / "train_test.prototxt", phase) as net:
        assert net_lines(net) == expected


def test_a_layer_in_place_says_so():
    text = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }'
    net = Net(parse_net(text + 'layer { name: "r" type: "ReLU" bottom: "x" top: "x" }'), "TEST")
    assert ("net.cpp:369", "r -> x (in-place)") in net_lines(net)
