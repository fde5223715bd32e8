"""Pictures of training curves: loss above, scores of the tests below; drawn with matplotlib, an extra.

Made for narrow screens: two panels, one above the other, with large letters. Nothing of matplotlib's global state is
used or changed, so that a program which draws pictures of its own is not disturbed.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..proto.files import replace_whole
from .curves import Curves, Point
from .palette import DARK, LIGHT, STYLES, colour, mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["FORMATS", "check_target", "draw_curves", "load_matplotlib"]

FORMATS = ("png", "svg", "pdf")
_WIDTH, _PANEL, _LINE = 5.0, 2.35, 0.19  # inches: the picture, a panel of it, a line of a legend
_LEFT, _RIGHT, _BELOW, _BETWEEN = 0.675, 0.25, 0.52, 0.16  # inches around the panels
_DOTS = 200  # per inch
_LETTERS = 10
_MANY = 150  # points of a curve, from which on a smoothed one is drawn over it
_MARKED = 25  # points of a curve, up to which each has a mark
_BROKEN = "not a finite number"


def load_matplotlib() -> Any:
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
        how: dict[str, Any] = {"format": kind, "dpi": _DOTS, "facecolor": figure.get_facecolor(), "metadata": plain}
        replace_whole(path, lambda temporary: figure.savefig(temporary, **how))


class _Picture:
    def __init__(self, matplotlib: Any, runs: Sequence[Curves], seconds: bool, dark: bool) -> None:
        self._matplotlib = matplotlib
        self._runs, self._seconds, self._several = runs, seconds, len(runs) > 1
        self._tones, self._dark = DARK if dark else LIGHT, dark
        last = max((p.seconds for run in runs for p in _points(run)), default=0.0)
        unit = ("h", 3600.0) if last > 3 * 3600 else ("min", 60.0) if last > 180 else ("s", 1.0)
        self._unit, self._divisor = unit if seconds else ("", 1.0)
        self._names = _foremost(list(dict.fromkeys(name for run in runs for name in run.scores)))
        shown = [p.value for run in runs for name in self._names for p in run.scores.get(name, ())]
        self._share = all(0 <= value <= 1 for value in shown if math.isfinite(value))

    def figure(self, title: str) -> Figure:
        figure = self._matplotlib.figure.Figure(facecolor=self._tones["paper"])
        axes = figure.subplots(1 + bool(self._names), 1, sharex=True, squeeze=False)[:, 0]
        for axis in axes:
            self._dress(axis)
        legends = [self._losses(axes[0], sorted({name for run in self._runs for name in run.test_losses}))]
        if self._names:
            legends.append(self._scores(axes[1]))
        self._limit_sideways(axes[-1])
        axes[-1].set_xlabel(f"time since the start ({self._unit})" if self._seconds else "iterations")
        self._arrange(figure, axes, legends, title)
        figure.align_ylabels(axes)
        return figure

    def _arrange(self, figure: Figure, axes: Iterable[Axes], legends: list[dict], title: str) -> None:
        """Give title, names of the runs, legends and panels their places, one below the other, none over another."""
        tables = [self._table(entries) for entries in legends]
        heads = [title] * bool(title) + [run.name for run in self._runs] * self._several
        height = 0.1 + _LINE * len(heads) + _BELOW - _BETWEEN
        height += sum(_PANEL + _BETWEEN + _LINE * rows for _, rows in tables)
        figure.set_size_inches(_WIDTH, height)
        y = height - 0.07
        if title:
            self._text(figure, _LEFT, y, _fit(title, _WIDTH - _LEFT - 0.1, "bold"), weight="bold")
            y -= _LINE
        for i, run in enumerate(self._runs if self._several else ()):
            line = self._line(i, "-", mark(i), [_LEFT / _WIDTH, (_LEFT + 0.26) / _WIDTH], [(y - 0.07) / height] * 2)
            figure.add_artist(line)
            self._text(figure, _LEFT + 0.34, y, self._named(run))
            y -= _LINE
        y -= 0.03
        for axis, entries, (columns, rows) in zip(axes, legends, tables):
            y -= rows * _LINE + _PANEL
            width = _WIDTH - _LEFT - _RIGHT
            axis.set_position((_LEFT / _WIDTH, y / height, width / _WIDTH, _PANEL / height))
            y -= _BETWEEN
            self._legend(axis, entries, columns)

    # -- panels ----------------------------------------------------------------------------------------------

    def _losses(self, axis: Axes, test_losses: list[str]) -> dict[str, tuple[str, str]]:
        """The upper panel; returns its legend: line and mark by name."""
        entries: dict[str, tuple[str, str]] = {}
        shown = [points for run in self._runs for points in (run.train, *run.test_losses.values())]
        top = _limit(axis, shown)
        for i, run in enumerate(self._runs):
            if run.train:
                self._curve(axis, run.train, i, "-", entries, "training", thin=True, top=top)
            for k, name in enumerate(test_losses):
                if run.test_losses.get(name):
                    told = "test" if len(test_losses) == 1 else f"test {name}"
                    self._curve(axis, run.test_losses[name], i, STYLES[1 + k % 3], entries, told)
        self._scale(axis, "loss", "")
        return entries

    def _scores(self, axis: Axes) -> dict[str, tuple[str, str]]:
        entries: dict[str, tuple[str, str]] = {}
        for i, run in enumerate(self._runs):
            for k, name in enumerate(self._names):
                points = run.scores.get(name, ())
                if points:
                    points = [Point(p.iteration, p.seconds, p.value * (100 if self._share else 1)) for p in points]
                    end = "" if self._several else self._end(points)
                    told = _fit(name, _WIDTH - _LEFT - _RIGHT - 0.6 - _length(end)) + end
                    self._curve(axis, points, i, STYLES[k % 4], entries, told)
        what = "test accuracy" if all("acc" in name.lower() for name in self._names) else "test outputs"
        self._scale(axis, what, "%" if self._share else "")
        return entries

    def _curve(
        self,
        axis: Axes,
        points: Sequence[Point],
        i: int,
        style: str,
        entries: dict[str, tuple[str, str]],
        name: str,
        thin: bool = False,
        top: float = math.inf,
    ) -> None:
        """The curve of run ``i``, broken where its numbers are not finite; ``thin`` for one that may be smoothed."""
        entries.setdefault(name, (style, ""))
        smooth = thin and len(points) >= _MANY
        half = max(1, len(points) // 80)
        often = max(1, len(points) // 6) if thin or len(points) > _MARKED else 1
        for first, piece in _pieces(points):
            x, y = self._sideways(piece), [p.value for p in piece]
            if smooth:
                axis.plot(x, y, color=colour(i, self._dark), lw=0.6, alpha=0.35)
                y = _smooth([min(value, top) for value in y], half)
            marked = len(piece) == 1 or self._several or (not thin and often == 1)
            places = slice(-first % often if len(piece) > often else 0, None, often)
            axis.add_line(self._line(i, style, mark(i) if marked else "", x, y, markevery=places))
        axis.autoscale_view()
        broken = [p for p in points if not math.isfinite(p.value)]
        if broken:
            entries.setdefault(_BROKEN, ("", "x"))
            line = self._line(i, "", "x", self._sideways(broken), [0.03] * len(broken))
            line.set_transform(axis.get_xaxis_transform())
            axis.add_artist(line)

    def _line(self, i: int, style: str, shape: str, x: Sequence[float], y: Sequence[float], **how: Any) -> Line2D:
        tone = colour(i, self._dark)
        return self._matplotlib.lines.Line2D(x, y, color=tone, ls=style, marker=shape, lw=1.6, ms=4, mew=0.8, **how)

    def _sideways(self, points: Sequence[Point]) -> list[float]:
        return [p.seconds / self._divisor if self._seconds else p.iteration for p in points]

    # -- dress -----------------------------------------------------------------------------------------------

    def _dress(self, axis: Axes) -> None:
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

    def _scale(self, axis: Axes, what: str, unit: str) -> None:
        """Name the vertical axis; very small and very large numbers stand as those before a power of ten."""
        largest = max(map(abs, axis.get_ylim()))
        power = math.floor(math.log10(largest)) if largest > 0 else 0
        ticker = self._matplotlib.ticker
        if -3 < power < 5:
            axis.yaxis.set_major_formatter(ticker.ScalarFormatter(useOffset=False))
        else:
            shown = ticker.FuncFormatter(lambda y, _: f"{y / 10.0**power:.10g}".replace("-", "−"))
            axis.yaxis.set_major_formatter(shown)
            unit = f"1e{power} {unit}".rstrip()
        axis.set_ylabel(f"{what} ({unit})" if unit else what)

    def _table(self, entries: dict) -> tuple[int, int]:
        """Columns and rows of a legend."""
        widest = max((_length(_short(name)) + 0.6 for name in entries), default=1.0)
        columns = min(len(entries), max(1, int((_WIDTH - _LEFT - _RIGHT) / widest))) or 1
        return columns, -(-len(entries) // columns)

    def _legend(self, axis: Axes, entries: dict[str, tuple[str, str]], columns: int) -> None:
        """What each style of line means, in the colour of the run where there is one, above the panel."""
        if not entries:
            return
        lines = [self._line(0, style, shape, [], []) for style, shape in entries.values()]
        if self._several:
            for line in lines:
                line.set_color(self._tones["weak"])
        how: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.1, "frameon": False}
        size: dict[str, Any] = {
            "fontsize": _LETTERS - 1.5,
            "handlelength": 3.0,
            "labelspacing": 0.35,
            "borderpad": 0.15,
        }
        legend = axis.legend(lines, [str(i) for i in range(len(lines))], ncols=columns, **how, **size)
        for text, name in zip(legend.get_texts(), entries):
            text.set(text=_short(name), color=self._tones["ink"], parse_math=False)

    def _text(self, figure: Figure, x: float, y: float, text: str, **how: Any) -> None:
        """A line of text; ``x`` and ``y`` in inches from the left and from below."""
        at = (x / _WIDTH, y / figure.get_size_inches()[1])
        figure.text(*at, text, color=self._tones["ink"], fontsize=_LETTERS - 1, va="top", parse_math=False, **how)

    def _named(self, run: Curves) -> str:
        """The run's name and the score it ends with."""
        points = run.scores.get(self._names[0]) if self._names else None
        factor = 100 if self._share else 1
        end = self._end([Point(0, 0.0, points[-1].value * factor)]) if points else ""
        return _fit(run.name, _WIDTH - _LEFT - 0.44 - _length(end)) + end

    def _end(self, points: Sequence[Point]) -> str:
        value = points[-1].value
        if not math.isfinite(value):
            return f": {_BROKEN} at the end"
        text = f"{value:.1f} %" if value >= 0.1 or not value else f"{value:.2g} %"
        number = f"{value:.4g}" if abs(value) < 1000 else f"{value:.6g}"
        return f": {text if self._share else number} at the end"

    def _limit_sideways(self, axis: Axes) -> None:
        places = [x for run in self._runs for x in self._sideways(list(_points(run)))]
        last = max(places, default=0)
        first = 0 if self._seconds else min(places, default=0)
        first = 0 if first < 0.3 * last else first
        margin = 0.015 * (last - first) or 0.5
        axis.set_xlim(first - margin, last + margin)
        for least, size, letter in ((2e6, 1e6, "M"), (2e4, 1e3, "k")):
            if last >= least:
                shown = self._matplotlib.ticker.FuncFormatter(
                    lambda x, _, size=size, letter=letter: f"{x / size:g}{letter}" if x else "0"
                )
                axis.xaxis.set_major_formatter(shown)
                break


