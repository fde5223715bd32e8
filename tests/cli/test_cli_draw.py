"""``minicaffe draw`` as a user runs it."""

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PIL import Image

from minicaffe.cli import main

MODELS = Path(__file__).parents[2] / "models"


def run(capsys, *words):
    status = main(["draw", *map(str, words)])
    out, err = capsys.readouterr()
    return status, out, err


def texts(path):
    return [element.text for element in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")]


def test_both_phases(project, capsys):
    status, out, err = run(capsys, "net.prototxt")
    assert (status, out, err) == (0, "wrote net.svg: 8 layers; TRAIN; TEST\n", "")
    found = texts("net.svg")
    assert found.count("only in TRAIN") == 1 and found.count("only in TEST") == 2
    assert {"8 x 1 x 6 x 6", "5 x 1 x 6 x 6", "8/5 x 4 x 4 x 4", "36 parameters", "8/5 x 3"} <= set(found)


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
@pytest.mark.parametrize("model", ["net.prototxt", MODELS / "resnet20/train_test.prototxt"])
def test_what_summary_says(model, phase, project, capsys):
    """Every shape and every number of parameters of the table stands in the drawing."""
    assert run(capsys, model, "-o", "n.svg", "--phase", phase)[0] == 0
    found = texts("n.svg")
    assert main(["summary", str(model), "--phase", phase, "--json"]) == 0
    layers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    layers = [layer for layer in layers if layer["event"] == "layer"]
    assert not any("only in" in text for text in found)
    assert {f"({layer['type']})" for layer in layers} - {"(Pooling)"} <= set(found)
    counts = sorted(f"{layer['parameters']:,} parameters" for layer in layers if layer["parameters"])
    assert sorted(text for text in found if text.endswith(" parameters")) == counts
    for layer in layers:
        for shape in layer["tops"].values():
            assert (" x ".join(map(str, shape)) if shape else "scalar") in found


@pytest.mark.parametrize("name, first", [("n.svg", b"<svg"), ("n.PNG", b"\x89PNG"), ("n.dot", b"digraph")])
@pytest.mark.parametrize("flags", [[], ["--rankdir", "TB", "--dark", "--display_lrm"]])
def test_each_kind_is_written_whole(name, first, flags, project, capsys):
    assert run(capsys, "net.prototxt", name, *flags)[0] == 0
    assert Path(name).read_bytes().startswith(first)
    if name == "n.PNG":
        with Image.open(name) as image:
            assert image.getpixel((0, 0)) == ((22, 24, 29) if flags else (255, 255, 255))
    else:
        assert ("lr_mult: 1" in Path(name).read_text()) == bool(flags)


def test_without_shapes_any_net_is_drawn(project, capsys):
    project.net(old='type: "ReLU"', new='type: "ReLuu"')
    status, out, err = run(capsys, "net.prototxt")
    assert (status, out) == (2, "") and 'did you mean "ReLU"' in err and not Path("net.svg").exists()
    status, out, _ = run(capsys, "net.prototxt", "--nodisplay_shapes")
    assert (status, out) == (0, "wrote net.svg: 8 layers; TRAIN; TEST\n")
    found = texts("net.svg")
    assert "(ReLuu)" in found and not any(" parameters" in text or "8/5" in text for text in found)


def test_shapes_that_only_data_tell(project, capsys):
    project.write(
        "h.prototxt",
        'layer { name: "d" type: "HDF5Data" top: "d" hdf5_data_param { source: "none.txt" batch_size: 3 } }\n'
        'layer { name: "ip" type: "InnerProduct" bottom: "d" top: "ip" inner_product_param { num_output: 2 } }\n',
    )
    status, out, err = run(capsys, "h.prototxt")
    assert (status, out) == (0, "wrote net.svg: 2 layers; TRAIN and TEST\n")
    assert "minicaffe: note: h.prototxt:1:" in err
    found = texts("net.svg")
    assert {"?", "? parameters"} <= set(found)


def test_layers_of_a_stage_are_left_out_with_a_word(project, capsys):
    stage = 'include { stage: "extra" } }\nlayer { name: "loss"'
    project.net(old='layer { name: "loss"', new=f'layer {{ name: "more" type: "ReLU" bottom: "ip" top: "more" {stage}')
    _, out, err = run(capsys, "net.prototxt", "--json")
    assert "net.prototxt: left out, as they need another --stage or --level: more" in err
    assert json.loads(out) == {"event": "done", "wrote": "net.svg", "layers": 8, "states": ["TRAIN", "TEST"]}
    _, out, err = run(capsys, "net.prototxt", "--stage", "extra")
    assert (out, err) == ("wrote net.svg: 9 layers; TRAIN, stage extra; TEST, stage extra\n", "")


@pytest.mark.parametrize(
    "words, said",
    [
        ([], "draw needs a NET; expected minicaffe draw NET [FILE]"),
        (["net.prototxt", "-o", "x.gif"], '-o is "x.gif"; expected a name that ends in .svg, .png or .dot'),
        (["net.prototxt", "x"], 'FILE is "x"; expected a name that ends in .svg, .png or .dot'),
        (["net.prototxt", "--phase", "both"], '--phase is "both"; expected TRAIN, TEST or ALL'),
        (["net.prototxt", "--rankdir", "UP"], '--rankdir is "UP"; expected LR, RL, TB or BT'),
        (["net.prototxt", "no/x.svg"], 'no/x.svg: cannot be written, as there is no folder "no"'),
        (["none.prototxt"], "none.prototxt: no such file"),
        (["net.prototxt", "--display_shapes=maybe"], '--display_shapes is "maybe"; expected true or false'),
    ],
)
def test_bad_input(words, said, project, capsys):
    status, out, err = run(capsys, *words)
    assert (status, out) == (2, "") and said in err


def test_without_pillow(project, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert run(capsys, "net.prototxt", "n.svg")[0] == 0
    status, _, err = run(capsys, "net.prototxt", "n.png")
    assert status == 2 and "a drawing as png needs pillow, which is not installed: pip install minicaffe[draw]" in err
