"""Files written whole or not at all, and binary messages told from one another."""

import os
import stat

import pytest

from minicaffe.errors import ProtoError
from minicaffe.proto import caffe_pb2, read_message, write_message, write_whole
from minicaffe.proto.files import read_bytes


def refused(function, *args):
    with pytest.raises(ProtoError) as error:
        function(*args)
    return str(error.value)


def test_written_and_replaced(tmp_path):
    path = tmp_path / "a"
    write_whole(path, b"one")
    os.chmod(path, 0o640)
    write_whole(str(path), b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["a"]


def test_permissions_are_those_of_any_new_file(tmp_path):
    write_whole(tmp_path / "a", b"")
    (tmp_path / "b").write_bytes(b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"one")
    (tmp_path / "link").symlink_to("real")
    write_whole(tmp_path / "link", b"two")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"two"


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file(tmp_path, monkeypatch, step, problem):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail(*args):
        raise problem

    monkeypatch.setattr(os, step, fail)
    with pytest.raises((ProtoError, KeyboardInterrupt)) as error:
        write_whole(path, b"new")
    assert os.listdir(tmp_path) == ["a"] and path.read_bytes() == b"old"
    if isinstance(problem, OSError):
        assert str(error.value) == f"{path}: cannot be written: No space left on device"


def test_places_that_cannot_be_written(tmp_path):
    found = refused(write_whole, tmp_path / "no" / "a", b"")
    assert found == f'{tmp_path / "no" / "a"}: cannot be written, as there is no folder "{tmp_path / "no"}"'
    assert refused(write_whole, tmp_path, b"").endswith("cannot be written, as it is a folder")


def test_messages_of_every_kind(tmp_path):
    path = tmp_path / "a"
    net = caffe_pb2.NetParameter(name="n", layer=[caffe_pb2.LayerParameter(name="a")])
    state = caffe_pb2.SolverState(iter=0, learned_net="x.caffemodel")
    blob = caffe_pb2.BlobProto(num=1, channels=1, height=1, width=1, data=[0.5])
    for message in (net, state, blob, caffe_pb2.Datum(channels=3, data=b"abc")):
        write_message(path, message)
        assert read_message(path, type(message)) == message


@pytest.mark.parametrize(
    "data, sentence",
    [
        (b"", "is empty, expected a binary solver state"),
        (b'layer { name: "a" }', "is a text file (a prototxt?), expected a binary solver state"),
        (b"\x89HDF\r\n\x1a\n\x00", "is an HDF5 file, expected a binary solver state"),
        (b"\x00\x01\x02", "is a file of an unknown kind, expected a binary solver state"),
        (caffe_pb2.BlobProto(num=1, data=[1.0, 0.001]).SerializeToString(), "looks like a single blob"),
        (caffe_pb2.NetParameter(layer=[caffe_pb2.LayerParameter()]).SerializeToString(), "looks like a caffemodel"),
        (caffe_pb2.NetParameter(layers=[caffe_pb2.V1LayerParameter(type=4)]).SerializeToString(), "like a caffemodel"),
    ],
)
def test_a_file_of_another_kind(tmp_path, data, sentence):
    path = tmp_path / "s.solverstate"
    path.write_bytes(data)
    assert refused(read_message, path, caffe_pb2.SolverState).startswith(f"{path}: ")
    assert sentence in refused(read_message, path, caffe_pb2.SolverState)


def test_missing(tmp_path):
    assert "no such file, expected a binary Datum" in refused(read_message, tmp_path / "d", caffe_pb2.Datum)


def test_a_zero_byte_in_a_name():
    with pytest.raises(ProtoError, match="cannot be read: embedded null byte"):
        read_bytes("a\0b", "anything")
    with pytest.raises(ProtoError, match=r"'a.x00b': cannot be written, as no file has a zero byte in its name"):
        write_whole("a\0b", b"")


def test_a_device_or_a_pipe_is_not_replaced(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(ProtoError, match="cannot be written, as it is a device or a pipe; expected a file"):
        write_whole(path, b"x")
    assert stat.S_ISFIFO(path.stat().st_mode)
