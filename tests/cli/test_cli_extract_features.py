"""``minicaffe extract-features``: databases and files of what a net computes."""

import json

import lmdb
import numpy as np
import pytest

from minicaffe import TEST, Net
from minicaffe.cli import main
from minicaffe.data import open_database
from minicaffe.proto import caffe_pb2


@pytest.fixture
def expected(project):
    """Weights of the project's net in w.caffemodel, and what two batches of five leave in its blobs."""
    net = Net("net.prototxt", TEST, seed=3)
    net.save("w.caffemodel")
    found = {"data": [], "conv": [], "ip": [], "label": [], "accuracy": []}
    for _ in range(2):
        net.forward()
        for name, batches in found.items():
            batches.append(np.atleast_1d(net.blobs[name].data.copy()))
    net.close()
    return {name: np.concatenate(batches) for name, batches in found.items()}


def stored(path):
    with lmdb.open(str(path), readonly=True, lock=False) as env, env.begin() as txn:
        return {key.decode(): caffe_pb2.Datum.FromString(value) for key, value in txn.cursor()}


def array(datum):
    return np.array(datum.float_data, np.float32).reshape(datum.channels, datum.height, datum.width)


@pytest.mark.parametrize("name", ["extract-features", "extract_features"])
def test_databases_of_float_datums(expected, capsys, name):
    words = ["w.caffemodel", "net.prototxt", "conv,ip,label,accuracy", "a,b,c,d", "2", "lmdb"]
    assert main([name, *words]) == 0
    for blob, path in zip(words[2].split(","), words[3].split(",")):
        records = stored(path)
        values = expected[blob]
        assert list(records) == [f"{k:010d}" for k in range(len(values))]
        shape = (*values.shape[1:], 1, 1, 1)[:3]
        for value, datum in zip(values, records.values()):
            assert (datum.channels, datum.height, datum.width) == shape
            assert not datum.data and not datum.HasField("label") and not datum.encoded
            assert np.allclose(array(datum).ravel(), value.ravel(), rtol=1e-5, atol=1e-6)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["conv: 10 records of 4 x 4 x 4 in a", "ip: 10 records of 3 in b"]
    assert lines[3] == "accuracy: 2 records of scalar in d" and lines[4].startswith("tiny: ")


def test_a_data_layer_reads_them(expected):
    assert main(["extract-features", "w.caffemodel", "net.prototxt", "conv", "made/conv", "2", "lmdb", "CPU"]) == 0
    source = open_database("made/conv")
    assert (source.count, source.shape, source.dtype) == (10, (4, 4, 4), np.float32)
    source.close()


def test_a_leveldb(expected):
    pytest.importorskip("plyvel")
    assert main(["extract-features", "w.caffemodel", "net.prototxt", "ip", "db", "2", "leveldb"]) == 0
    source = open_database("db")
    assert (source.count, source.shape) == (10, (3, 1, 1))
    source.close()


@pytest.mark.parametrize("plan", ["fast", "inspect"])
def test_hdf5_in_one_file(expected, plan):
    h5py = pytest.importorskip("h5py")
    words = ["w.caffemodel", "net.prototxt", "data,conv,ip,accuracy", "f.h5", "2", "hdf5", "--plan", plan]
    assert main(["extract-features", *words]) == 0
    with h5py.File("f.h5") as file:
        assert sorted(file) == ["accuracy", "conv", "data", "ip"]
        for name in file:
            assert file[name].dtype == np.float32 and file[name].shape == expected[name].shape
            assert np.allclose(file[name][...], expected[name], rtol=1e-5, atol=1e-6)


def test_hdf5_in_a_file_each(expected):
    h5py = pytest.importorskip("h5py")
    assert main(["extract-features", "w.caffemodel", "net.prototxt", "ip,label", "a.h5,b.h5", "1", "hdf5"]) == 0
    with h5py.File("a.h5") as first, h5py.File("b.h5") as second:
        assert list(first) == ["ip"] and list(second) == ["label"]
        assert second["label"][...].tolist() == expected["label"][:5].tolist()


def test_a_gpu_is_asked_for(expected, capsys):
    words = ["w.caffemodel", "net.prototxt", "ip", "db", "1", "lmdb", "GPU", "1"]
    assert main(["extract-features", *words]) == 0
    assert "-gpu 1 has no effect: this program runs on the CPU" in capsys.readouterr().err


def test_json(expected, capsys):
    assert main(["extract-features", "w.caffemodel", "net.prototxt", "ip", "db", "1", "lmdb", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["features"] == [{"blob": "ip", "records": 5, "shape": [3], "path": "db"}]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["w.caffemodel", "net.prototxt", "cnov", "db", "1", "lmdb"],
            'no blob "cnov" in phase TEST; did you mean "conv"',
        ),
        (["w.caffemodel", "net.prototxt", "ip,conv", "db", "1", "lmdb"], "2 blobs, but 1 data set; expected as many\n"),
        (["w.caffemodel", "net.prototxt", "ip,conv", "a,a", "1", "lmdb"], 'data set "a" is named twice; expected each'),
        (
            ["w.caffemodel", "net.prototxt", "ip", "a,b", "1", "hdf5"],
            "1 blob, but 2 data sets; expected as many or 1\n",
        ),
        (
            ["w.caffemodel", "net.prototxt", "ip", "train_lmdb", "1", "lmdb"],
            "train_lmdb: is there already; expected the",
        ),
        (
            ["w.caffemodel", "net.prototxt", "ip", "net.prototxt", "1", "hdf5"],
            "net.prototxt: is there already; expected",
        ),
        (["none.caffemodel", "net.prototxt", "ip", "db", "1", "lmdb"], "none.caffemodel: no such file"),
        (["w.caffemodel", "net.prototxt", "ip", "db", "0", "lmdb"], 'BATCHES is "0"; expected a whole number of at'),
        (
            ["w.caffemodel", "net.prototxt", "ip", "db", "1", "lmbd"],
            'DB_TYPE is "lmbd"; expected lmdb, leveldb or hdf5',
        ),
        (
            ["w.caffemodel", "net.prototxt", "ip", "db", "1"],
            "needs a DB_TYPE; expected minicaffe extract-features WEIGHTS",
        ),
    ],
)
def test_mistakes(project, expected, capsys, words, sentence):
    before = project.files()
    assert main(["extract-features", *words]) == 2
    shown = capsys.readouterr()
    assert sentence in shown.err and shown.err.count("\n") == 1 and shown.out == ""
    assert project.files() == before
