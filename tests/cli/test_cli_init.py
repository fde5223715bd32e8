"""``minicaffe init`` as a user runs it: what it prints and writes, and what it refuses."""

import json

import numpy as np
import pytest

from minicaffe import Net
from minicaffe.cli import main
from minicaffe.proto import read_weights


def test_lsuv_weights_are_written_and_train(project, capsys):
    assert main(["init", "net.prototxt", "--seed", "3", "-o", "first.caffemodel"]) == 0
    head, conv, ip, done = capsys.readouterr().out.splitlines()
    assert head.split() == ["layer", "type", "weights", "std", "before", "after", "trials"]
    assert conv.split()[:8] == ["conv", "Convolution", "4", "x", "1", "x", "3", "x"]
    assert ip.split()[0] == "ip" and abs(float(ip.split()[-2]) - 1) < 0.1
    assert done == "wrote first.caffemodel: lsuv weights of 2 layers, seed 3"
    with Net("net.prototxt", "TRAIN", seed=1, weights="first.caffemodel") as net:
        assert not any(blob.data.any() for blob in net.params["bn"])
    assert main(["train", "solver.prototxt", "--weights", "first.caffemodel"]) == 0


def test_other_data_a_batch_and_hdf5(project, capsys):
    project.net(old="train_lmdb", new="nowhere_lmdb")
    assert main(["init", "net.prototxt"]) == 2
    assert "nowhere_lmdb" in capsys.readouterr().err
    words = ["--data", "train_lmdb", "--batch", "20", "--method", "orthonormal", "-o", "w.h5", "--json"]
    assert main(["init", "net.prototxt", *words]) == 0
    conv, ip, done = map(json.loads, capsys.readouterr().out.splitlines())
    assert (conv["layer"], conv["shape"], conv["trials"]) == ("conv", [4, 1, 3, 3], 0) and ip["before"] == ip["after"]
    assert done == {"event": "done", "wrote": "w.h5", "method": "orthonormal", "seed": 1, "layers": 2}
    weight = read_weights("w.h5")["ip"][0]
    np.testing.assert_allclose(weight @ weight.T, np.eye(3), atol=1e-6)


@pytest.mark.parametrize(
    "words, said",
    [
        (["--method", "lsvu"], '--method is "lsvu"; expected lsuv or orthonormal; did you mean "lsuv"?'),
        (["--tolerance", "0"], '--tolerance is "0"; expected a number above 0 and below 1'),
        (["--tolerance", "much"], '--tolerance is "much"; expected a number above 0 and below 1'),
        (["-o", "nowhere/w.caffemodel"], '-o is "nowhere/w.caffemodel", but there is no folder "nowhere"'),
    ],
)
def test_what_is_refused(project, capsys, words, said):
    assert main(["init", "net.prototxt", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_net_without_data_layers_reads_no_database(project, capsys):
    project.write("deploy.prototxt", 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 } } }')
    assert main(["init", "deploy.prototxt", "--data", "train_lmdb"]) == 2
    assert "deploy.prototxt: the Data layers of phase TRAIN are none; expected one" in capsys.readouterr().err
