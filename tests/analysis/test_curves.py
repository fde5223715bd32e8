"""Curves from logs, and the pictures of them: what is in the picture, and that the file is whole or not at all."""

import math
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from minicaffe.analysis.curves import Curves, Point, from_log, names_of
from minicaffe.analysis.logs import Loss, Row, TrainingLog, read_log
from minicaffe.analysis.plot import _Picture, check_target, draw_curves, load_matplotlib
from minicaffe.errors import ProtoError, UsageError

LOG = Path(__file__).parents[1] / "golden" / "cifar10_bn" / "short_train.log"


def run(name="a", values=(3, 2, 1), scores=(), step=10):
    curves = Curves(name, [Point(i * step, i * 2.0, v) for i, v in enumerate(values)])
    if scores:
        curves.scores["accuracy"] = [Point(i * step, i * 2.0, v) for i, v in enumerate(scores)]
    return curves


def figure(*runs, seconds=False, dark=False, title=""):
    return _Picture(load_matplotlib(), runs, seconds, dark).figure(title)


def texts(figure):
    legends = [text.get_text() for axis in figure.axes if axis.get_legend() for text in axis.get_legend().get_texts()]
    return legends + [text.get_text() for text in figure.texts]


def test_the_curves_of_caffes_log():
    curves = from_log(read_log(LOG), "caffe")
    assert [point.iteration for point in curves.train] == [0, 5, 10, 15, 20, 25, 30]
    assert [point.value for point in curves.scores["accuracy"]] == [0.097, 0.182, 0.1835, 0.1905]
    assert list(curves.test_losses) == ["loss"]


def test_what_a_resumed_run_did_again_replaces_what_had_been_done():
    def loss(iteration, seconds, run):
        return Loss(iteration, seconds, run, iteration + run / 10)

    shown = (loss(0, 5, 0), loss(10, 10, 0), loss(20, 15, 0), loss(10, 1005, 1), loss(20, 1010, 1))
    test = (Row(20, 16, 0.1, 0, {"accuracy": 0.1}), Row(20, 1011, 0.1, 1, {"accuracy": 0.2}))
    curves = from_log(TrainingLog("x", (), test, shown, frozenset(), (0.0, 1000.0)), "x")
    assert [(p.iteration, p.seconds, p.value) for p in curves.train] == [(0, 5, 0), (10, 10, 10.1), (20, 15, 20.1)]
    assert [p.value for p in curves.scores["accuracy"]] == [0.2]


def test_a_log_of_outputs_alone():
    rows = (Row(0, 1, 0.1, 0, {"a": 1.0, "b": 2.0, "other": 9.0}),)
    log = TrainingLog("x", rows, (), (), frozenset({"a", "b"}), (0.0,))
    assert [point.value for point in from_log(log, "x").train] == [3.0]


