"""``minicaffe import`` as a user runs it: both files, what is printed, and what is refused."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from minicaffe import Net
from minicaffe.cli import main

CFG = """[net]
width=6
height=6
channels=2
[convolutional]
filters=3
size=3
pad=1
batch_normalize=1
activation=leaky
[maxpool]
size=2
stride=1
[convolutional]
filters=4
activation=linear
[yolo]
"""
NUMBERS = 3 * 4 + 3 * 2 * 9 + 4 + 4 * 3


@pytest.fixture
def darknet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    numbers = np.random.default_rng(0).random(NUMBERS, np.float32)
    (tmp_path / "a.cfg").write_text(CFG)
    (tmp_path / "a.weights").write_bytes(np.array([0, 2, 0, 0, 0], "<i4").tobytes() + numbers.tobytes())
    return tmp_path


def run(capsys, *words):
    status = main(["import", *words])
    out, err = capsys.readouterr()
    return status, out, err


def test_darknet(darknet, capsys):
    (darknet / "a.prototxt").write_text("old")
    status, out, err = run(capsys, "darknet", "a.cfg", "a.weights", "-o", "a.prototxt", "--batch", "2")
    assert status == 0
    assert err.splitlines()[-1].endswith('a.cfg:17: [yolo] is left out: the net gives the map that it reads, "conv2"')
    assert ["conv0", "Convolution", *"2 x 3 x 6 x 6".split(), "54", "3,888"] in map(str.split, out.splitlines())
    assert "run once on random numbers from 0 to 1\n  output  shape " in out
    assert out.endswith("a.cfg and a.weights: 8 layers, 83 numbers; wrote a.prototxt and a.caffemodel\n")
    net = Net("a.prototxt", "TEST", weights="a.caffemodel")
    assert net.blobs["data"].data.shape == (2, 2, 6, 6) and list(net.outputs) == ["conv2"]
    assert np.isfinite(net.forward()["conv2"]).all()


def test_json_and_hdf5(darknet, capsys):
    words = ("darknet", "a.cfg", "a.weights", "b.caffemodel.h5", "-o", "b.prototxt", "--json", "--size", "4,8")
    status, out, _ = run(capsys, *words)
    records = [json.loads(line) for line in out.splitlines()]
    assert status == 0 and [record["event"] for record in records] == ["layer"] * 8 + ["output", "done"]
    assert records[-2]["shape"] == [1, 4, 4, 8] and records[-1]["wrote"] == ["b.prototxt", "b.caffemodel.h5"]
    Net("b.prototxt", "TEST", weights="b.caffemodel.h5")


def test_keras(darknet, capsys):
    pytest.importorskip("h5py")
    with zipfile.ZipFile(Path(__file__).parents[1] / "golden" / "keras" / "keras2.zip") as archive:
        archive.extract("sequential.h5")
    status, out, err = run(capsys, "keras", "sequential.h5", "k.prototxt.caffemodel", "-o", "k.prototxt")
    assert status == 0 and out.endswith("; wrote k.prototxt and k.prototxt.caffemodel\n")
    assert err == "minicaffe: note: Keras has images as N x H x W x C; this net takes and gives N x C x H x W\n"
    net = Net("k.prototxt", "TEST", weights="k.prototxt.caffemodel")
    np.testing.assert_allclose(net.forward()["out_activation"].sum(), 1, rtol=1e-5)


@pytest.mark.parametrize(
    "words, said",
    [
        ([], "import needs a FORMAT; expected minicaffe import FORMAT FILE ..."),
        (["darknat", "a.cfg"], 'FORMAT is "darknat"; expected '),
        (["darknet"], "import needs a FILE"),
        (["darknet", "a.cfg", "-o", "b"], "import darknet: found 1 file; expected minicaffe import darknet NET.cfg"),
        (["darknet", "a.cfg", "a.weights"], "import darknet needs -o, the prototxt to write; expected minicaffe impor"),
        (["keras", "a.h5", "-o", "b", "--epsilon", "1"], "import keras takes no --epsilon, as the file has it; it is"),
        (["darknet", "a.cfg", "a.weights", "-o", "a.cfg"], "-o a.cfg: is a file that is read; expected another name"),
        (["darknet", "a.cfg", "a.weights", "./b", "-o", "b"], "-o b: both files have this name; expected one for the"),
        (["darknet", "a.cfg", "a.weights", "-o", "none/b.prototxt"], "none/b.prototxt: cannot be written, as there is"),
        (["darknet", "a.cfg", "a.weights", "none/b", "-o", "b.prototxt"], "none/b: cannot be written, as"),
        (["darknet", "b.cfg", "a.weights", "-o", "b"], 'b.cfg: no such file, expected a cfg of Darknet; did'),
        (["darknet", "a.cfg", "a.cfg", "-o", "b"], "a.cfg: begins with version"),
        (["darknet", "a.cfg", "a.weights", "-o", "b", "--size", "4"], '--size is "4"; expected a height and a width'),
        (["darknet", "a.cfg", "a.weights", "-o", "b", "--epsilon", "0"], '--epsilon is "0"; expected a number above 0'),
    ],
)  # fmt: skip
def test_bad_input(darknet, capsys, words, said):
    before = {path: path.read_bytes() for path in darknet.iterdir()}
    status, _, err = run(capsys, *words)
    assert status == 2 and said in err
    assert {path: path.read_bytes() for path in darknet.iterdir()} == before


def test_numbers_that_overflow(darknet, capsys):
    numbers = np.full(NUMBERS, 1e30, "<f4")
    (darknet / "a.weights").write_bytes(np.array([0, 2, 0, 0, 0], "<i4").tobytes() + numbers.tobytes())
    status, _, err = run(capsys, "darknet", "a.cfg", "a.weights", "-o", "b.prototxt")
    assert status == 2 and 'the output "conv2" is not finite for numbers from 0 to 1; nothing was written' in err
    assert run(capsys, "darknet", "a.cfg", "a.weights", "-o", "b.prototxt", "--no_run")[0] == 0
