"""``minicaffe help TOPIC``: pages of layer types and messages, and the list of types, as wide as the terminal."""

import subprocess
import sys

import pytest

from minicaffe.cli import main
from minicaffe.layers import layer_types


def page(capsys, *words):
    assert main(["help", *words]) == 0
    return capsys.readouterr().out


def test_a_layer_type(capsys):
    shown = page(capsys, "BatchNorm")
    for words in (
        "BatchNorm: normalise each channel to mean 0 and variance 1.\n",
        "y = (x - mean) / sqrt(variance + eps)",
        "bottoms: 1, tops: 1\nMay run in place",
        "batch_norm_param { ... }:\n",
        "  eps                      float [1e-05]: what is added to the variance\n",
        '    type: "BatchNorm"\n',
        "  parameter factor    1, filled with zeros; not learned\n",
    ):
        assert words in shown, words
    assert "``" not in shown


def test_a_command_wins_over_a_type_in_another_case(capsys):
    assert page(capsys, "data").startswith("usage: minicaffe data ")
    assert page(capsys, "Data").startswith("Data: batches of images")


def test_a_message_and_the_words_of_its_fields(capsys):
    shown = page(capsys, "solver")
    assert shown.startswith("SolverParameter\n\nA training: ")
    assert "\nlr_policy:\n  fixed      base_lr\n" in shown
    assert "  solver_mode           CPU | GPU [GPU]: has no effect\n" in shown
    assert "\n    BINARYPROTO         Caffe's binary form\n" in shown
    assert page(capsys, "data_param").startswith("data_param { ... }: DataParameter\n\n  source ")


def test_the_list_of_types(capsys):
    lines = page(capsys, "layers").splitlines()
    assert lines[0] == "layer types:"
    assert {line.split()[0] for line in lines[2:] if line[2] != " "} == set(layer_types())


@pytest.mark.parametrize("width", [20, 40, 72, 100, 500])
@pytest.mark.parametrize("topic", ["layers", "solver", "data_param"])
def test_pages_fit_the_terminal(topic, width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    lines = [line for line in page(capsys, topic).splitlines() if "{" not in line and "top: " not in line]
    assert max(map(len, lines)) <= max(40, min(width, 120))


def test_several_topics(capsys):
    shown = page(capsys, "ReLU", "train", "filler")
    assert shown.startswith("ReLU\n\ny = x for x > 0")
    assert "\n\nusage: minicaffe train " in shown and "\n\nFillerParameter\n" in shown


@pytest.mark.parametrize(
    ("topic", "near"),
    [("ScaleLayer", '"Scale"?\n'), ("Convolutoin", '"Convolution" or "Deconvolution"'), ("tset", '"test"?\n')],
)
def test_an_unknown_topic_is_one_sentence(topic, near, capsys):
    assert main(["help", topic]) == 2
    shown = capsys.readouterr()
    sentence = f'minicaffe: error: "{topic}" is no command, layer type or message; did you mean {near}'
    assert shown.out == "" and shown.err.startswith(sentence)


def test_the_list_of_types_loads_no_kernels():
    code = "import sys\nfrom minicaffe.cli import main\nmain(['help', 'layers', 'data_param'])"
    report = f"{code}\nprint('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