@pytest.mark.parametrize(
    "paths, names",
    [
        (["a/train.log"], ["train"]),
        (["a/train.log", "b/train.log"], ["a/train", "b/train"]),
        (["x.log", "x.txt"], ["x.log", "x.txt"]),
    ],
)
def test_short_names(paths, names):
    assert names_of(paths) == names


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("kind, first", [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_each_format_is_written_whole(tmp_path, kind, first, dark):
    path = tmp_path / f"curves.{kind}"
    draw_curves([run(scores=(0.1, 0.5)), run("b")], str(path), dark=dark)
    assert path.read_bytes().startswith(first)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    if kind == "svg":
        ElementTree.parse(path)
        once = path.read_bytes()
        draw_curves([run(scores=(0.1, 0.5)), run("b")], str(path), dark=dark)
        assert path.read_bytes() == once


def test_panels_legends_and_units():
    shown = figure(run(scores=(0.1, 0.25)))
    assert [axis.get_ylabel() for axis in shown.axes] == ["loss", "test accuracy (%)"]
    assert texts(shown) == ["training", "accuracy: 25.0 % at the end"]
    assert shown.axes[-1].get_xlabel() == "iterations"
    (alone,) = figure(run()).axes
    assert alone.get_ylabel() == "loss"
    assert texts(figure(run("_a$x$"), run("b"), title="t")) == ["training", "t", "_a$x$", "b"]


@pytest.mark.parametrize("last, label", [(100, "(s)"), (1000, "(min)"), (20000, "(h)")])
def test_units_of_time(last, label):
    curves = Curves("a", [Point(0, 0.0, 1.0), Point(1, last, 1.0)])
    assert figure(curves, seconds=True).axes[-1].get_xlabel() == f"time since the start {label}"


def test_a_first_loss_far_above_the_rest_is_cut_off():
    assert figure(run(values=[87.3, *[2 - i / 100 for i in range(99)]])).axes[0].get_ylim()[1] < 3
    assert figure(run(values=[2.3 - i / 100 for i in range(99)])).axes[0].get_ylim()[1] > 2.3
    assert figure(run(values=[87.3, 2, 1])).axes[0].get_ylim()[1] > 87  # too few to tell


@pytest.mark.parametrize("values", [[], [math.nan], [1.0], [math.inf, 1.0, math.nan], [-1.0, -2.0], [0.0] * 400])
def test_curves_that_are_hardly_any(values, tmp_path):
    draw_curves([run(values=values)], str(tmp_path / "x.png"))


def test_scores_that_are_no_shares():
    shown = figure(Curves("a", scores={"count": [Point(0, 0.0, 12.0)], "top": [Point(0, 0.0, 3.0)]}))
    assert shown.axes[1].get_ylabel() == "test outputs"
    assert "count: 12 at the end" in texts(shown)


def test_targets_that_cannot_be(tmp_path):
    with pytest.raises(UsageError, match=r'"x.gif"; expected a name that ends in .png, .svg or .pdf'):
        check_target("x.gif")
    with pytest.raises(UsageError, match=r'"x"; expected a name'):
        check_target("x")
    with pytest.raises(ProtoError, match="cannot be written"):
        draw_curves([run()], str(tmp_path / "none" / "x.png"))


def test_without_matplotlib(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match=r"plots need matplotlib; .* pip install minicaffe\[plot\]"):
        draw_curves([run()], str(tmp_path / "x.png"))


LONG = "a_very_long_name_of_a_training/with/folders/that_goes_on_and_on_and_on_for_ever_and_a_day_"
MANY = Curves("many", scores={f"accuracy of the classifier {LONG}{k}": [Point(0, 0.0, 0.1)] for k in range(4)})


@pytest.mark.parametrize(
    "runs, title",
    [
        ((run(scores=(0.1, 0.5)),), "W" * 100),
        ((run(f"{LONG}a", scores=(0.1, 0.5)), run(f"{LONG}b", scores=(0.2, 0.9)), run("$x$猫")), LONG),
        ((run(values=[3e12, 1e12], step=10**6),), ""),
        ((run(values=[3e-9, 1e-9], scores=(1e-7, 2e-7), step=5000),), ""),
        ((MANY,), ""),
        (tuple(run(str(k), values=(3, math.nan, 1)) for k in range(9)), "nine"),
    ],
)
@pytest.mark.filterwarnings("ignore:Glyph")
def test_no_text_is_cut_off_or_lies_over_another(runs, title):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    shown = figure(*runs, title=title)
    shown.set_dpi(200)
    canvas = FigureCanvasAgg(shown)
    canvas.draw()
    labels = [text for axis in shown.axes for text in (axis.xaxis.label, axis.yaxis.label)]
    ticks = [text for axis in shown.axes for text in (*axis.get_xticklabels(), *axis.get_yticklabels())]
    legends = [text for axis in shown.axes if axis.get_legend() for text in axis.get_legend().get_texts()]
    words = [text for text in (*shown.texts, *labels, *ticks, *legends) if text.get_text() and text.get_visible()]
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in words]
    inside = shown.axes[-1].get_xlim()
    for text, box in zip(words, boxes):
        if text in ticks and not inside[0] <= text.get_position()[0] <= inside[1] and text.get_position()[1] == 0:
            continue  # a tick beyond the axis, which is not drawn
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= shown.bbox.x1 and box.y1 <= shown.bbox.y1, text
    free = [(text, box) for text, box in zip(words, boxes) if text not in ticks]
    for i, (text, box) in enumerate(free):
        for other, other_box in free[:i]:
            assert not box.overlaps(other_box), (text, other)
    panels = [axis.get_window_extent() for axis in shown.axes]
    for text, box in free:
        assert not any(panel.overlaps(box) for panel in panels), text


def test_numbers_that_are_not_finite_break_the_curve():
    shown = figure(run(values=[3, 2, math.nan, math.inf, 1, 0.5]))
    drawn = [list(line.get_xdata()) for line in shown.axes[0].lines if line.get_linestyle() == "-"]
    assert drawn == [[0, 10], [40, 50]]
    assert texts(shown) == ["training", "not a finite number"]
    (marks,) = (line for line in shown.axes[0].lines if line.get_marker() == "x")
    assert list(marks.get_xdata()) == [20, 30]


@pytest.mark.parametrize("factor, label", [(1, "loss"), (1e-9, "loss (1e-9)"), (3e9, "loss (1e9)"), (0.0, "loss")])
def test_very_small_and_very_large_numbers_stand_before_a_power_of_ten(factor, label):
    (axis,) = figure(run(values=[3 * factor, 2 * factor, factor])).axes
    assert axis.get_ylabel() == label


@pytest.mark.parametrize("last, shown", [(100, "100"), (60_000, "60k"), (10_000_000, "10M")])
def test_large_counts_of_iterations_are_short(last, shown):
    (axis,) = figure(run(step=last // 2)).axes
    assert axis.xaxis.get_major_formatter()(last, 0) in (shown, "")


def test_several_runs_have_marks_of_their_own():
    shown = figure(run("a"), run("b"))
    assert [line.get_marker() for line in shown.axes[0].lines] == ["o", "s"]
