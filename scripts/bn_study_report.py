"""What the results of the study say: a table of means and spreads, a comparison with what was published, a picture."""

import math
import statistics
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from bn_study_plan import QUESTIONS, Answer, Question

LIGHT = {"paper": "#ffffff", "ink": "#1f2328", "faint": "#d5d9df", "weak": "#59636e", "mark": "#0b62b8"}
DARK = {"paper": "#14171c", "ink": "#e6e8eb", "faint": "#353b44", "weak": "#a0a8b3", "mark": "#6bb1ff"}
CHANCE = 0.1  # the accuracy of a net that has stopped: ten classes, equally many images of each


class Score(NamedTuple):
    """The accuracies of one training over its seeds, and what they took."""

    values: tuple[float, ...]
    broken: int
    seconds: float

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def spread(self) -> float:
        """The standard deviation over the seeds, 0 of a single one."""
        return statistics.stdev(self.values) if len(self.values) > 1 else 0.0


def scores(results: list[dict]) -> dict[str, Score]:
    """By the training's name; one whose loss was no longer finite counts as guessing."""
    by_name: dict[str, list[dict]] = {}
    for one in results:
        by_name.setdefault(one["name"], []).append(one)
    return {
        name: Score(
            tuple(CHANCE if one["accuracy"] is None else one["accuracy"] for one in runs),
            sum(one["accuracy"] is None for one in runs),
            statistics.fmean(one["seconds"] for one in runs),
        )
        for name, runs in by_name.items()
    }


def report(results: list[dict]) -> str:
    """Markdown: a table for each question, and under it how it stands to the published figures."""
    found = scores(results)
    return "\n".join(line for question in QUESTIONS for line in _section(question, found))


def _section(question: Question, found: dict[str, Score]) -> Iterator[str]:
    answers = [answer for answer in question.answers if answer.training.name in found]
    if not answers:
        return
    published = any(answer.published for answer in answers)
    yield f"### {question.title}\n"
    yield "| | accuracy | spread | seeds | seconds |" + (" published |" if published else "")
    yield "| --- | ---: | ---: | ---: | ---: |" + (" ---: |" if published else "")
    for answer in answers:
        one = found[answer.training.name]
        note = f" ({one.broken} not finite)" if one.broken else ""
        cells = (f"{one.mean:.4f}", f"{one.spread:.4f}", f"{len(one.values)}{note}", f"{one.seconds:.0f}")
        beside = f" {answer.published:.3f} |" if answer.published else " |" if published else ""
        yield f"| {answer.label} | {' | '.join(cells)} |{beside}"
    yield ""
    if published:
        yield _comparison(answers, found, question.same_net) + "\n"


def _comparison(answers: list[Answer], found: dict[str, Score], same_net: bool) -> str:
    """Of every pair with published figures: the same order here, the other, or a difference within the spread."""
    kinds: dict[str, list[str]] = {"same": [], "other": [], "open": [], "tie": []}
    for a, b in combinations([answer for answer in answers if answer.published], 2):
        if same_net and a.training.net != b.training.net:
            continue
        better, worse = (a, b) if a.published >= b.published else (b, a)
        kinds[_kind(better, worse, found)].append(f"{better.label} > {worse.label}")
    pairs = sum(map(len, kinds.values()))
    said = [
        f"{pairs} pairs have published figures",
        f"in the same order here: {len(kinds['same'])}{_listed(kinds['same'], 4)}",
    ]
    said.append(f"in the other: {len(kinds['other'])}{_listed(kinds['other'], 10)}")
    said.append(f"closer here than their spread: {len(kinds['open'])}{_listed(kinds['open'], 8)}")
    if kinds["tie"]:
        said.append(f"published equal: {len(kinds['tie'])}")
    return f"{'; '.join(said)}."


def _kind(better: Answer, worse: Answer, found: dict[str, Score]) -> str:
    one, other = found[better.training.name], found[worse.training.name]
    if better.published == worse.published:
        return "tie"
    if abs(one.mean - other.mean) <= math.hypot(one.spread, other.spread):
        return "open"
    return "same" if one.mean > other.mean else "other"


def _listed(names: list[str], most: int) -> str:
    return f" ({'; '.join(names)})" if 0 < len(names) <= most else ""


def draw(results: list[dict], path: Path, dark: bool = False) -> None:
    """The accuracies of all seeds, with their mean, a panel for each question; the file's ending tells the format."""
    from minicaffe.analysis.plot import load_matplotlib
    from minicaffe.proto.files import replace_whole

    matplotlib, found, tones = load_matplotlib(), scores(results), DARK if dark else LIGHT
    panels = [
        (question, [answer for answer in question.answers if answer.training.name in found]) for question in QUESTIONS
    ]
    panels = [(question, answers) for question, answers in panels if answers]
    rows = [len(answers) + 0.4 for _, answers in panels]
    height = 0.22 * sum(rows) + 0.5 * len(panels) + 0.3
    figure = matplotlib.figure.Figure(figsize=(6.0, height), facecolor=tones["paper"])
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=rows)[:, 0]
    mean = 0.22 * sum(rows) / len(rows)
    figure.subplots_adjust(left=0.34, right=0.86, top=1 - 0.3 / height, bottom=0.5 / height, hspace=0.5 / mean)
    for axis, (question, answers) in zip(axes, panels):
        _panel(axis, question, answers, found, tones)
        axis.set_xlim(*_limits(answers[0].training.images, panels, found))
    axes[-1].set_xlabel(
        "test accuracy (dots: seeds; bar: mean; brackets: published, ImageNet)", color=tones["ink"], fontsize=9
    )
    how = {"format": path.suffix[1:], "dpi": 120, "facecolor": tones["paper"]}
    how["metadata"] = {"Date": None} if path.suffix == ".svg" else {}
    with matplotlib.rc_context({"svg.hashsalt": "minicaffe", "svg.fonttype": "none"}):
        replace_whole(path, lambda temporary: figure.savefig(temporary, **how))


def _limits(images: int, panels, found: dict[str, Score]) -> tuple[float, float]:
    """The least and the largest accuracy of all trainings on as many images, and some room."""
    shown = {answer.training for _, answers in panels for answer in answers if answer.training.images == images}
    values = [value for training in shown for value in found[training.name].values]
    room = 0.04 * (max(values) - min(values)) or 0.01
    return min(values) - room, max(values) + room


def _panel(axis, question: Question, answers: list[Answer], found: dict[str, Score], tones: dict[str, str]) -> None:
    axis.set_facecolor(tones["paper"])
    axis.grid(True, axis="x", color=tones["faint"], lw=0.6)
    axis.set_axisbelow(True)
    for y, answer in enumerate(answers):
        one = found[answer.training.name]
        axis.plot(one.values, [y] * len(one.values), "o", ms=4, color=tones["mark"], alpha=0.65, mew=0)
        axis.plot([one.mean] * 2, [y - 0.32, y + 0.32], color=tones["ink"], lw=1.8)
        if answer.published:
            place = {"transform": axis.get_yaxis_transform(), "va": "center", "fontsize": 8}
            axis.text(1.02, y, f"({answer.published:.3f})", color=tones["weak"], **place)
    axis.set_yticks(range(len(answers)), [answer.label for answer in answers])
    axis.set_ylim(len(answers) - 0.4, -0.6)
    axis.tick_params(colors=tones["ink"], labelsize=8, length=0)
    axis.set_title(question.title, loc="left", x=-0.62, fontsize=9, fontweight="bold", color=tones["ink"], pad=4)
    for side, spine in axis.spines.items():
        spine.set(visible=side == "bottom", color=tones["weak"], linewidth=0.8)
