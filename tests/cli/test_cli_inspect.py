"""``minicaffe inspect`` as a user runs it: the net's own data, images, another database."""

import json

import numpy as np
import pytest

import minicaffe
from minicaffe.cli import main
from minicaffe.data.lmdb_writer import write_lmdb

DEPLOY = """
name: "use"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 1 dim: 6 dim: 6 } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
"""


def run(capsys, *words):
    status = main(["inspect", *words])
    out, err = capsys.readouterr()
    return status, out, err


def layers(out):
    return {one["name"]: one for one in map(json.loads, out.splitlines()) if one["event"] == "layer"}


def test_the_nets_own_data(project, capsys):
    status, out, err = run(capsys, "net.prototxt", "-o", "page.html", "--seed", "1")
    assert (status, err) == (0, "")
    assert out.startswith("wrote page.html: 7 layers, ")
    page = (project.folder / "page.html").read_text()
    assert "First values, not trained" in page and "5 items" in page
    assert {path for path in project.files() if "." in path} >= {"page.html"}


@pytest.mark.parametrize("phase, used, items", [("TEST", "stored", 5), ("TRAIN", "batch", 8)])
def test_json(project, capsys, phase, used, items):
    with minicaffe.Net("net.prototxt", "TRAIN", seed=1) as net:
        net.forward()
        net.save("tiny.caffemodel")
    words = ("net.prototxt", "--weights", "tiny.caffemodel", "--phase", phase, "--layers", "bn,conv")
    status, out, _ = run(capsys, *words, "--json")
    found = layers(out)
    assert status == 0 and list(found) == ["conv", "bn"]
    assert found["bn"]["batch_norm"]["used"] == used and len(found["bn"]["batch_norm"]["batch_mean"]) == 4
    assert found["conv"]["tops"][0]["data"]["shape"][0] == items
    assert found["conv"]["params"][0]["gradient"]["std"] > 0
    assert json.loads(out.splitlines()[-1])["wrote"] == "report.html"
    assert "tiny.caffemodel" in (project.folder / "report.html").read_text()


def write_images(folder, sizes):
    from PIL import Image

    paths = []
    for i, size in enumerate(sizes):
        pixels = np.random.default_rng(i).integers(0, 256, size, dtype=np.uint8)
        paths.append(f"{i}.png")
        Image.fromarray(pixels).save(folder / paths[-1])
    return ",".join(paths)


def test_images_for_an_input(project, capsys):
    project.write("use.prototxt", DEPLOY)
    project.write("names.txt", "red\ngreen\nblue\n")
    images = write_images(project.folder, [(6, 6), (9, 12)])
    words = ("use.prototxt", "--image", images, "--mean", "100", "--scale", "0.5", "--labels", "names.txt")
    status, out, _ = run(capsys, *words, "--json")
    data = layers(out)["data"]["tops"][0]["data"]
    assert status == 0 and data["shape"] == [2, 1, 6, 6] and -50 <= data["min"] < 0 < data["max"] <= 77.5
    assert "green" in (project.folder / "report.html").read_text()


def test_images_in_place_of_data(project, capsys):
    images = write_images(project.folder, [(6, 6), (7, 7), (6, 6)])
    status, out, _ = run(capsys, "net.prototxt", "--image", images, "--json")
    conv = layers(out)["conv"]
    assert status == 0 and conv["tops"][0]["data"]["shape"] == [3, 4, 4, 4] and conv["tops"][0]["gradient"] is None
    assert layers(out)["data"]["tops"][0]["data"]["max"] <= 1  # the net's own scale
    assert "No labels were given" in (project.folder / "report.html").read_text()
    status, out, _ = run(capsys, "net.prototxt", "--image", images, "--label", "0,2,1", "--json")
    assert layers(out)["conv"]["params"][0]["gradient"]["std"] > 0
    assert layers(out)["data"]["tops"][1]["data"]["mean"] == 1


