"""Old files written again: text and binary, nets and solvers, whole or not at all."""

from pathlib import Path

import pytest

from minicaffe.errors import ProtoError
from minicaffe.proto import caffe_pb2, parse_text, read_net, read_solver_file, read_weights, rewrite, write_message

NETS = Path(__file__).parent / "old_nets"
V1 = "upgraded 6 layers from Caffe's V1 form"
INPUT = "made 1 input of the net an Input layer"


def refused(*args):
    with pytest.raises(ProtoError) as error:
        rewrite(*args)
    return str(error.value)


@pytest.mark.parametrize("old", sorted(path.stem for path in NETS.glob("*_v?.prototxt") if "_of_" not in path.stem))
@pytest.mark.parametrize("ending", ["prototxt", "caffemodel", "binaryproto"])
def test_what_is_written_reads_as_the_same_net(old, ending, tmp_path):
    source, out = NETS / f"{old}.prototxt", tmp_path / f"new.{ending}"
    done = rewrite(source, out)
    net = read_net(source)
    assert done == ("net", ending != "prototxt", net.notes)
    assert (read_net(out).param, read_net(out).notes) == (net.param, ())
    assert out.read_bytes().startswith(b"name: ") == (ending == "prototxt")
    assert rewrite(out, tmp_path / "again").notes == ()


def test_a_file_may_be_replaced_by_itself(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text((NETS / "cifar_quick_v1.prototxt").read_text())
    assert rewrite(path, path) == ("net", False, (V1, INPUT))
    new = path.read_text()
    assert rewrite(str(path), str(path)) == ("net", False, ())
    assert path.read_text() == new


def test_a_caffemodel_keeps_its_blobs(tmp_path):
    net = parse_text((NETS / "cifar_quick_v1.prototxt").read_text(), caffe_pb2.NetParameter)
    net.ClearField("input_dim")  # as Caffe wrote them: inputs by name only
    net.layers[0].blobs.add(num=1, channels=1, height=1, width=3, data=[1, 2, 3], diff=[4, 5, 6])
    old, new = tmp_path / "old", tmp_path / "new"
    write_message(old, net)
    done = rewrite(old, new)
    assert (done.kind, done.binary) == ("net", True)
    assert done.notes == (V1, "dropped the names of 1 input, which have no shapes")
    written = caffe_pb2.NetParameter.FromString(new.read_bytes())
    assert list(written.layer[0].blobs) == list(net.layers[0].blobs)
    assert read_weights(new)["conv1"][0].tolist() == [[[[1, 2, 3]]]]


def test_a_binary_net_without_blobs_becomes_text(tmp_path):
    write_message(tmp_path / "old", parse_text("layers { name: 'r' type: RELU }", caffe_pb2.NetParameter))
    assert rewrite(tmp_path / "old", tmp_path / "new").binary is False
    assert (tmp_path / "new").read_text() == 'layer {\n  name: "r"\n  type: "ReLU"\n}\n'


def test_a_solver(tmp_path):
    old, new = tmp_path / "old.prototxt", tmp_path / "new.prototxt"
    old.write_text("# fast\nbase_lr: 0.1 solver_type: NESTEROV net: 'n.prototxt' debug_info: true")
    assert rewrite(old, new) == ("solver", False, ('replaced the old solver_type by type: "Nesterov"',))
    assert new.read_text() == 'base_lr: 0.1\ndebug_info: true\nnet: "n.prototxt"\ntype: "Nesterov"\n'
    assert rewrite(new, new).notes == ()
    assert (read_solver_file(new).param.type, read_solver_file(new).param.net) == ("Nesterov", "n.prototxt")


def test_the_nets_in_a_solver(tmp_path):
    path = tmp_path / "s.prototxt"
    relu = "{ layers { name: 'r' type: RELU } }"
    path.write_text(f"net_param {relu} test_net_param {{ }} test_net_param {relu} base_lr: 1")
    done = rewrite(path, path)
    places = ("net_param", "test_net_param 1")
    assert done.notes == tuple(f"{place}: upgraded 1 layer from Caffe's V1 form" for place in places)
    assert path.read_text().count('type: "ReLU"') == 2 and "layers" not in path.read_text()


def test_bad_files_leave_nothing_behind(tmp_path):
    path, out = tmp_path / "n.prototxt", tmp_path / "out.prototxt"
    path.write_text("layers { type: RELU } layer { }")
    assert refused(path, out) == f"{path}:1:1: both the old `layers` and `layer` are used, expected `layer` throughout"
    path.write_text("base_lr: 1 solver_type: SGD type: 'SGD'")
    assert refused(path, out).startswith(f"{path}: both type and the old solver_type")
    path.write_text("base_lr: 1")
    assert refused(path, tmp_path / "x.caffemodel").endswith("expected a name that does not end like a binary net")
    path.write_text("bas_lr: 1")
    assert 'unknown field "bas_lr" in a net' in refused(path, out)
    path.write_text("")
    assert refused(path, out) == f"{path}: is empty, expected a net or a solver"
    path.write_bytes(b"\x89HDF\r\n\x1a\n\0")
    assert refused(path, out) == f"{path}: is an HDF5 file, expected a net or a solver"
    write_message(path, caffe_pb2.SolverState(iter=1, learned_net="a"))
    assert refused(path, out) == f"{path}: looks like a solver state, expected a net or a solver"
    assert "no such file, expected a net or a solver" in refused(tmp_path / "none", out)
    path.write_text("layer { name: 'a' }")
    assert "as there is no folder" in refused(path, tmp_path / "no" / "out")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["n.prototxt"]
