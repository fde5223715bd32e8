"""``minicaffe summary`` as a user runs it, with Caffe's own weights and without."""

import json
from pathlib import Path

import numpy as np
import pytest

from minicaffe.cli import main

GOLDEN = Path(__file__).parents[1] / "golden" / "cifar10_bn"


def run(capsys, *words):
    status = main(["summary", *words])
    out, err = capsys.readouterr()
    return status, out, err


def test_a_table_for_each_phase(project, capsys):
    status, out, err = run(capsys, "net.prototxt")
    assert (status, err) == (0, "")
    assert "tiny (TRAIN)" in out and "tiny (TEST)" in out and "split" not in out
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line.startswith("  ")}
    assert rows["conv"] == "conv Convolution 5 x 4 x 4 x 4 both 1 36 2,880 1,280".split()
    assert rows["bn"] == "bn BatchNorm 5 x 4 x 4 x 4 both yes 0 9 0 0".split()
    assert rows["accuracy"][5 - 2] == "TEST"
    assert "  memory: inspect plan " in out and " kB in TRAIN" in out
    assert out.endswith("net.prototxt: TRAIN, TEST\n")


@pytest.mark.parametrize("name", ["short_iter_15.caffemodel", "short_h5_iter_3.caffemodel.h5"])
def test_weights(capsys, name):
    words = (str(GOLDEN / "train_test.prototxt"), "--weights", str(GOLDEN / name), "--batch", "2", "--phase", "TRAIN")
    status, out, _ = run(capsys, *words)
    assert status == 0 and f"weights in {GOLDEN / name}\n" in out
    assert "  conv1[0] weights  32 x 3 x 5 x 5 " in out and "  bn1[2] factor " in out
    assert "  conv1     Convolution      2 x 32 x 32 x 32 " in out
    assert "not in the" not in out and "not finite" not in out


def test_json(project, capsys):
    assert main(["train", "solver.prototxt", "--set", "max_iter=1"]) == 0
    capsys.readouterr()
    status, out, _ = run(capsys, "net.prototxt", "--json", "--weights", "snap/tiny_iter_1.caffemodel")
    records = [json.loads(line) for line in out.splitlines()]
    assert status == 0 and [r["event"] for r in records].count("total") == 2
    conv = next(record for record in records if record.get("name") == "conv")
    assert (conv["lr_mult"], conv["in_place"], conv["phases"]) == ([1], False, ["TRAIN", "TEST"])
    total = next(record for record in records if record["event"] == "total")
    assert total["peak_bytes"]["TRAIN"]["fast"] > 0
    weights = next(record for record in records if record["event"] == "parameter")
    assert (weights["layer"], weights["shape"]) == ("conv", [4, 1, 3, 3])


def test_weights_of_another_net(project, capsys):
    from minicaffe.proto import caffe_pb2, write_weights

    conv = caffe_pb2.LayerParameter(name="conv", type="Convolution")
    other = caffe_pb2.LayerParameter(name="other", type="Convolution")
    blobs = [(np.full((2, 1, 3, 3), np.inf, np.float32), None)]
    write_weights("w.caffemodel", "w", [(conv, blobs), (other, blobs)])
    status, out, _ = run(capsys, "net.prototxt", "--weights", "w.caffemodel")
    assert status == 0
    assert "conv[0] weights  2 x 1 x 3 x 3 (net: 4 x 1 x 3 x 3)     -    -    -    -      0          18\n" in out
    assert "  in the file and not in the net: other\n  in the net and not in the file: bn, ip\n" in out
    write_weights("w.caffemodel", "w", [(other, blobs)])
    status, _, err = run(capsys, "net.prototxt", "--weights", "w.caffemodel")
    assert status == 2 and "w.caffemodel: none of its 1 parameter has the name of a layer in the net" in err


@pytest.mark.parametrize(
    "words, said",
    [
        (["nett.prototxt"], "no such file"),
        (["net.prototxt", "--batch", "0"], '--batch is "0"; expected a whole number of at least 1'),
        (["net.prototxt", "--weights", "none.caffemodel"], "none.caffemodel: no such file"),
    ],
)
def test_bad_input(project, capsys, words, said):
    status, out, err = run(capsys, *words)
    assert (status, out) == (2, "") and said in err


def test_a_net_that_is_wrong(project, capsys):
    project.net(old='type: "ReLU"', new='type: "ReLu"')
    status, out, err = run(capsys, "net.prototxt")
    assert (status, out) == (2, "") and 'did you mean "ReLU"' in err
