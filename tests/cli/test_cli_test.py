"""``minicaffe test`` on a tiny net."""

import json
import re

import pytest

from minicaffe.cli import main


@pytest.fixture
def trained(project, capsys):
    assert main(["train", "solver.prototxt"]) == 0
    capsys.readouterr()
    return project


WORDS = ["test", "-model", "net.prototxt", "-weights", "snap/tiny_iter_20.caffemodel", "-iterations", "2"]


def test_a_test_writes_caffes_lines_and_one_line(trained, capsys):
    resumed = ["train", "solver.prototxt", "--snapshot", "snap/tiny_iter_20.solverstate", "--set", "display=0"]
    assert main(resumed) == 0  # just the final test
    trainings_own = re.findall(r"Test net output #\d: (\S+) = (\S+)", capsys.readouterr().err)[-2:]
    assert main(WORDS) == 0
    shown = capsys.readouterr()
    lines = [line.split("] ", 1) for line in shown.err.splitlines()]
    lines = [line for line in lines if not re.search(r" (net|layer_factory)\.[ch]pp:\d+$", line[0])]
    places = [prefix.split()[-1] for prefix, _ in lines]
    assert places == ["caffe.cpp:275", "caffe.cpp:281", *["caffe.cpp:304"] * 4, "caffe.cpp:309", *["caffe.cpp:321"] * 2]
    texts = [text for _, text in lines]
    assert texts[1] == "Running for 2 iterations."
    batches = [re.fullmatch(r"Batch (\d), (accuracy|loss) = (\S+)", text).groups() for text in texts[2:6]]
    assert [(batch, name) for batch, name, _ in batches] == [(b, n) for b in "01" for n in ("accuracy", "loss")]
    accuracy = (float(batches[0][2]) + float(batches[2][2])) / 2
    loss = (float(batches[1][2]) + float(batches[3][2])) / 2
    assert float(texts[6].removeprefix("Loss: ")) == pytest.approx(loss, rel=1e-5)
    assert texts[7] == f"accuracy = {accuracy:g}"
    assert re.fullmatch(r"loss = (\S+) \(\* 1 = \1 loss\)", texts[8])
    assert trainings_own == [("accuracy", f"{accuracy:g}"), ("loss", texts[6].removeprefix("Loss: "))]
    assert re.fullmatch(rf"tiny: accuracy {accuracy:.4f}, loss \d\.\d{{4}} over 2 batches in \d\.\d s\n", shown.out)


def test_json_gives_one_object_per_batch_and_one_for_the_whole(trained, capsys):
    assert main([*WORDS, "--json"]) == 0
    first, second, done = map(json.loads, capsys.readouterr().out.splitlines())
    assert [first["event"], second["event"], done["event"]] == ["test", "test", "done"]
    assert [first["batch"], second["batch"], done["batches"]] == [0, 1, 2]
    for name in ("accuracy", "loss"):
        mean = (first["outputs"][name] + second["outputs"][name]) / 2
        assert done["outputs"][name] == pytest.approx(mean)


def test_phase_level_and_stage_choose_the_layers(trained, capsys):
    rules = 'include { phase: TEST min_level: 2 stage: "full" }'
    trained.net(old='top: "accuracy" include { phase: TEST }', new=f'top: "accuracy" {rules}')
    for words, shown in (
        (["-level", "2", "-stage", "full"], True),
        (["-level", "1", "-stage", "full"], False),
        (["-level", "2"], False),
        (["-level", "2", "-stage", "full", "-phase", "TRAIN"], False),
    ):
        assert main([*WORDS, *words]) == 0
        assert ("accuracy = " in capsys.readouterr().err) is shown


def test_gpu_brings_one_note(trained, capsys):
    assert main([*WORDS, "-gpu", "0"]) == 0
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("W") and "CPU" in line]
    assert len(warnings) == 1 and warnings[0].endswith("-gpu 0 has no effect: this program runs on the CPU")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["test", "none.prototxt", "--weights", "w"], "none.prototxt: "),
        (["test", "net.prototxt", "--weights", "none.caffemodel"], "none.caffemodel: "),
        (["test", "solver.prototxt", "--weights", "none.caffemodel"], "solver.prototxt"),
    ],
)
def test_bad_files_are_one_sentence(project, capsys, words, sentence):
    assert main(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("minicaffe: error: ") and sentence in shown.err
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize("plan", ["fast", "inspect"])
def test_check_finite(trained, capsys, plan):
    assert main([*WORDS, "--check_finite", "--plan", plan]) == 0
    capsys.readouterr()
    trained.net(old="scale: 0.00390625", new="scale: 1e36")
    assert main([*WORDS, "--check_finite", "--plan", plan]) == 2
    shown = capsys.readouterr().err.splitlines()[-1]
    assert shown.startswith('minicaffe: error: blob "') and " holds " in shown
    assert ('"conv" of layer "conv" (Convolution) holds inf at ' in shown) == (plan == "inspect")
