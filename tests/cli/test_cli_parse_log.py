"""``minicaffe parse-log`` as a user runs it, on our own log and on Caffe's."""

import csv
import json
import re
from pathlib import Path

import pytest

from minicaffe.cli import main

LOG = str(Path(__file__).parents[1] / "golden" / "cifar10_bn" / "short_train.log")


def test_our_own_log(project, capsys):
    assert main(["train", "solver.prototxt"]) == 0
    log = capsys.readouterr().err
    project.write("train.log", log)
    assert main(["parse-log", "train.log", "tables"]) == 0
    assert capsys.readouterr().out == "wrote tables/train.log.train (4 rows) and tables/train.log.test (3 rows)\n"
    with open("tables/train.log.test", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["NumIters"]) for row in rows] == [0, 10, 20]
    assert [float(row["loss"]) for row in rows] == [
        float(x) for x in re.findall(r"Test net output #1: loss = (\S+)", log)
    ]


def test_caffes_script_by_its_name_and_flags(tmp_path, capsys):
    assert main(["parse_log", "--verbose", LOG, str(tmp_path), "--delimiter", "tab"]) == 0
    out = capsys.readouterr().out
    assert "train: iterations 0 to 25: loss\ntest: iterations 0 to 30: accuracy, loss\n" in out
    text = (tmp_path / "short_train.log.test").read_text()
    assert text.startswith("NumIters\tSeconds\tLearningRate\taccuracy\tloss\n")


def test_json(tmp_path, capsys):
    assert main(["parse-log", LOG, str(tmp_path), "--json"]) == 0
    (record,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert record["runs"] == 1 and list(record["rows"].values()) == [6, 4]


@pytest.mark.parametrize(
    "words, said",
    [
        (["missing.log", "."], "missing.log: No such file or directory, expected a training log"),
        ([LOG, LOG], "which is a file; expected a folder"),
        ([LOG, ".", "--delimiter", "::"], '"::"; expected one letter such as ; or the word tab'),
    ],
)
def test_bad_input(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["parse-log", *words]) == 2
    assert said in capsys.readouterr().err
