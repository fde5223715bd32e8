"""Pictures of training curves: loss above, scores of the tests below; drawn with matplotlib, an extra.

Made for narrow screens: two panels, one above the other, with large letters. Nothing of matplotlib's global state is
used or changed, so that a program which draws pictures of its own is not disturbed.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable, Sequence

from ..errors import UsageError
from ..proto.files import replace_whole
from .curves import Curves, Point

__all__ = ["FORMATS", "check_target", "draw_curves", "load_matplotlib"]

FORMATS = ("png", "svg", "pdf")
_WIDTH, _PANEL, _LINE = 5.0, 2.75, 0.19  # inches: the picture, a panel of it, a line of the legend
_DOTS = 200  # per inch
_LETTERS = 10
_MANY = 150  # points of a curve, from which on a smoothed one is drawn over it
_LIGHT = {"paper": "#ffffff", "ink": "#1f2328", "faint": "#d5d9df", "weak": "#59636e"}
_DARK = {"paper": "#14171c", "ink": "#e6e8eb", "faint": "#353b44", "weak": "#a0a8b3"}
_COLOURS = {
    False: ("#0b62b8", "#c8500a", "#127a4b", "#8a3fa8", "#a1780b", "#b0255a", "#3d7f8f", "#5b5b5b"),
    True: ("#6bb1ff", "#ff9a5c", "#56d197", "#cf9bf0", "#e6c34f", "#ff85ad", "#79cfe0", "#b9b9b9"),
}
_STYLES = ("-", "--", ":", "-.")


def load_matplotlib():
    """The package matplotlib; UsageError where it is not installed."""
    try:
        import matplotlib.figure
    except ImportError:
        raise UsageError("plots need matplotlib; expected it to be installed: pip install minicaffe[plot]") from None
    return matplotlib


def check_target(path: str) -> str:
    """``path``, if its name ends in a known format; a UsageError that begins with it otherwise."""
    if _kind(path) not in FORMATS:
        raise UsageError(f'"{path}"; expected a name that ends in .{", .".join(FORMATS[:-1])} or .{FORMATS[-1]}')
    return path


def _kind(path: str) -> str:
    return os.path.splitext(path)[1].lower().lstrip(".")


def draw_curves(
    runs: Sequence[Curves], path: str, *, seconds: bool = False, dark: bool = False, title: str = ""
) -> None:
    """Draw ``runs`` over one another into the file ``path``, whole or not at all; its ending tells the format.

    The horizontal axis counts iterations, or with ``seconds`` the time since each training began. UsageError for an
    unknown ending, or where matplotlib is missing; ProtoError where the file cannot be written.
    """
    kind = _kind(check_target(path))
    matplotlib = load_matplotlib()
    with warnings.catch_warnings(), matplotlib.rc_context({"svg.hashsalt": "minicaffe"}):
        warnings.simplefilter("ignore")  # such as letters of a name that the font lacks
        figure = _Picture(matplotlib, runs, seconds, dark).figure(title)
        plain = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
        how = {"format": kind, "dpi": _DOTS, "facecolor": figure.get_facecolor(), "metadata": plain}
        replace_whole(path, lambda temporary: figure.savefig(temporary, **how))


class _Picture:
    def __init__(self, matplotlib, runs: Sequence[Curves], seconds: bool, dark: bool):
        self._matplotlib = matplotlib
        self._runs, self._seconds = runs, seconds
        self._tones, self._colours = _DARK if dark else _LIGHT, _COLOURS[dark]
        last = max((p.seconds for run in runs for p in _points(run)), default=0.0)
        unit = ("h", 3600.0) if last > 3 * 3600 else ("min", 60.0) if last > 180 else ("s", 1.0)
        self._unit, self._divisor = unit if seconds else ("", 1.0)

    def figure(self, title: str):
        losses = {name for run in self._runs for name in run.test_losses}
        scores = list(dict.fromkeys(name for run in self._runs for name in run.scores))
        scores = _foremost(scores)
        panels = 1 + bool(scores)
        several = len(self._runs) > 1
        names = len(self._runs) if several else 0
        top = (names + bool(title)) * _LINE + 0.08
        height = panels * _PANEL + top + 0.25
        figure = self._matplotlib.figure.Figure(figsize=(_WIDTH, height), facecolor=self._tones["paper"])
        axes = figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0]
        figure.subplots_adjust(left=0.135, right=0.965, top=1 - top / height, bottom=0.52 / height, hspace=0.09)
        for one in axes:
            self._dress(one)
        self._losses(axes[0], sorted(losses))
        if scores:
            self._scores(axes[1], scores)
        self._limit_sideways(axes[-1])
        axes[-1].set_xlabel(f"time since the start ({self._unit})" if self._seconds else "iterations")
        figure.align_ylabels(axes)
        y = 1 - 0.05 / height
        if title:
            self._text(figure, 0.135, y, title, self._tones["ink"], weight="bold")
            y -= _LINE / height
        if several:
            for i, run in enumerate(self._runs):
                self._text(figure, 0.175, y - i * _LINE / height, self._named(run, scores), self._tones["ink"])
                line = self._matplotlib.lines.Line2D(
                    [0.135, 0.165], [y - (i + 0.36) * _LINE / height] * 2, color=self._colour(i), lw=2.2
                )
                figure.add_artist(line)
        return figure

    # -- panels ----------------------------------------------------------------------------------------------

    def _losses(self, axis, test_losses: list[str]) -> None:
        entries: dict[str, str] = {}
        shown = [points for run in self._runs for points in (run.train, *run.test_losses.values())]
        axis.set_ylabel("loss")
        top = _limit(axis, shown)
        for i, run in enumerate(self._runs):
            if run.train:
                self._curve(axis, run.train, self._colour(i), "-", thin=True, top=top)
                entries.setdefault("training", "-")
            for k, name in enumerate(test_losses):
                if run.test_losses.get(name):
                    self._curve(axis, run.test_losses[name], self._colour(i), _STYLES[1 + k % 3], marks=True)
                    entries.setdefault("test" if len(test_losses) == 1 else f"test {name}", _STYLES[1 + k % 3])
        self._legend(axis, entries, "upper right")

    def _scores(self, axis, names: list[str]) -> None:
        shown = [run.scores[name] for run in self._runs for name in names if run.scores.get(name)]
        share = all(0 <= p.value <= 1 for points in shown for p in points if math.isfinite(p.value))
        entries: dict[str, str] = {}
        for i, run in enumerate(self._runs):
            for k, name in enumerate(names):
                points = [
                    Point(p.iteration, p.seconds, p.value * (100 if share else 1)) for p in run.scores.get(name, ())
                ]
                if points:
                    self._curve(axis, points, self._colour(i), _STYLES[k % 4], marks=True)
                    entries.setdefault(
                        name + (self._last(points, share) if len(self._runs) == 1 else ""), _STYLES[k % 4]
                    )
        what = "test accuracy" if all("acc" in name.lower() for name in names) else "test outputs"
        axis.set_ylabel(f"{what} (%)" if share else what)
        self._legend(axis, entries, "lower right")

    def _curve(self, axis, points: Sequence[Point], colour: str, style: str, thin=False, marks=False, top=math.inf):
        points = [p for p in points if math.isfinite(p.value)]
        x = [p.seconds / self._divisor if self._seconds else p.iteration for p in points]
        y = [p.value for p in points]
        if thin and len(points) >= _MANY:
            axis.plot(x, y, color=colour, lw=0.6, alpha=0.35)
            y = _smooth([min(value, top) for value in y])
        dot = "o" if len(points) == 1 or (marks and len(points) <= 25) else None
        axis.plot(x, y, style, color=colour, lw=1.6, marker=dot, ms=3)

    # -- dress -----------------------------------------------------------------------------------------------

    def _dress(self, axis) -> None:
        tones = self._tones
        axis.set_facecolor(tones["paper"])
        axis.grid(True, color=tones["faint"], lw=0.6)
        axis.set_axisbelow(True)
        axis.tick_params(colors=tones["weak"], labelsize=_LETTERS - 1, length=0)
        for label in (axis.xaxis.label, axis.yaxis.label):
            label.set(color=tones["ink"], fontsize=_LETTERS)
        for side, spine in axis.spines.items():
            spine.set(visible=side in ("left", "bottom"), color=tones["weak"], linewidth=0.8)
        axis.xaxis.set_major_locator(self._matplotlib.ticker.MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))

    def _legend(self, axis, entries: dict[str, str], place: str) -> None:
        """What each style of line means, in the colour of the run where there is one."""
        colour = self._colour(0) if len(self._runs) == 1 else self._tones["weak"]
        lines = [self._matplotlib.lines.Line2D([], [], color=colour, ls=style, lw=1.6) for style in entries.values()]
        if not lines:
            return
        legend = axis.legend(lines, [str(i) for i in range(len(lines))], loc=place, fontsize=_LETTERS - 1.5)
        legend.set(alpha=None)
        legend.get_frame().set(facecolor=self._tones["paper"], edgecolor="none", alpha=0.8)
        for text, name in zip(legend.get_texts(), entries):
            text.set(text=_short(name, 40), color=self._tones["ink"], parse_math=False)

    def _text(self, figure, x: float, y: float, text: str, colour: str, **how) -> None:
        figure.text(x, y, _short(text, 58), color=colour, fontsize=_LETTERS - 1, va="top", parse_math=False, **how)

    def _named(self, run: Curves, scores: list[str]) -> str:
        """The run's name and the score it ends with."""
        points = run.scores.get(scores[0]) if scores else None
        if not points:
            return run.name
        share = all(0 <= p.value <= 1 for p in points)
        last = Point(0, 0.0, points[-1].value * (100 if share else 1))
        return _short(run.name, 40) + self._last([last], share)

    def _last(self, points: Sequence[Point], share: bool) -> str:
        return f": {points[-1].value:.1f} % at the end" if share else f": {points[-1].value:.4g} at the end"

    def _colour(self, index: int) -> str:
        return self._colours[index % len(self._colours)]

    def _limit_sideways(self, axis) -> None:
        last = max(
            (p.seconds / self._divisor if self._seconds else p.iteration for run in self._runs for p in _points(run)),
            default=0,
        )
        first = 0 if self._seconds else min((p.iteration for run in self._runs for p in _points(run)), default=0)
        first = 0 if first < 0.3 * last else first
        margin = 0.015 * (last - first) or 0.5
        axis.set_xlim(first - margin, last + margin)
        if last >= 20000:
            axis.xaxis.set_major_formatter(
                self._matplotlib.ticker.FuncFormatter(lambda x, _: f"{x / 1000:g}k" if x else "0")
            )


