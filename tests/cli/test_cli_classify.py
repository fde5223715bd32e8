"""``minicaffe classify``: image files through a net, as a user asks for it."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from minicaffe import Net
from minicaffe.cli import main
from minicaffe.data import open_database

DEPLOY = """
name: "colours"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 4 dim: 3 dim: 4 dim: 6 } } }
layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" pooling_param { pool: AVE global_pooling: true } }
layer { name: "ip" type: "InnerProduct" bottom: "pool" top: "ip" inner_product_param { num_output: 3 } }
"""
SOFTMAX = 'layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }'
COLOURS = {"red": (250, 20, 30), "green": (10, 240, 20), "blue": (0, 5, 230)}


@pytest.fixture
def colours(tmp_path, monkeypatch):
    """Pictures of one colour, and a net whose three scores are the means of blue, green and red over 64."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deploy.prototxt").write_text(DEPLOY + SOFTMAX)
    (tmp_path / "labels.txt").write_text("n01 blue\nn02 green\nn03 red\n\n")
    (tmp_path / "pictures").mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (9, 7), colour).save(tmp_path / "pictures" / f"{name}.png")
    with Net("deploy.prototxt", "TEST") as net:
        net.params["ip"][0].data[...] = np.eye(3) / 64
        net.save("w.caffemodel")
    return tmp_path


def run(capsys, *words):
    status = main(["classify", *words])
    out, err = capsys.readouterr()
    return status, out, err


def records(out):
    return [json.loads(line) for line in out.splitlines()]


def softmax(scores):
    scaled = np.exp(np.array(scores) / 64)
    return scaled / scaled.sum()


def test_a_heading_and_lines_with_bars(colours, capsys):
    status, out, err = run(
        capsys, "deploy.prototxt", "w.caffemodel", "pictures", "--labels", "labels.txt", "--top", "2"
    )
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[::4] == ["pictures/blue.png", "pictures/green.png", "pictures/red.png"]
    for line, name in zip(lines[1::4], ("n01 blue", "n02 green", "n03 red")):
        assert re.fullmatch(rf"  0\.9\d{{3}}  [█#]{{18,20}}[░.]{{0,2}}  {name}", line)


def test_numbers_labels_and_the_order_of_channels(colours, capsys):
    words = ["deploy.prototxt", "w.caffemodel", "pictures/red.png", "pictures/blue.png"]
    status, out, _ = run(capsys, *words, "--json", "--mean", "10,20,30")
    red, blue, done = records(out)
    assert status == 0 and red["image"] == "pictures/red.png" and len(red["top"]) == 3
    expected = softmax([30 - 10, 20 - 20, 250 - 30])
    for one in red["top"]:
        assert one["score"] == pytest.approx(expected[one["class"]], rel=1e-4) and one["label"] is None
    assert blue["top"][0]["class"] == 0
    assert (done["images"], done["probabilities"], done["blob"]) == (2, True, "prob")


@pytest.mark.parametrize("form", ["binaryproto", "npy"])
def test_a_mean_from_a_file(colours, capsys, form):
    from minicaffe.proto import write_mean

    mean = np.arange(3, dtype=np.float32)[:, None, None] + np.zeros((3, 4, 6), np.float32)
    np.save("mean.npy", mean) if form == "npy" else write_mean("mean.binaryproto", mean)
    words = ["deploy.prototxt", "w.caffemodel", "pictures/red.png", "--json", "--input_scale", "0.5"]
    found = [records(run(capsys, *words, flag, f"mean.{form}")[1])[0]["top"] for flag in ("--mean", "--mean_file")]
    assert found[0] == found[1]
    expected = softmax([30 / 2, 19 / 2, 248 / 2])
    assert found[0][0] == {"class": 2, "label": None, "score": pytest.approx(expected[2], rel=1e-4)}


def test_crops(colours, capsys):
    """Left half red, right half blue: the middle sees both, the ten crops too, no crop all of it."""
    picture = np.zeros((8, 12, 3), np.uint8)
    picture[:, :4, 0] = picture[:, 8:, 2] = 200
    Image.fromarray(picture).save("two.png")
    words = ["deploy.prototxt", "w.caffemodel", "two.png", "--json", "--blob", "ip", "--images_dim", "8,12"]
    scores = {}
    for flag in ("", "--center_only"):
        top = records(run(capsys, *filter(None, [*words, flag]))[1])[0]["top"]
        scores[flag] = {one["class"]: one["score"] for one in top}
    assert scores["--center_only"][2] == pytest.approx(200 / 6 / 64, rel=1e-4)
    each = (4 * 4 / 6 + 4 * 0 + 2 * 1 / 6) / 10  # corners left or right, mirrored; middle
    assert scores[""][2] == pytest.approx(200 / 64 * each, rel=1e-4)


