"""Log lines are Caffe's own, byte for byte behind the time and the process number."""

import re
from pathlib import Path

import pytest

from minicaffe.cli.log import Log, build_lines, number, prefix, score_lines, snapshot_lines
from minicaffe.cli.progress import Screen
from minicaffe.cli.report import TrainReport
from minicaffe.cli.results import Results
from minicaffe.proto import caffe_pb2
from minicaffe.solver.events import Display, Output, TestResult

GOLDEN = Path(__file__).parents[1] / "golden" / "cifar10_bn"
OUTPUT = re.compile(r"#(?P<index>\d+): (?P<name>\S+) = (?P<value>\S+)( \(\* (?P<weight>\S+) = \S+ loss\))?$")


def golden(name):
    """(place, text) of each line, as Caffe wrote it."""
    lines = (GOLDEN / f"{name}.log").read_text().splitlines()
    return [tuple(re.fullmatch(r"I\d+ \S+ \d+ (\S+)\] (.*)", line).groups()) for line in lines]


def written_by(act):
    """(place, text) of each line that ``act(log)`` writes."""
    lines = []
    log = Log(lines.append)
    log.release()
    act(log)
    return [tuple(re.fullmatch(r"[IW]\d{4} \S+ +\d+ (\S+)\] (.*)", line, re.S).groups()) for line in lines]


def outputs_of(texts):
    found = [OUTPUT.search(text).groupdict() for text in texts]
    return tuple(Output(int(f["index"]), f["name"], float(f["value"]), float(f["weight"] or 0)) for f in found)


def replay(lines, report):
    """Tell ``report`` the events that the numbers of Caffe's lines stand for."""
    for i, (place, text) in enumerate(lines):
        numbers = [float(word) for word in re.findall(r"(?<![#\w.])[-+]?\d[\d.]*(?:e[-+]?\d+)?", text)]
        outputs = []
        for _, later in lines[i + 1 :]:
            if "net output" not in later:
                break
            outputs.append(later)
        if place == "solver.cpp:289":
            report.started(text.split()[1], lines[i + 1][1].split()[-1])
        elif place == "solver.cpp:239":
            iteration, rate, seconds, span, loss = numbers
            lr = float(lines[i + 1 + len(outputs)][1].split()[-1])
            report.displayed(Display(int(iteration), loss, lr, outputs_of(outputs), rate, seconds, int(span)))
        elif place == "solver.cpp:347":
            report.testing(int(numbers[0]), 0)
            found = [later for _, later in lines[i + 1 :] if "Test net output" in later][:2]
            report.tested(TestResult(int(numbers[0]), 0, outputs_of(found), 1.0))
        elif place == "solver.cpp:464":
            report.snapshotting(text.split()[-1], lines[i + 1][1].split()[-1])
        elif place == "sgd_solver.cpp:336":
            report.restored("short_iter_30.solverstate")
        elif place == "solver.cpp:327":
            report.final_loss(int(numbers[0]), numbers[1])
        elif place == "solver.cpp:332":
            report.finished(False)
        elif place == "data_layer.cpp:73":
            report.note(text)


@pytest.mark.parametrize("name", ["short_train", "resume"])
def test_a_training_log_is_rebuilt_byte_for_byte(name):
    lines = golden(name)
    events = [line for line in lines if not line[0].startswith("caffe.cpp")]
    first = next(i for i, (place, _) in enumerate(events) if place in ("solver.cpp:289", "sgd_solver.cpp:336"))
    expected = events[first:]

    def act(log):
        replay(expected, TrainReport(log, Screen(), Results(False)))

    # The data thread of Caffe wrote its line into the middle of a test pass; where is no promise.
    def without_data(pairs):
        return [pair for pair in pairs if pair[0] != "data_layer.cpp:73"]

    written = written_by(act)
    assert without_data(written) == without_data(expected)
    assert sorted(written) == sorted(expected)


def test_the_start_of_a_training_log():
    param = caffe_pb2.SolverParameter(net="train_test.prototxt", test_iter=[2], weights=["init.caffemodel"])
    shown = build_lines(param, "test_iter: 2\n")
    lines = golden("short_train")
    expected = lines[: lines.index(("solver.cpp:57", "Solver scaffolding done.")) + 1]
    assert shown[1] == ("solver.cpp:45", "Initializing solver from parameters: \ntest_iter: 2")
    assert [shown[0], *shown[2:]] == [line for line in expected if line[0] != "solver.cpp:45"]