def _points(run: Curves) -> Iterable[Point]:
    for points in (run.train, *run.test_losses.values(), *run.scores.values()):
        yield from points


def _foremost(names: list[str], most: int = 4) -> list[str]:
    """The accuracies, where there are any; never more than there are styles of lines."""
    return ([name for name in names if "acc" in name.lower()] or names)[:most]


def _limit(axis, curves: Sequence[Sequence[Point]]) -> float:
    """Losses of the first moments may be far above all others: what comes later sets the scale. Returns its end."""
    values = sorted(p.value for points in curves for p in points if math.isfinite(p.value))
    if not values:
        return math.inf
    late = [p.value for points in curves for p in points[max(1, len(points) // 20) :] if math.isfinite(p.value)]
    low, high = values[0], values[-1]
    if len(late) >= 5:
        late.sort()
        usual = late[min(len(late) - 1, int(0.995 * len(late)))]
        if high - low > 2 * (usual - low) > 0:
            high = usual + 0.15 * (usual - low)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    bottom = max(low - margin, 0.0) if low >= 0 else low - margin
    axis.set_ylim(bottom, high + margin)
    return high + margin


def _smooth(values: Sequence[float]) -> list[float]:
    """The mean over a window of a fortieth of the curve, cut off at both ends."""
    half = max(1, len(values) // 80)
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    result = []
    for i in range(len(values)):
        start, stop = max(0, i - half), min(len(values), i + half + 1)
        result.append((sums[stop] - sums[start]) / (stop - start))
    return result


def _short(text: str, most: int) -> str:
    """``text``, with its middle left out where it is too long."""
    half = (most - 1) // 2
    return text if len(text) <= most else f"{text[:half]}…{text[-half:]}"