def _points(run: Curves) -> Iterable[Point]:
    for points in (run.train, *run.test_losses.values(), *run.scores.values()):
        yield from points


def _foremost(names: list[str], most: int = 4) -> list[str]:
    """The accuracies, where there are any; never more than there are styles of lines."""
    return ([name for name in names if "acc" in name.lower()] or names)[:most]


def _limit(axis: Axes, curves: Sequence[Sequence[Point]]) -> float:
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


def _pieces(points: Sequence[Point]) -> Iterable[tuple[int, list[Point]]]:
    """The stretches of finite numbers, each with the number of its first point."""
    start = 0
    for finite, piece in groupby(points, lambda p: math.isfinite(p.value)):
        found = list(piece)
        if finite:
            yield start, found
        start += len(found)


def _smooth(values: Sequence[float], half: int) -> list[float]:
    """The mean over ``half`` values on either side, cut off at both ends."""
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    result = []
    for i in range(len(values)):
        start, stop = max(0, i - half), min(len(values), i + half + 1)
        result.append((sums[stop] - sums[start]) / (stop - start))
    return result


def _short(text: str, most: int = 58) -> str:
    """``text``, with its middle left out where it is too long."""
    half = (most - 1) // 2
    return text if len(text) <= most else f"{text[:half]}…{text[-half:]}"


def _fit(text: str, inches: float, weight: str = "normal") -> str:
    """``text``, shortened to this length."""
    most = min(len(text), 200)
    while most > 3 and _length(_short(text, most), weight) > inches:
        most -= 1
    return _short(text, most)


def _length(text: str, weight: str = "normal") -> float:
    """Inches of a line of text beside the panels; a little more, as letters are set on whole dots."""
    return 1.03 * sum(_letter(letter, weight) for letter in text)


@lru_cache(maxsize=4096)
def _letter(letter: str, weight: str) -> float:
    """The width of a letter between two others, in inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that the font lacks
        font = FontProperties(weight=weight)
        text = "|S|" if letter == "$" else f"|{letter}|"  # a $ begins a formula
        widths = [TextPath((0, 0), one, _LETTERS - 1, font).get_extents().width for one in (text, "||")]
    return (widths[0] - widths[1]) / 72
