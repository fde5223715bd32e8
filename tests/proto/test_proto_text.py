"""Reading nets and solvers: upgrades, places, and files that are something else."""

import pytest

from minicaffe.errors import ProtoError
from minicaffe.proto import (
    caffe_pb2,
    net_file,
    parse_net,
    read_net,
    read_solver,
    read_solver_file,
    write_weights,
)

INPUT = caffe_pb2.LayerParameter(name="data", type="Input")


def refused(function, *args):
    with pytest.raises(ProtoError) as error:
        function(*args)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_net_and_its_places(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_bytes(b'\xef\xbb\xbfname: "n"\r\nlayer { name: "a" }\r\n\r\nlayer {\r\n  name: "b" }')
    net = read_net(path)
    assert [layer.name for layer in net.param.layer] == ["a", "b"]
    assert (net.path, net.folder, net.lines, net.notes) == (str(path), str(tmp_path), (2, 4), ())


def test_comments_in_another_encoding(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_bytes(b'# caf\xe9\nlayer { name: "a" }')
    assert read_net(path).lines == (2,)


def test_input_dim_becomes_a_layer():
    net = parse_net('name: "n"\ninput: "x" input: "y"\n' + "input_dim: 2 " * 8 + '\nlayer { name: "a" }')
    first, second = net.param.layer
    assert (first.name, first.type, list(first.top), second.name) == ("input", "Input", ["x", "y"], "a")
    assert [list(shape.dim) for shape in first.input_param.shape] == [[2] * 4] * 2
    assert not net.param.input and not net.param.input_dim
    assert net.lines == (2, 4)
    assert net.notes == ("made 2 inputs of the net an Input layer",)


def test_input_shape_becomes_a_layer():
    net = parse_net('layer { name: "a" } input: "x" input_shape { dim: 3 dim: 5 }')
    assert [layer.name for layer in net.param.layer] == ["input", "a"]
    assert list(net.param.layer[0].input_param.shape[0].dim) == [3, 5]
    assert not net.param.input_shape


@pytest.mark.parametrize(
    "text, sentence",
    [
        ('input: "x"', "n:1:1: found 0 input_shapes for 1 input, expected one for each"),
        ('\ninput: "x" input_dim: 1', "n:2:1: found 1 input_dim for 1 input, expected 4 for each"),
        ("input_dim: 1", "n:1:1: found 1 input_dim for 0 inputs, expected 4 for each"),
        ("input: 'x' input_shape { } input_shape { }", "found 2 input_shapes for 1 input"),
        ("input: 'x' input_shape { } input_dim: 1", "both input_shape and input_dim are given"),
    ],
)
def test_inputs_without_matching_shapes(text, sentence):
    assert sentence in refused(parse_net, text, "n")


def test_batch_norm_params_are_dropped():
    specs = "param { lr_mult: 0 decay_mult: 1 } param { } param { name: 'v' decay_mult: 0 }"
    net = parse_net(f'layer {{ name: "b" type: "BatchNorm" {specs} }} layer {{ name: "s" type: "Scale" param {{ }} }}')
    assert [len(layer.param) for layer in net.param.layer] == [0, 1]
    assert net.notes == ("dropped the unneeded param entries of 1 BatchNorm layer",)


def test_batch_norm_statistics_do_not_learn():
    text = 'layer { name: "a" }\n  layer { name: "b" type: "BatchNorm" param { } param { lr_mult: 0.5 } }'
    assert refused(parse_net, text, "n") == (
        'n:2:3: layer "b": param 1 has lr_mult 0.5, expected 0: '
        "BatchNorm's three blobs are running statistics, not weights"
    )


def test_a_net_that_is_a_message_already():
    param = caffe_pb2.NetParameter(input=["x"])
    param.input_shape.add(dim=[1, 2])
    param.layer.add(name="a")
    net = net_file(param, "s.prototxt")
    assert (len(net.param.layer), net.lines, len(param.layer)) == (2, (0, 0), 1)
    param.layers.add(name="old")
    assert refused(net_file, param, "s.prototxt").startswith("s.prototxt: both the old `layers` and `layer` are used")


# -- solvers ---------------------------------------------------------------------------------------------------


def test_solver_type_becomes_type(tmp_path):
    path = tmp_path / "s.prototxt"
    path.write_text("solver_type: ADAGRAD\nsnapshot_prefix: 'p'")
    solver = read_solver_file(path)
    assert (solver.param.type, solver.param.HasField("solver_type")) == ("AdaGrad", False)
    assert solver.notes == ('replaced the old solver_type by type: "AdaGrad"',)
    assert read_solver(path) == solver.param


def test_both_types(tmp_path):
    path = tmp_path / "s.prototxt"
    path.write_text("solver_type: SGD type: 'Adam'")
    assert "both type and the old solver_type are given" in refused(read_solver, path)


def test_snapshot_prefix(tmp_path):
    path = tmp_path / "s.prototxt"
    path.write_text("base_lr: 1")
    assert read_solver(path).snapshot_prefix == str(tmp_path / "s")
    path.write_text(f'snapshot_prefix: "{tmp_path}"')
    solver = read_solver_file(path)
    assert solver.param.snapshot_prefix == str(tmp_path / "s")
    assert solver.notes[0].startswith("snapshot_prefix is a folder: using ")


# -- files that are something else -----------------------------------------------------------------------------


def test_no_such_file(tmp_path):
    (tmp_path / "train_test.prototxt").write_text("")
    found = refused(read_net, tmp_path / "train_tset.prototxt")
    assert found.endswith('no such file, expected a net in a prototxt; did you mean "train_test.prototxt"?')
    found = refused(read_net, tmp_path / "nowhere" / "a.prototxt")
    assert f'there is no folder "{tmp_path / "nowhere"}"' in found
    assert "is a folder, expected a solver in a prototxt" in refused(read_solver, tmp_path)


@pytest.mark.parametrize(
    "data, sentence",
    [
        (b"", "is empty, expected a net in a prototxt"),
        (b" \n", "is empty, expected a net"),
        (b"\x89HDF\r\n\x1a\nabc", "is an HDF5 file, expected a net in a prototxt"),
        (b"\x01\x02\xff\xfe", "is a file of an unknown kind, expected a net in a prototxt"),
    ],
)
def test_other_files(tmp_path, data, sentence):
    path = tmp_path / "n.prototxt"
    path.write_bytes(data)
    assert refused(read_net, path).startswith(f"{path}: {sentence}")


def test_a_net_of_binary_form(tmp_path):
    path = tmp_path / "n.prototxt"
    write_weights(path, "n", [(INPUT, [])])
    net = read_net(path)
    assert (net.param.name, list(net.param.layer), net.lines, net.notes) == ("n", [INPUT], (0,), ())
    found = refused(read_solver, path)
    assert found == f"{path}: looks like a caffemodel, expected a solver in a prototxt"


def test_a_solver_is_no_net(tmp_path):
    path = tmp_path / "s.prototxt"
    path.write_text('net: "a.prototxt"')
    assert refused(read_net, path).startswith(f'{path}:1:1: expected a net, but "net" is a field of a solver')
