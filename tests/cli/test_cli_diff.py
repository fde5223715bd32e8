"""``minicaffe diff`` as a user runs it: what it prints, and its three exit statuses."""

import json
from pathlib import Path

from minicaffe.cli import main

GOLDEN = Path(__file__).parents[1] / "golden" / "cifar10_bn"
INIT, LATER = str(GOLDEN / "init.caffemodel"), str(GOLDEN / "short_iter_15.caffemodel")


def test_equal(capsys):
    assert main(["diff", INIT, INIT]) == 0
    assert capsys.readouterr().out == f"{INIT} and {INIT} are equal\n"


def test_weights(capsys):
    assert main(["diff", INIT, LATER]) == 1
    out = capsys.readouterr().out
    assert out.startswith("parameters that are apart:\n  parameter  shape ")
    assert "  conv2[0]   32 x 32 x 5 x 5    0.01983   0.01232   0.000595\n" in out
    assert out.endswith("differ: 7 layers changed, 14 of 14 parameters apart\n")


def test_nets(project, capsys):
    project.net("other.prototxt", old="bias_term: false weight", new="weight")
    assert main(["diff", "net.prototxt", "other.prototxt"]) == 1
    assert capsys.readouterr().out == (
        "~ conv (Convolution)\n    convolution_param.bias_term: false -> not set (true)\n"
        "net.prototxt and other.prototxt differ: 1 layer changed\n"
    )


def test_json(project, capsys):
    project.net("other.prototxt", old="num_output: 4", new="num_output: 5")
    assert main(["diff", "net.prototxt", "other.prototxt", "--json"]) == 1
    layer, *_, done = map(json.loads, capsys.readouterr().out.splitlines())
    assert layer["changes"][0] == {"what": "convolution_param.num_output", "old": "4", "new": "5"}
    assert (done["equal"], done["layers"]) == (False, {"added": 0, "removed": 0, "changed": 3})  # in place, twice


def test_bad_input(project, capsys):
    assert main(["diff", "net.prototxt", INIT]) == 2
    assert "expected one kind" in capsys.readouterr().err
    assert main(["diff", "net.prototxt", "none"]) == 2
    assert main(["diff", "net.prototxt"]) == 2
    assert "diff needs a B" in capsys.readouterr().err
