"""``minicaffe fold`` as a user runs it: both files, what is printed, and what is refused."""

import json

import numpy as np
import pytest

from minicaffe import Net
from minicaffe.cli import main

WEIGHTS = "snap/tiny_iter_2.caffemodel"
OUT = ("-o", "deploy.prototxt", "deploy.caffemodel")


@pytest.fixture
def trained(project, capsys):
    """The project after two iterations."""
    assert main(["train", "solver.prototxt", "--set", "max_iter=2"]) == 0
    capsys.readouterr()
    return project


def run(capsys, *words):
    status = main(["fold", *words])
    out, err = capsys.readouterr()
    return status, out, err


def test_a_trained_net(trained, capsys):
    status, out, err = run(capsys, "net.prototxt", WEIGHTS, *OUT, "--shape", "data=5,1,6,6")
    assert (status, err) == (0, "")
    assert out.startswith("bn (BatchNorm) into conv before it\n\n          layers  parameters  multiply-adds  bytes\n")
    assert "  before       6         240 " in out and "  after        5         235 " in out
    assert "largest differences over 2 batches of random numbers\n" in out and "  ip    fast " in out
    assert out.endswith("net.prototxt: 1 layer folded, 0 left; wrote deploy.prototxt and deploy.caffemodel\n")
    before = Net("net.prototxt", "TEST", weights=WEIGHTS)
    after = Net("deploy.prototxt", "TEST", weights="deploy.caffemodel")
    before.forward()
    prob = after.forward(data=before.blobs["data"].data)["prob"]
    odds = np.exp(before.blobs["ip"].data)
    np.testing.assert_allclose(prob, odds / odds.sum(1, keepdims=True), rtol=1e-4)


def test_over_data_and_without_files(trained, capsys):
    files = trained.files()
    status, out, _ = run(capsys, "net.prototxt", WEIGHTS, "--data", "test_lmdb", "--iterations", "3")
    assert status == 0 and "largest differences over 3 batches of test_lmdb\n" in out
    assert out.endswith("nothing was written, as no -o was given\n") and trained.files() == files


def test_json(trained, capsys):
    status, out, _ = run(capsys, "net.prototxt", WEIGHTS, *OUT[:2], "--json", "--keep", "conv", "--seed", "3")
    records = [json.loads(line) for line in out.splitlines()]
    assert status == 0 and records[-1]["wrote"] == ["deploy.prototxt", "deploy.caffemodel"]
    assert [record["event"] for record in records] == ["fold"] + ["difference"] * 3 + ["done"]
    assert records[0]["into"] == ["conv"] and records[-1]["before"]["layers"] == 6
    assert {(record["plan"], record["blob"]) for record in records[1:-1]} == {
        ("inspect", "conv"),
        ("inspect", "ip"),
        ("fast", "ip"),
    }


def test_what_stays_is_named(trained, capsys):
    trained.net(old='bottom: "data" top: "conv"', new='bottom: "data" top: "c"')
    trained.net(old='bottom: "conv" top: "conv" }\nlayer { name: "relu"', new='bottom: "conv" top: "bn" }\nlayer { name: "relu"')  # fmt: skip # noqa: E501
    status, out, _ = run(capsys, "net.prototxt", WEIGHTS)
    assert status == 0 and 'bn (BatchNorm) stays: several layers read "conv": "bn", "relu"' in out


@pytest.mark.parametrize(
    "words, said",
    [
        (["net.prototxt"], "fold needs a FILE[,FILE]; expected minicaffe fold NET FILE[,FILE] [DEPLOY.caffemodel]"),
        (["net.prototxt", WEIGHTS, "d.caffemodel"], '"d.caffemodel" is one word too many without -o; expected -o'),
        (["net.prototxt", WEIGHTS, "-o", "net.prototxt"], "-o net.prototxt: is a file that is read; expected another"),
        (["net.prototxt", WEIGHTS, "-o", "a", "./a"], "-o a: both files have this name; expected one for the net"),
        (["net.prototxt", WEIGHTS, "-o", "none/d.prototxt"], 'none/d.prototxt: cannot be written, as there is no fold'),
        (["net.prototxt", WEIGHTS, *OUT, "--bound", "0"], "of its largest number, expected at most 0 (--bound); nothi"),
        (["net.prototxt", WEIGHTS, "--bound", "-1"], '--bound is "-1"; expected a number of at least 0'),
        (["net.prototxt", WEIGHTS, "--shape", "dota=1,1,6,6"], '--shape dota: is no input of the net (data, label);'),
        (["net.prototxt", WEIGHTS, "--keep", "cnov"], 'the net has no blob "cnov" to keep; did you mean "conv"?'),
        (["net.prototxt", WEIGHTS, "--data", "none"], "none: no such folder"),
        (["conv.prototxt", WEIGHTS, "--data", "test_lmdb"], "is 1 x 6 x 6; expected 1 x 9 x 9, or larger"),
        (["net.prototxt", "part.caffemodel"], "part.caffemodel: no weights for conv, ip; expected those of every lay"),
        (["net.prototxt", "part.caffemodel," + WEIGHTS, "--data", "net.prototxt"], "net.prototxt: is"),
        (["old.prototxt", WEIGHTS], 'old.prototxt:1:42: unknown field "inputs" in layer'),
    ],
)  # fmt: skip
def test_bad_input(trained, capsys, words, said):
    from minicaffe.proto import caffe_pb2, read_weights, write_weights

    part = caffe_pb2.LayerParameter(name="bn", type="BatchNorm")
    write_weights("part.caffemodel", "p", [(part, [(array, None) for array in read_weights(WEIGHTS)["bn"]])])
    trained.write("old.prototxt", 'layer { name: "x" type: "Input" top: "x" inputs: 3 }')
    conv = 'bottom: "x" top: "y" convolution_param { num_output: 4 kernel_size: 3 bias_term: false }'
    inputs = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 1 dim: 9 dim: 9 } } }'
    trained.write("conv.prototxt", f'{inputs} layer {{ name: "conv" type: "Convolution" {conv} }}')
    files = trained.files()
    status, _, err = run(capsys, *words)
    assert status == 2 and said in err
    assert trained.files() == files and len(err.splitlines()) == 1


def test_statistics_that_were_never_gathered(project, capsys):
    with Net("net.prototxt", "TEST") as net:
        net.save("w.caffemodel")
    status, _, err = run(capsys, "net.prototxt", "w.caffemodel", *OUT)
    assert status == 2 and 'layer "bn" (BatchNorm): has no statistics (its factor is 0); expected those of a ' in err
    assert '"minicaffe bn-stats"' in err
