"""``minicaffe plot`` as a user runs it."""

import json
from pathlib import Path

import pytest

from minicaffe.cli import main

GOLDEN = Path(__file__).parents[1] / "golden" / "cifar10_bn"
LOGS = [str(GOLDEN / "short_train.log"), str(GOLDEN / "resume.log")]


@pytest.mark.parametrize("flags", [[], ["--dark", "--seconds", "--title", "two", "--names", "a"]])
def test_two_logs(tmp_path, capsys, flags):
    out = tmp_path / "curves.svg"
    assert main(["plot", *LOGS, "-o", str(out), *flags]) == 0
    assert capsys.readouterr().out == f"wrote {out}: 2 trainings, 11 displays, 5 tests\n"
    assert "</svg>" in out.read_text()


def test_json(tmp_path, capsys):
    assert main(["plot", LOGS[0], "--json", "-o", str(tmp_path / "a.png")]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["displays"], record["tests"]) == ([7], [4])


@pytest.mark.parametrize(
    "words, said",
    [
        ([], "plot needs a LOG; expected minicaffe plot LOG ..."),
        ([LOGS[0], "-o", "x.gif"], '-o is "x.gif"; expected a name that ends in .png, .svg or .pdf'),
        (["none.log"], "none.log: No such file or directory, expected a training log"),
        ([LOGS[0], "-o", "no/x.png"], 'no/x.png: cannot be written, as there is no folder "no"'),
    ],
)
def test_bad_input(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["plot", *words]) == 2
    assert said in capsys.readouterr().err
