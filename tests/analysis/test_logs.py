"""Training logs read back: Caffe's own, ours, resumed ones, several test nets, and lines that others wrote between."""

import csv
import math
import os
from pathlib import Path

import pytest

from minicaffe.analysis.logs import read_log, write_tables
from minicaffe.errors import DataError

GOLDEN = Path(__file__).parents[1] / "golden" / "cifar10_bn"


def line(second, text, day="1120"):
    return f"I{day} 10:{second // 60:02}:{second % 60:02}.250000 77 solver.cpp:1] {text}\n"


def display(second, iteration, loss, lr, day="1120"):
    return (
        line(second, f"Iteration {iteration} (2 iter/s, 5s/10 iters), loss = {loss}", day)
        + line(second, f"    Train net output #0: loss = {loss} (* 1 = {loss} loss)", day)
        + line(second, f"Iteration {iteration}, lr = {lr}", day)
    )


def test_pass(second, iteration, accuracy, net=0):
    return line(second, f"Iteration {iteration}, Testing net (#{net})") + line(
        second + 1, f"    Test net output #0: accuracy = {accuracy}"
    )


test_pass.__test__ = False


def read(tmp_path, text):
    (tmp_path / "some.log").write_text(text)
    return read_log(tmp_path / "some.log")


def table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_caffes_own_log_gives_caffes_tables(tmp_path):
    log = read_log(GOLDEN / "short_train.log")
    assert write_tables(log, str(tmp_path / "new")) == [
        (str(tmp_path / "new" / "short_train.log.train"), 6),
        (str(tmp_path / "new" / "short_train.log.test"), 4),
    ]
    data = (tmp_path / "new" / "short_train.log.train").read_bytes()
    assert data.startswith(b"NumIters,Seconds,LearningRate,loss\r\n0.0,9.067334,0.001,2.33087\r\n5.0,")
    test = table(tmp_path / "new" / "short_train.log.test")
    assert list(test[0]) == ["NumIters", "Seconds", "LearningRate", "accuracy", "loss"]
    assert [float(row["accuracy"]) for row in test] == [0.097, 0.182, 0.1835, 0.1905]
    assert {row["LearningRate"] for row in test} == {"0.001"}
    assert [(loss.iteration, loss.value) for loss in log.displayed][-2:] == [(25, 2.25549), (30, 2.22768)]
    assert (log.losses, log.starts) == ({"loss"}, (0.0,))


def test_a_log_of_one_test_pass_has_its_row():
    log = read_log(GOLDEN / "resume.log")
    (row,) = log.test
    assert (row.iteration, row.lr, row.outputs["accuracy"]) == (30, 0.001, 0.1695)
    assert [row.iteration for row in log.train] == [30, 31, 32]


def test_the_rate_is_the_one_named_before_the_row(tmp_path):
    text = line(0, "Solving x") + display(1, 0, 3, 0.1) + display(2, 10, 2, 0.05) + display(3, 20, 1, 0.025)
    assert [row.lr for row in read(tmp_path, text).train] == [0.1, 0.1, 0.05]


def test_resumed_runs_one_after_the_other(tmp_path):
    first = line(0, "Solving x") + display(1, 0, 3, 0.1) + display(2, 10, 2, 0.1)
    second = line(60, "Solving x") + display(61, 10, 2.1, 0.1) + display(62, 20, 1, 0.1)
    log = read(tmp_path, first + second)
    assert [(row.iteration, row.run, row.seconds) for row in log.train] == [
        (0, 0, 1),
        (10, 0, 2),
        (10, 1, 61),
        (20, 1, 62),
    ]
    assert log.starts == (0.0, 60.0)


def test_several_test_nets_have_columns_of_their_own(tmp_path):
    text = line(0, "Solving x")
    for second, iteration in ((1, 0), (10, 100)):
        text += test_pass(second, iteration, 0.5) + test_pass(second + 2, iteration, 0.7, net=1)
    log = read(tmp_path, text + display(20, 100, 1, 0.1))
    assert [row.outputs for row in log.test] == [{"accuracy": 0.5, "accuracy#1": 0.7}] * 2
    assert [row.seconds for row in log.test] == [2, 11]


def test_an_output_of_several_numbers(tmp_path):
    text = line(0, "Solving x") + line(1, "Iteration 0, Testing net (#0)")
    text += "".join(line(2, f"    Test net output #{i}: per_class = 0.{i}") for i in range(3))
    assert read(tmp_path, text).test[0].outputs == {"per_class": 0.0, "per_class[1]": 0.1, "per_class[2]": 0.2}


def test_what_others_write_between_is_passed_over(tmp_path):
    clean = line(0, "Solving x") + display(1, 0, 3, 0.1) + display(2, 10, 2, 0.1)
    rows = clean.splitlines(keepends=True)
    bar = "x:  10%|#   | 1/10 [00:01<00:09, loss 9 Iteration 77]\r"
    noisy = "Iteration 99, of something else\n" + bar.join(rows).replace("\n", "\n\x1b[A" + bar)
    noisy += "real 0m47s\nI9999 99:99:99 1 x.cpp:1] Iteration 500, loss = 3\n"
    assert read(tmp_path, noisy).train == read(tmp_path, clean).train


def test_two_messages_on_one_line(tmp_path):
    text = line(0, "Solving x").rstrip("\n") + display(1, 0, 3, 0.1)
    assert [row.iteration for row in read(tmp_path, text).train] == [0]


def test_numbers_that_are_none_and_old_displays(tmp_path):
    text = line(0, "Solving x") + line(1, "Iteration 0, loss = -nan")
    text += line(1, "    Train net output #0: my loss = inf (* 1 = inf loss)")
    log = read(tmp_path, text)
    assert math.isnan(log.displayed[0].value) and log.train[0].outputs == {"my loss": math.inf}


def test_a_training_across_new_year_and_a_leap_day(tmp_path):
    text = line(0, "Solving x", "1231") + display(0, 0, 3, 0.1, "1231") + display(0, 10, 2, 0.1, "0101")
    assert [row.seconds for row in read(tmp_path, text).train] == [0, 86400]
    text = line(0, "Solving x", "20240229") + display(0, 0, 3, 0.1, "20240229") + display(0, 10, 2, 0.1, "20240301")
    assert [row.seconds for row in read(tmp_path, text).train] == [0, 86400]
    path = tmp_path / "leap.log"
    path.write_text(line(0, "Solving x", "0229") + display(0, 0, 3, 0.1, "0229"))
    os.utime(path, (1764000000, 1764000000))  # in 2025
    assert [row.seconds for row in read_log(path).train] == [0]


def test_no_log(tmp_path):
    (tmp_path / "train.log").write_text("hello\n")
    with pytest.raises(
        DataError, match=r"holds no display and no test of a training, expected a log of minicaffe or C"
    ):
        read_log(tmp_path / "train.log")
    with pytest.raises(
        DataError, match=r'No such file or directory, expected a training log; did you mean "train.log"'
    ):
        read_log(tmp_path / "trian.log")
    with pytest.raises(DataError, match="Is a directory, expected a training log"):
        read_log(tmp_path)
