"""Nets that carry their weights, such as a caffemodel read as a net."""

import numpy as np
import pytest

from minicaffe.errors import ProtoError, WeightsError
from minicaffe.net import Net
from minicaffe.proto import parse_net, write_message

NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" %s
  inner_product_param { num_output: 1 weight_filler { type: "gaussian" } } }
"""
BLOBS = "blobs { shape { dim: 1 dim: 3 } data: [1, 2, 3] } blobs { shape { dim: 1 } data: 4 }"
OLD = (
    "blobs { num: 1 channels: 1 height: 1 width: 3 data: [1, 2, 3] } "
    "blobs { num: 1 channels: 1 height: 1 width: 1 data: 4 }"
)


def values(net):
    return [blob.data.ravel().tolist() for blob in net.params["ip"]]


@pytest.mark.parametrize("plan", ["inspect", "fast"])
@pytest.mark.parametrize("blobs", [BLOBS, OLD])
def test_blobs_in_a_net_win_over_fillers(plan, blobs):
    net = Net(parse_net(NET % blobs), "TEST", plan=plan)
    assert values(net) == [[1, 2, 3], [4]]
    net.blobs["data"].data[...] = 1
    assert net.forward()["ip"].ravel().tolist() == [10, 10]


def test_a_saved_caffemodel_is_a_net(tmp_path):
    net = Net(parse_net(NET % ""), "TEST", seed=1)
    path = tmp_path / "net.caffemodel"
    net.save(path)
    same = Net(path, "TEST", seed=2)
    assert values(same) == values(net)
    assert same.graph.nodes[1].place == str(path)


def test_weights_of_a_file_and_of_another_net_win_over_those(tmp_path):
    other = Net(parse_net(NET % ""), "TEST", seed=1)
    assert values(Net(parse_net(NET % BLOBS), "TEST", share_with=other)) == values(other) != [[1, 2, 3], [4]]
    other.save(tmp_path / "w")
    assert values(Net(parse_net(NET % BLOBS), "TEST", str(tmp_path / "w"))) == values(other)


def test_blobs_that_do_not_fit(tmp_path):
    with pytest.raises(WeightsError, match=r"n: 1 parameter has another shape(.|\n)*ip +1 blob +2 blobs"):
        Net(parse_net(NET % "blobs { shape { dim: 3 } data: [1, 2, 3] }", "n"), "TEST")
    with pytest.raises(ProtoError) as error:
        Net(parse_net(NET % BLOBS.replace("4", "[4, 5]"), "n"), "TEST")
    assert str(error.value) == 'n:3: layer "ip": a blob of 1 holds 2 values, expected 1'


def test_an_old_caffemodel_is_a_net(tmp_path):
    net = parse_net(NET % "").param
    old = type(net)(input=["data"], input_dim=[2, 3, 1, 1])
    layer = old.layers.add(name="ip", type=14, bottom=["data"], top=["ip"])
    layer.inner_product_param.num_output = 1
    layer.blobs.add(num=1, channels=1, height=1, width=3, data=[1, 2, 3])
    layer.blobs.add(num=1, channels=1, height=1, width=1, double_data=[4])
    write_message(tmp_path / "old.caffemodel", old)
    built = Net(tmp_path / "old.caffemodel", "TEST")
    assert values(built) == [[1, 2, 3], [4]]
    assert len(built.notes) == 2
    assert built.blobs["ip"].data.dtype == np.float32
