"""``minicaffe train --plot`` and ``--tensorboard``: kept up to date, whole, and never in the way of the training."""

import re
import sys

import pytest

from minicaffe.analysis import plot
from minicaffe.cli import following, main
from minicaffe.errors import UsageError
from minicaffe.solver.events import Display, Listener, Output, TestResult


def display(iteration, loss=1.0):
    return Display(iteration, loss, 0.1, (Output(0, "loss", loss, 1.0),), 2.0, 5.0, 10)


def test_the_picture_of_a_training(project, capsys):
    assert main(["train", "solver.prototxt", "--plot", "curves.svg"]) == 0
    assert "</svg>" in (project.folder / "curves.svg").read_text()
    assert not [name for name in project.files() if name.endswith(".tmp")]
    assert " W" not in capsys.readouterr().err


def test_it_is_drawn_at_once_then_at_most_every_few_seconds_and_at_the_end(monkeypatch, tmp_path):
    drawn, now = [], [100.0]
    monkeypatch.setattr(following, "draw_curves", lambda runs, path, **_: drawn.append(len(runs[0].train)))
    monkeypatch.setattr(following.time, "monotonic", lambda: now[0])
    live = following.LivePlot(str(tmp_path / "x.png"), print)
    live.started("net", "fixed")
    for iteration in range(10):
        now[0] += 1
        live.displayed(display(iteration))
    assert drawn == [1, 6]
    live.close()
    live.close()
    assert drawn == [1, 6, 10]


def test_what_is_drawn(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(following, "draw_curves", lambda runs, path, **_: seen.append(runs[0]))
    live = following.LivePlot(str(tmp_path / "x.png"), print)
    live.started("net", "fixed")
    outputs = (Output(0, "accuracy", 0.5, 0.0), Output(1, "loss", 1.5, 1.0), Output(2, "loss", 9.0, 1.0))
    live.tested(TestResult(0, 0, outputs, 1.0))
    live.tested(TestResult(0, 1, outputs, 1.0))
    live.final_loss(10, 0.5)
    live.close()
    curves = seen[-1]
    assert (list(curves.scores), list(curves.test_losses)) == (["accuracy", "accuracy#1"], ["loss", "loss#1"])
    assert [p.value for p in curves.test_losses["loss"]] == [1.5]
    assert [(p.iteration, p.value) for p in curves.train] == [(10, 0.5)]


def test_drawing_that_fails_is_one_note_and_the_training_goes_on(project, capsys, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("no\nfont")

    monkeypatch.setattr(following, "draw_curves", broken)
    assert main(["train", "solver.prototxt", "--plot", "curves.png"]) == 0
    err = capsys.readouterr().err
    notes = re.findall(r"^W.*\] (the picture.*)$", err, re.M)
    assert notes == ["the picture of --plot stops here, training goes on: RuntimeError: no font"]
    assert "Optimization Done." in err and "snap/tiny_iter_20.caffemodel" in project.files()


@pytest.mark.parametrize(
    "flags, said",
    [
        (["--plot", "x.gif"], '--plot is "x.gif"; expected a name that ends in .png, .svg or .pdf'),
        (["--plot", "no/x.png"], '--plot no/x.png: there is no folder "no"; expected one'),
        (["--tensorboard", "net.prototxt"], "--tensorboard net.prototxt: is a file; expected a folder"),
    ],
)
def test_bad_input(project, capsys, flags, said):
    pytest.importorskip("tensorboardX")
    assert main(["train", "solver.prototxt", *flags]) == 2
    shown = capsys.readouterr()
    assert said in shown.err and shown.err.count("\n") == 1


def test_without_the_extras(project, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    assert main(["train", "solver.prototxt", "--tensorboard", "tb"]) == 2
    assert (
        "needs tensorboardX; expected it to be installed: pip install minicaffe[tensorboard]" in capsys.readouterr().err
    )
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["train", "solver.prototxt", "--plot", "x.png"]) == 2
    assert "pip install minicaffe[plot]" in capsys.readouterr().err


def test_numbers_for_tensorboard(monkeypatch, tmp_path):
    written, closed = [], []

    class Writer:
        def __init__(self, folder, flush_secs):
            assert folder == "tb"

        def add_scalar(self, name, value, iteration):
            written.append((name, value, iteration))

        def close(self):
            closed.append(True)

    monkeypatch.setitem(sys.modules, "tensorboardX", type("Module", (), {"SummaryWriter": Writer}))
    board = following.Board("tb", print)
    board.close()
    board.started("net", "fixed")
    board.displayed(display(5, 0.25))
    outputs = (Output(0, "p", 0.5, 0.0), Output(1, "p", 0.75, 0.0))
    board.tested(TestResult(10, 0, outputs, 1.0, loss=2.0))
    board.tested(TestResult(10, 1, outputs[:1], 1.0))
    board.final_loss(20, 0.125)
    board.close()
    assert ("train/loss", 0.25, 5) in written and ("lr", 0.1, 5) in written
    assert [w for w in written if w[0].startswith("test")] == [
        ("test/p", 0.5, 10),
        ("test/p_1", 0.75, 10),
        ("test/total_loss", 2.0, 10),
        ("test1/p", 0.5, 10),
    ]
    assert closed == [True]


def test_files_for_tensorboard(project, capsys):
    pytest.importorskip("tensorboardX")
    assert main(["train", "solver.prototxt", "--tensorboard", "tb"]) == 0
    (file,) = (project.folder / "tb").iterdir()
    data = file.read_bytes()
    assert data.count(b"test/accuracy") == 3 and data.count(b"train/smoothed_loss") == 5


def test_every_event_reaches_every_listener():
    heard = []

    class Ear(Listener):
        def __init__(self, name):
            self.name = name

        def note(self, text):
            heard.append((self.name, text))

    both = following.Together(Ear("a"), Ear("b"))
    both.note("x")
    assert heard == [("a", "x"), ("b", "x")]
    assert {name for name in vars(Listener) if not name.startswith("_")} <= set(vars(both))


def test_an_ending_is_checked_by_the_plot_too():
    with pytest.raises(UsageError):
        plot.check_target("x")
