"""``minicaffe bn-stats``, and ``minicaffe test --bn-stats``."""

import json
import shutil

import numpy as np
import pytest

import minicaffe as caffe
from minicaffe import bn_stats
from minicaffe.cli import main
from minicaffe.proto import caffe_pb2, read_message, read_weights

WEIGHTS = "snap/tiny_iter_20.caffemodel"
WORDS = ["bn-stats", "net.prototxt", "--weights", WEIGHTS, "-o", "exact.caffemodel"]


@pytest.fixture
def trained(project, capsys):
    assert main(["train", "solver.prototxt", "--set", "display=0", "test_interval=1000", "snapshot_after_train=1"]) == 0
    capsys.readouterr()
    return project


def test_the_statistics_are_those_of_the_training_data_and_nothing_else_changes(trained, capsys):
    assert main([*WORDS, "--batches", "5"]) == 0
    table, row, last = capsys.readouterr().out.splitlines()
    assert table.split("  ")[1:] and row.split()[:2] == ["bn", "4"]
    assert last.startswith("tiny: exact statistics of 1 layer over 5 batches in ")
    assert last.endswith("; wrote exact.caffemodel")
    with caffe.Net("net.prototxt", caffe.TRAIN, weights=WEIGHTS) as net:
        expected = bn_stats.measure(net, 5)["bn"]  # 5 x 8 images: all of them, once
    mean, variance, factor = read_weights("exact.caffemodel")["bn"]
    np.testing.assert_allclose(mean, expected.mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(variance, expected.variance, rtol=1e-5)
    assert factor.tolist() == [1]
    old, new = (read_message(path, caffe_pb2.NetParameter) for path in (WEIGHTS, "exact.caffemodel"))
    for net in (old, new):
        next(layer for layer in net.layer if layer.name == "bn").ClearField("blobs")
    assert old.SerializeToString() == new.SerializeToString()


def test_the_same_seed_gives_the_same_file_on_any_number_of_threads(trained, capsys):
    trained.net(old="scale: 0.00390625", new="scale: 0.00390625 mirror: true crop_size: 5")
    assert main(["train", "solver.prototxt", "--set", "display=0", "test_interval=1000"]) == 0
    files = []
    for words in ([], ["--threads", "1"], ["--threads", "2", "--seed", "1"], ["--seed", "2"]):
        assert main([*WORDS, "--batches", "3", *words]) == 0
        files.append((trained.folder / "exact.caffemodel").read_bytes())
    assert files[0] == files[1] == files[2] != files[3]


def test_other_data_and_hdf5(trained, capsys):
    pytest.importorskip("h5py")
    with caffe.Net("net.prototxt", caffe.TRAIN, weights=WEIGHTS) as net:
        net.save_hdf5("w.caffemodel.h5")
    words = ["bn-stats", "net.prototxt", "--weights", "w.caffemodel.h5", "-o", "out.caffemodel.h5", "--batches", "2"]
    assert main([*words, "--data", "test_lmdb"]) == 0
    old, new = (read_weights(path) for path in ("w.caffemodel.h5", "out.caffemodel.h5"))
    assert not np.array_equal(old["bn"][0], new["bn"][0])
    np.testing.assert_array_equal(old["ip"][0], new["ip"][0])
    capsys.readouterr()
    assert main([*words[:5], "out.caffemodel"]) == 2
    assert "expected a name that ends in .h5" in capsys.readouterr().err


def test_json_tells_of_every_layer(trained, capsys):
    assert main([*WORDS, "--batches", "2", "--json"]) == 0
    layer, done = map(json.loads, capsys.readouterr().out.splitlines())
    assert (layer["event"], layer["layer"], layer["channels"]) == ("layer", "bn", 4)
    assert 0 < layer["least"] <= layer["most"]
    assert (done["layers"], done["batches"], done["wrote"]) == (1, 2, "exact.caffemodel")


def test_what_cannot_be_done_is_told_and_nothing_is_written(trained, capsys):
    shutil.copy("net.prototxt", "with.prototxt")
    trained.net("without.prototxt", old='type: "BatchNorm"', new='type: "ReLU"')
    trained.net("other.prototxt", old='name: "bn"', new='name: "norm"')
    stored = 'type: "BatchNorm" batch_norm_param { use_global_stats: true }'
    deploy = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: [2, 4] } } }\n'
    bn = 'layer { name: "bn" type: "BatchNorm" bottom: "data" top: "data" }\n'
    trained.write("deploy.prototxt", deploy + bn)
    trained.net("frozen.prototxt", old='type: "BatchNorm"', new=stored)
    none = "expected a BatchNorm without use_global_stats: true"
    for net, words, said in (
        ("with.prototxt", ["--batches", "0"], '--batches is "0"; expected a whole number of at least 1'),
        ("without.prototxt", [], none),
        ("frozen.prototxt", [], none),
        ("other.prototxt", [], f"{WEIGHTS}: has no blobs of norm; expected the weights of this net"),
        ("with.prototxt", ["--data", "nowhere"], "nowhere"),
        ("deploy.prototxt", [], 'deploy.prototxt: "data" is an input, which holds no data; expected a net that reads'),
    ):
        assert main(["bn-stats", net, *WORDS[2:], *words]) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("minicaffe: error: ")
        assert said in error
    assert main(WORDS[:2]) == 2
    assert "bn-stats needs --weights FILE" in capsys.readouterr().err
    assert not (trained.folder / "exact.caffemodel").exists()


def test_test_prints_stored_and_batch_side_by_side_and_changes_no_file(trained, capsys):
    before = (trained.folder / WEIGHTS).read_bytes()
    words = ["test", "net.prototxt", "--weights", WEIGHTS, "--iterations", "2", "--json"]
    alone = {}
    for kind in ("stored", "batch", "both"):
        assert main([*words, "--bn-stats", kind]) == 0
        alone[kind] = json.loads(capsys.readouterr().out.splitlines()[-1])
    for kind in ("stored", "batch"):
        assert alone["both"][f"{kind}_statistics"] == alone[kind][f"{kind}_statistics"]
    assert alone["stored"]["loss"] != alone["batch"]["loss"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["loss"] == alone["stored"]["loss"]
    assert main([*words[:-1], "--bn-stats", "both"]) == 0
    head, accuracy, loss, last = capsys.readouterr().out.splitlines()
    assert head.split("  ")[-2:] == ["stored statistics", "batch statistics"]
    assert accuracy.split()[0] == "accuracy"
    assert loss.split()[1:] == [f"{alone[kind]['loss']:.4f}" for kind in ("stored", "batch")]
    assert "with their stored statistics; accuracy" in last
    assert (trained.folder / WEIGHTS).read_bytes() == before
    trained.net("plain.prototxt", old='type: "BatchNorm"', new='type: "ReLU"')
    assert main(["test", "plain.prototxt", *words[2:], "--bn-stats", "batch"]) == 2
    assert "no layer normalises by statistics; expected a BatchNorm layer for --bn-stats" in capsys.readouterr().err