def test_images_whose_data_are_missing(project, capsys):
    """Neither the database nor the flags tell how many channels there are: the image does."""
    project.net(old="test_lmdb", new="none_lmdb")
    status, out, _ = run(capsys, "net.prototxt", "--image", write_images(project.folder, [(6, 6)]), "--json")
    assert status == 0 and layers(out)["data"]["tops"][0]["data"]["shape"] == [1, 1, 6, 6]
    status, out, _ = run(capsys, "net.prototxt", "--image", write_images(project.folder, [(6, 6, 4)]), "--json")
    assert status == 0 and layers(out)["data"]["tops"][0]["data"]["shape"] == [1, 3, 6, 6]


def test_another_database(project, capsys):
    project.write("use.prototxt", DEPLOY)
    status, out, _ = run(capsys, "use.prototxt", "--data", "train_lmdb", "--batch", "7", "--mean", "128", "--json")
    assert status == 0 and layers(out)["data"]["tops"][0]["data"]["shape"] == [7, 1, 6, 6]
    pixels = np.full((9, 1, 8, 8), 50, np.uint8)
    write_lmdb(project.folder / "large", [(pixels, np.zeros(9, np.uint8))], 9, (1, 8, 8), "large")
    status, out, _ = run(capsys, "use.prototxt", "--data", "large", "--json")
    assert status == 0 and layers(out)["data"]["tops"][0]["data"]["max"] == 50
    status, out, _ = run(capsys, "net.prototxt", "--data", "train_lmdb", "--scale", "2", "--json")
    assert status == 0 and layers(out)["data"]["tops"][0]["data"]["max"] == 510
    with_label = DEPLOY.replace('top: "data" input', 'top: "data" top: "label" input')
    with_label = with_label.replace("dim: 6 } } }", "dim: 6 } shape { dim: 1 } } }")
    with_label = with_label.replace('"Softmax" bottom: "ip"', '"SoftmaxWithLoss" bottom: "ip" bottom: "label"')
    project.write("loss.prototxt", with_label)
    status, out, _ = run(capsys, "loss.prototxt", "--data", "train_lmdb", "--batch", "6", "--json")
    assert status == 0 and layers(out)["data"]["tops"][1]["data"]["mean"] == 1
    assert layers(out)["ip"]["params"][0]["gradient"]["std"] > 0


@pytest.mark.parametrize(
    "words, said",
    [
        (["net.prototxt", "--layers", "con"], 'the net has no layer "con" in phase TEST; did you mean "conv"?'),
        (["use.prototxt"], "use.prototxt: the net takes data from outside; expected --image or --data"),
        (["use.prototxt", "--image", "a.png", "--data", "db"], "both --image and --data are given"),
        (["use.prototxt", "--image", "none.png"], "none.png: no such file"),
        (["use.prototxt", "--data", "none_lmdb"], "none_lmdb"),
        (["net.prototxt", "--mean", "3"], "--mean and --scale are for --image and --data"),
        (["net.prototxt", "--label", "3"], "--label is given without --image"),
        (["net.prototxt", "--image", "0.png", "--label", "1,2"], "2 labels for 1 image; expected one for each"),
        (["net.prototxt", "--weights", "none.caffemodel"], "none.caffemodel: no such file"),
        (["net.prototxt", "--labels", "none.txt"], "none.txt: no such file"),
        (["net.prototxt", "--item", "9"], "item is 9; expected one of the batch, 0 to 4"),
        (["net.prototxt", "-o", "no/page.html"], '-o is "no/page.html", but there is no folder "no"'),
        (["net.prototxt", "--scale", "x"], '--scale is "x"; expected a number'),
        (["blind.prototxt", "--image", "0.png"], "blind.prototxt: no layer takes images in phase TEST"),
    ],
)
def test_bad_input(project, capsys, words, said):
    project.write("use.prototxt", DEPLOY)
    project.write("blind.prototxt", DEPLOY.replace("dim: 6 dim: 6 ", ""))
    write_images(project.folder, [(6, 6)])
    status, out, err = run(capsys, *words)
    assert status == 2 and out == "" and said in err
    assert not (project.folder / "report.html").exists()
