"""MNIST from IDX files: what is written, and what is said of bad ones."""

import gzip
import hashlib
import struct
from pathlib import Path

import lmdb
import numpy as np
import pytest

from minicaffe.data import LmdbSource, mnist
from minicaffe.data.mnist import build_mnist
from minicaffe.errors import DataError
from minicaffe.proto import caffe_pb2, parse_net, read_mean

TRAIN, TEST = 30, 12
IMAGES, LABELS, TEST_IMAGES, TEST_LABELS = mnist.FILES
BUILT = ["mean.binaryproto", "mnist_test_lmdb", "mnist_train_lmdb"]


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def content():
    """The arrays of the four files by name."""
    random = np.random.default_rng(5)
    return {
        IMAGES: random.integers(0, 256, (TRAIN, 28, 28), dtype=np.uint8),
        LABELS: random.integers(0, 10, TRAIN, dtype=np.uint8),
        TEST_IMAGES: random.integers(0, 256, (TEST, 28, 28), dtype=np.uint8),
        TEST_LABELS: random.integers(0, 10, TEST, dtype=np.uint8),
    }


@pytest.fixture
def folder(tmp_path, content):
    folder = tmp_path / "idx"
    folder.mkdir()
    for name, array in content.items():
        (folder / name).write_bytes(idx(array))
    return folder


def names(path):
    return sorted(entry.name for entry in path.iterdir())


def datums(path):
    with lmdb.open(str(path), readonly=True, lock=False) as env, env.begin() as txn:
        return {key: caffe_pb2.Datum.FromString(value) for key, value in txn.cursor()}


def test_records_in_the_files_order(tmp_path, folder, content):
    made = build_mnist(folder, tmp_path / "out")
    assert (made.train_count, made.test_count, made.fresh) == (TRAIN, TEST, True)
    assert names(tmp_path / "out") == BUILT
    for name, images, labels in (("train", IMAGES, LABELS), ("test", TEST_IMAGES, TEST_LABELS)):
        records = datums(tmp_path / f"out/mnist_{name}_lmdb")
        assert list(records) == [f"{k:08d}".encode() for k in range(len(content[labels]))]
        for k, datum in enumerate(records.values()):
            assert (datum.channels, datum.height, datum.width) == (1, 28, 28)
            assert datum.label == content[labels][k]
            assert datum.data == content[images][k].tobytes()
    assert np.allclose(read_mean(str(made.mean))[0], content[IMAGES].mean(axis=0), rtol=1e-6)


def test_packed_files_and_other_spellings(tmp_path, folder):
    for name in (IMAGES, TEST_LABELS):
        path = folder / name
        (folder / f"{name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    (folder / LABELS).rename(folder / "train-labels.idx1-ubyte")
    assert build_mnist(folder, tmp_path / "out").train_count == TRAIN


def test_done_once(tmp_path, folder):
    build_mnist(folder, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    assert not build_mnist(folder, tmp_path / "out").fresh
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


def test_fetched_where_no_source_is_given(tmp_path, folder, monkeypatch):
    asked = []

    def fetch(url, path, md5, progress):
        asked.append((url, md5))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress((folder / path.name[:-3]).read_bytes()))

    monkeypatch.setattr(mnist, "fetch", fetch)
    assert build_mnist(None, tmp_path / "out").test_count == TEST
    assert asked == [(f"{mnist.URL}{name}.gz", md5) for name, md5 in mnist.MD5.items()]
    assert all(len(md5) == len(hashlib.md5(usedforsecurity=False).hexdigest()) for md5 in mnist.MD5.values())


def test_the_model_reads_what_is_built(tmp_path, folder):
    made = build_mnist(folder, tmp_path / "data/mnist")
    model = Path(__file__).parents[2] / "models/lenet/train_test.prototxt"
    net = parse_net(model.read_text()).param
    sources = {layer.data_param.source for layer in net.layer if layer.type == "Data"}
    assert sources == {str(path.relative_to(tmp_path)) for path in (made.train, made.test)}
    source = LmdbSource(made.train)
    assert source.shape == (1, 28, 28)
    source.close()


def damage(name, change):
    def apply(folder):
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return apply


def remove(folder):
    (folder / TEST_LABELS).unlink()


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (damage(LABELS, lambda data: b"\0\0\x08\x03" + data[4:]), f"{LABELS}: begins with 2051, expected 2049, an IDX"),
        (
            damage(IMAGES, lambda data: data[:-5]),
            f"{IMAGES}: 23531 bytes, expected 23536, as its head says 30 x 28 x 28",
        ),
        (damage(IMAGES, lambda data: data + b"x"), f"{IMAGES}: 23537 bytes, expected 23536"),
        (
            damage(TEST_IMAGES, lambda data: data[:9]),
            f"{TEST_IMAGES}: 9 bytes, expected at least 16 of an IDX file's head",
        ),
        (damage(TEST_IMAGES, lambda data: b""), f"{TEST_IMAGES}: 0 bytes, expected at least 16"),
        (damage(IMAGES, lambda data: gzip.compress(data)[:-20]), f"{IMAGES}: cannot be unpacked ("),
        (damage(LABELS, lambda data: idx(np.zeros(7, np.uint8))), f"{LABELS}: 7 labels, but "),
        (damage(TEST_IMAGES, lambda data: idx(np.zeros((TEST, 3, 3), np.uint8))), "images of 1 x 3 x 3, but those of"),
        (remove, f"neither {TEST_LABELS} nor {TEST_LABELS}.gz is there"),
    ],
)
def test_bad_files(tmp_path, folder, act, sentence):
    act(folder)
    with pytest.raises(DataError) as caught:
        build_mnist(folder, tmp_path / "out")
    assert sentence in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_no_folder(tmp_path, folder):
    with pytest.raises(DataError, match=r'idxx: no such folder; did you mean "idx"\?$'):
        build_mnist(tmp_path / "idxx", tmp_path / "out")
    with pytest.raises(DataError, match=rf"{IMAGES}: is a file; expected a folder with {IMAGES} or"):
        build_mnist(folder / IMAGES, tmp_path / "out")