def test_the_scores_of_a_test_log():
    lines = golden("caffe_test")
    loss = float(lines[-3][1].split()[-1])
    accuracy = float(lines[-2][1].split()[-1])
    outputs = (Output(0, "accuracy", accuracy, 0.0), Output(1, "loss", loss, 1.0))
    assert score_lines(outputs, loss) == lines[-3:]


def test_what_a_net_does_not_take_from_weights_follows_their_line():
    param = caffe_pb2.SolverParameter(net="a.prototxt", test_iter=[2], weights=["w, v"])
    ignored = {(0, "w"): [("net.cpp:744", "Ignoring source layer x")], (1, "v"): [("net.cpp:744", "and y")]}
    texts = [text for _, text in build_lines(param, "", ignored=ignored)][2:-1]
    assert texts == [
        "Creating training net from net file: a.prototxt",
        "Finetuning from w",
        "Ignoring source layer x",
        "Finetuning from v",
        "Creating test net (#0) specified by net file: a.prototxt",
        "Finetuning from w",
        "Finetuning from v",
        "and y",
    ]


def test_the_test_loss_comes_before_the_outputs():
    result = TestResult(4, 0, (Output(0, "loss", 1.5, 1.0),), 1.0, 1.25)
    texts = [text for _, text in written_by(lambda log: TrainReport(log, Screen(), Results(False)).tested(result))]
    assert texts == ["Test loss: 1.25", "    Test net output #0: loss = 1.5 (* 1 = 1.5 loss)"]


def test_snapshots_in_hdf5_have_lines_of_their_own():
    texts = [text for _, text in snapshot_lines("a.caffemodel.h5", "a.solverstate.h5")]
    assert texts == [
        "Snapshotting to HDF5 file a.caffemodel.h5",
        "Snapshotting solver state to HDF5 file a.solverstate.h5",
    ]


@pytest.mark.parametrize(
    ("place", "field"),
    [
        ("solver.cpp:102", {"net": "a.prototxt"}),
        ("solver.cpp:97", {"net_param": {"name": "a"}}),
        ("solver.cpp:92", {"train_net": "a.prototxt"}),
        ("solver.cpp:88", {"train_net_param": {"name": "a"}}),
    ],
)
def test_every_way_to_name_the_training_net_has_its_line(place, field):
    param = caffe_pb2.SolverParameter(**field)
    assert place in [shown for shown, _ in build_lines(param, "")]


def test_each_test_net_is_named_by_its_source():
    param = caffe_pb2.SolverParameter(net="a.prototxt", test_net=["b.prototxt"], test_iter=[1, 1, 1])
    param.test_net_param.add(name="c")
    texts = [text for place, text in build_lines(param, "") if place == "solver.cpp:190"]
    assert texts == [
        "Creating test net (#0) specified by test_net_param",
        "Creating test net (#1) specified by test_net file: b.prototxt",
        "Creating test net (#2) specified by net file: a.prototxt",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.001, "0.001"),
        (8.37862e-25, "8.37862e-25"),
        (2.3308699, "2.33087"),
        (1e-5, "1e-05"),
        (100000.0, "100000"),
        (1234567.0, "1.23457e+06"),
        (0.0, "0"),
        (float("inf"), "inf"),
        (1e39, "inf"),
        (float("nan"), "nan"),
    ],
)
def test_numbers_are_printed_as_c_plus_plus_prints_floats(value, text):
    assert number(value) == text


def test_the_loss_weight_is_shown_only_where_there_is_one():
    lines = score_lines((Output(0, "aux", 2.0, 0.3), Output(1, "accuracy", 0.5, 0.0)), 0.6)
    assert lines[1:] == [("caffe.cpp:321", "aux = 2 (* 0.3 = 0.6 loss)"), ("caffe.cpp:321", "accuracy = 0.5")]


def test_the_prefix_has_month_day_time_and_place():
    assert re.fullmatch(r"I\d{4} \d\d:\d\d:\d\d\.\d{6} [ \d]{4}\d+ solver\.cpp:239\] ", prefix("I", "solver.cpp:239"))


def test_lines_are_kept_back_until_released():
    lines = []
    log = Log(lines.append)
    log.info("a.cpp:1", "first")
    log.warning("second")
    assert lines == []
    log.release()
    log.info("a.cpp:1", "third")
    assert [line.split("] ")[1] for line in lines] == ["first", "second", "third"]
    assert lines[1].startswith("W") and "minicaffe:0]" in lines[1]