def test_scores_that_are_no_probabilities(colours, capsys):
    (colours / "deploy.prototxt").write_text(DEPLOY)
    status, out, err = run(capsys, "deploy.prototxt", "w.caffemodel", "pictures/red.png")
    assert status == 0 and "  3.9062  " in out and out.splitlines()[1].endswith("  class 2")
    assert 'the numbers of blob "ip" are scores, not probabilities: they do not add up to 1' in err


@pytest.mark.parametrize("plan", ["fast", "inspect"])
def test_a_net_with_a_data_layer(project, capsys, plan):
    """Its own scale and Softmax; grey images; the labels of its database come first."""
    assert main(["train", "solver.prototxt"]) == 0
    source = open_database("test_lmdb")
    for i in range(4):
        Image.fromarray(source.record()[0][0]).save(f"{i}.png")
        source.step()
    source.close()
    with Net("net.prototxt", "TEST", weights="snap/tiny_iter_20.caffemodel") as net:
        net.forward()
        scores = np.exp(net.blobs["ip"].data[:4])
    capsys.readouterr()
    words = ["net.prototxt", "snap/tiny_iter_20.caffemodel", *(f"{i}.png" for i in range(4)), "--json", "--plan", plan]
    status, out, err = run(capsys, *words)
    *images, done = records(out)
    assert (status, err, done["blob"], done["images"]) == (0, "", "prob", 4)
    for image, row in zip(images, scores / scores.sum(1, keepdims=True)):
        for one in image["top"]:
            assert one["score"] == pytest.approx(row[one["class"]], rel=1e-4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pictures/rde.png"], 'pictures/rde.png: no such file; did you mean "red.png" or'),
        (["deploy.prototxt"], "deploy.prototxt: "),
        (["pictures/red.png", "--blob", "data"], 'blob "data" is 4 x 3 x 4 x 6; expected a blob of N x C, a score'),
        (["pictures/red.png", "--blob", "porb"], 'deploy.prototxt: no blob "porb" in phase TEST; did you mean "prob"'),
        (["pictures/red.png", "--labels", "deploy.prototxt"], "6 labels; expected 3, as classes"),
        (["pictures/red.png", "--mean", "1,2"], "takes 3 numbers, one per channel"),
        (["pictures/red.png", "--mean", "none.binaryproto"], "none.binaryproto: no such file"),
        (["pictures/red.png", "--mean", "none.npy"], "none.npy: cannot be read as a .npy (No such file"),
        (["pictures/red.png", "--images_dim", "12"], '--images_dim is "12"; expected a height and a width'),
        (["pictures/red.png", "--images_dim", "2,2"], "image_dims is 2 x 2; expected height and width, at least 4 x 6"),
        (["pictures/red.png", "--channel_swap", "2,1"], '--channel_swap is "2,1"; expected the numbers of all chan'),
        (["pictures/red.png", "--raw_scale", "x"], '--raw_scale is "x"; expected a number'),
        ([], "classify needs an IMAGE"),
    ],
)
def test_mistakes(colours, capsys, words, said):
    status, out, err = run(capsys, "deploy.prototxt", "w.caffemodel", *words)
    assert (status, out) == (2, "") and said in err and err.count("\n") == 1


def test_weights_that_hold_no_numbers(colours, capsys):
    with Net("deploy.prototxt", "TEST") as net:
        net.params["ip"][0].data[...] = np.nan
        net.save("nan.caffemodel")
    status, _, err = run(capsys, "deploy.prototxt", "nan.caffemodel", "pictures/red.png")
    assert status == 2 and 'pictures/red.png: blob "prob" holds nan; expected finite numbers' in err


def test_several_outputs(colours, capsys):
    more = 'layer { name: "abs" type: "AbsVal" bottom: "ip" top: "abs" }'
    (colours / "deploy.prototxt").write_text(DEPLOY + more + more.replace("abs", "other"))
    status, _, err = run(capsys, "deploy.prototxt", "w.caffemodel", "pictures/red.png")
    assert status == 2 and "the net has the outputs abs, other; expected --blob" in err
    assert run(capsys, "deploy.prototxt", "w.caffemodel", "pictures/red.png", "--blob", "abs")[0] == 0
