"""``minicaffe features``: arrays of what a net computes, from its own data, a database, or image files."""

import json

import numpy as np
import pytest
from PIL import Image

from minicaffe import TEST, Net
from minicaffe.cli import main
from minicaffe.data import open_database


@pytest.fixture
def expected(project):
    """Weights of the project's net in w.caffemodel, and what the ten test images leave in its blobs."""
    found = {"data": [], "conv": [], "ip": [], "label": []}
    with Net("net.prototxt", TEST, seed=3) as net:
        net.save("w.caffemodel")
        for _ in range(2):
            net.forward()
            for name, batches in found.items():
                batches.append(net.blobs[name].data.copy())
    return {name: np.concatenate(batches) for name, batches in found.items()}


def features(*words):
    assert main(["features", "net.prototxt", "--weights", "w.caffemodel", *words]) == 0
    path = words[words.index("-o") + 1] if "-o" in words else "features.npz"
    with np.load(path) as file:
        return dict(file)


@pytest.mark.parametrize("plan", ["fast", "inspect"])
def test_its_own_data(expected, capsys, plan):
    found = features("--blobs", "conv,ip", "--iterations", "2", "--plan", plan, "-o", "out.npz")
    assert sorted(found) == ["conv", "ip", "labels"]
    for name in ("conv", "ip"):
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-6)
    assert found["labels"].tolist() == expected["label"].astype(int).tolist()
    out = capsys.readouterr().out
    assert "conv: 10 x 4 x 4 x 4 float32\n" in out and "tiny: 3 arrays in out.npz, in " in out


def test_items_end_within_a_batch(expected):
    found = features("--blobs", "ip,label", "--items", "7")
    np.testing.assert_allclose(found["ip"], expected["ip"][:7], rtol=1e-4, atol=1e-6)
    assert len(found["labels"]) == len(found["label"]) == 7


def test_records_of_a_database(expected):
    """Through an input: the labels are those of the records, and what is wanted of the net's own is kept."""
    found = features("--blobs", "data,ip,prob", "--data", "test_lmdb")
    np.testing.assert_array_equal(found["data"], expected["data"])
    np.testing.assert_allclose(found["ip"], expected["ip"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["prob"].sum(1), 1, rtol=1e-5)
    assert found["labels"].tolist() == expected["label"].tolist() and found["labels"].dtype == int
    assert found["keys"].tolist() == [f"{i:05d}" for i in range(10)]
    found = features("--blobs", "data", "--data", "train_lmdb", "--items", "6", "--mean", "7", "--input_scale", "2")
    source = open_database("train_lmdb")
    assert len(found["data"]) == 6
    np.testing.assert_array_equal(found["data"][0], (source.record()[0].astype(np.float32) - 7) * 2)
    source.close()


def test_image_files(expected, project):
    source, folder = open_database("test_lmdb"), project.folder / "pictures"
    folder.mkdir()
    for i in range(7):
        Image.fromarray(source.record()[0][0]).save(folder / f"{i}.png")
        source.step()
    source.close()
    found = features("pictures", "--blobs", "conv,ip")
    for name in ("conv", "ip"):
        np.testing.assert_allclose(found[name], expected[name][:7], rtol=1e-3, atol=1e-5)
    assert found["keys"].tolist() == [f"pictures/{i}.png" for i in range(7)] and "labels" not in found


def test_json(expected, capsys):
    features("--blobs", "ip", "--json")
    assert json.loads(capsys.readouterr().out)["arrays"] == {"ip": [5, 3], "labels": [5]}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--blobs", "ipp"], 'net.prototxt: no blob "ipp" in phase TEST; did you mean "ip"?'),
        (
            ["--blobs", "accuracy", "--data", "test_lmdb"],
            'no blob "accuracy" in phase TEST; it has data, conv, ip, prob',
        ),
        ([], "features needs blobs; expected --blobs BLOB[,BLOB]"),
        (["--blobs", "ip", "-o", "x.np"], '-o is "x.np"; expected a name that ends in .npz'),
        (["--blobs", "ip", "-o", "no/x.npz"], '-o is "no/x.npz", but there is no folder "no"'),
        (["--blobs", "ip", "--data", "tset_lmdb"], 'tset_lmdb: no such folder; did you mean "test_lmdb" or'),
        (["a.png", "--blobs", "ip", "--data", "test_lmdb"], "both --data and images are given"),
        (["--blobs", "ip", "--data", "test_lmdb", "--mean", "1,2"], "the mean has 2 numbers; expected 1 or 1"),
    ],
)
def test_mistakes(expected, project, capsys, words, said):
    before = project.files()
    assert main(["features", "net.prototxt", "--weights", "w.caffemodel", *words]) == 2
    shown = capsys.readouterr()
    assert said in shown.err and shown.out == "" and project.files() == before


def test_a_net_without_data(expected, project, capsys):
    project.write(
        "deploy.prototxt",
        'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 1 dim: 6 dim: 6 } } }',
    )
    words = ["features", "deploy.prototxt", "--weights", "w.caffemodel", "--blobs", "data"]
    assert main(words) == 2
    assert "the net has no data of its own, but inputs (data); give --data or images" in capsys.readouterr().err
