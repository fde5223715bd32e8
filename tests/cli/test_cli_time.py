"""``minicaffe time`` on a tiny net."""

import json
import re

import pytest

from minicaffe.cli import main

LINE = re.compile(r"I\d{4} \S+ +\d+ caffe\.cpp:(\d+)\] (.*)")


def caffe_lines(text):
    """(line number, text) of what Caffe's own tool says."""
    found = (LINE.fullmatch(line) for line in text.splitlines())
    return [(int(match[1]), match[2]) for match in found if match]


def test_caffes_lines_layer_by_layer(project, capsys):
    assert main(["time", "-model", "net.prototxt", "-iterations", "2", "--plan", "inspect"]) == 0
    shown = capsys.readouterr()
    lines = caffe_lines(shown.err)
    layers = ["data", "conv", "bn", "relu", "ip", "loss"]
    assert [place for place, _ in lines] == [
        *(343, 351, 356, 357, 365, 366, 394, 394, 397),
        *[400, 403] * len(layers),
        *(408, 410, 412, 414, 415),
    ]
    texts = [re.sub(r"\d[\d.e+-]*", "0", text) for _, text in lines]
    assert texts[:9] == [
        "Use CPU.",
        "Performing Forward",
        "Initial loss: 0",
        "Performing Backward",
        "*** Benchmark begins ***",
        "Testing for 0 iterations.",
        "Iteration: 0 forward-backward time: 0 ms.",
        "Iteration: 0 forward-backward time: 0 ms.",
        "Average time per layer: ",
    ]
    averages = [f"{name:>10}\t{way}: 0 ms." for name in layers for way in ("forward", "backward")]
    assert texts[9:-5] == averages
    assert texts[-5:] == [
        "Average Forward pass: 0 ms.",
        "Average Backward pass: 0 ms.",
        "Average Forward-Backward: 0 ms.",
        "Total Time: 0 ms.",
        "*** Benchmark ends ***",
    ]
    assert re.fullmatch(r"tiny: \d+\.\d{3} ms an iteration over 2(, \d+ MB resident)?\n", shown.out)


def test_the_fast_plan_shows_its_steps(project, capsys):
    assert main(["time", "net.prototxt", "--iterations", "2"]) == 0
    shown = capsys.readouterr()
    lines = caffe_lines(shown.err)
    names = [name for place, text in lines if place == 400 for name in text.split("\t")[0].strip().split(" + ")]
    assert names == ["data", "conv", "bn", "relu", "ip", "loss"]
    out = shown.out.splitlines()
    titles = [line for line in out if re.fullmatch(r"(prepare|forward|backward).*: \d+\.\d{3} ms", line)]
    assert [title.split(":")[0].split(",")[0] for title in titles] == ["forward", "backward"]
    assert sum("GFLOP/s of peak" in line for line in out) == 2
    assert sum(line.startswith("  (plain layer)") and line.endswith("  data") for line in out) == 1
    assert re.fullmatch(r"the most on as many threads: \d+ GFLOP/s, copying \d+\.\d GB/s", out[-2])
    assert re.fullmatch(
        r"tiny: \d+\.\d{3} ms an iteration over 2, \d+\.\d MB in the arena(, \d+ MB resident)?", out[-1]
    )


def test_phase_test_is_forward_only_and_says_so(project, capsys):
    assert main(["time", "net.prototxt", "--phase", "TEST", "--iterations", "1"]) == 0
    shown = capsys.readouterr()
    assert shown.err.count("only forward passes are timed") == 1
    places = [place for place, _ in caffe_lines(shown.err)]
    assert 351 in places and 357 not in places
    assert "backward" not in shown.out
    assert main(["time", "net.prototxt", "--phase", "TEST", "--iterations", "1", "--plan", "inspect"]) == 0
    assert 357 in [place for place, _ in caffe_lines(capsys.readouterr().err)]


@pytest.mark.parametrize("plan", ["fast", "inspect"])
def test_json_gives_layers_steps_and_the_whole(project, capsys, plan):
    assert main(["time", "net.prototxt", "--iterations", "2", "--threads", "1", "--json", "--plan", plan]) == 0
    *records, done = map(json.loads, capsys.readouterr().out.splitlines())
    layers = [record for record in records if record["event"] == "layer"]
    steps = [record for record in records if record["event"] == "step"]
    assert [name for layer in layers for name in layer["names"]] == ["data", "conv", "bn", "relu", "ip", "loss"]
    assert done["event"] == "done" and len(done["iterations"]) == 2
    assert done["seconds"] == pytest.approx(sum(done["iterations"]) / 2, rel=0.5)
    assert bool(steps) == (plan == "fast") == (done["peak"] is not None) == (done["arena_bytes"] is not None)
    assert {step["pass"] for step in steps} <= done["passes"].keys()
    assert done["threads"] == 1


def test_weights_are_taken_up(project, capsys):
    assert main(["train", "solver.prototxt", "--set", "max_iter=15"]) == 0
    capsys.readouterr()
    words = [
        "time",
        "net.prototxt",
        "--iterations",
        "1",
        "--weights",
        "snap/tiny_iter_15.caffemodel",
        "--phase",
        "TEST",
    ]
    losses = set()
    for _ in range(2):
        assert main(words) == 0
        losses.add(dict(caffe_lines(capsys.readouterr().err))[356])
    assert len(losses) == 1  # fillers without a seed would differ


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["time", "none.prototxt"], "none.prototxt: "),
        (["time", "net.prototxt", "--iterations", "0"], '--iterations is "0"; expected a whole number of at least 1'),
        (["time"], "time needs a NET; expected minicaffe time NET"),
        (["time", "net.prototxt", "--weights", "none.caffemodel"], "none.caffemodel: "),
    ],
)
def test_bad_words_and_files_are_one_sentence(project, capsys, words, sentence):
    assert main(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("minicaffe: error: ") and sentence in shown.err
    assert shown.err.count("\n") == 1
