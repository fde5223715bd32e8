"""Training logs, Caffe's and ours, read back into numbers; and the two tables that Caffe's parse_log.py makes of them.

A log may hold several runs, one appended to the other, lines of other programs, and what a progress bar leaves behind.
Only messages with glog's prefix are read: letter, date, time, thread and place.
"""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from ..errors import DataError, did_you_mean
from ..proto.files import replace_whole

__all__ = ["Loss", "Row", "TrainingLog", "read_log", "write_tables"]

_PREFIX = re.compile(r"[IWEF](\d{4})?(\d\d)(\d\d) (\d\d):(\d\d):(\d\d)(\.\d+)? +\d+ [^\s\]]+:\d+\] ")
_NUMBER = r"([-+]?(?:nan|inf(?:inity)?|(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?))"
_ITERATION = re.compile(rf"Iteration (\d+)(?:, lr = {_NUMBER}|.*, loss = {_NUMBER}|, Testing net \(#(\d+)\))?", re.I)
_OUTPUT = re.compile(rf"(Train|Test) net output #(\d+): (.+?) = {_NUMBER}(?:$|\s+(\(\*)?)", re.I)
_HEAD = ("NumIters", "Seconds", "LearningRate")


@dataclass
class Row:
    """The numbers of one display or of one test, by name. ``seconds`` go by the clock since the log's first "Solving".

    A name that stands for several numbers is followed by ``name[1]``, ``name[2]``; test net #1 has ``name#1``.
    ``lr`` is the rate that the log named last before this row, as in Caffe's tables; ``run`` counts resumed runs.
    """

    iteration: int
    seconds: float
    lr: float
    run: int
    outputs: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Loss:
    """The training loss of one display line, smoothed as the solver's ``average_loss`` says."""

    iteration: int
    seconds: float
    run: int
    value: float


@dataclass(frozen=True)
class TrainingLog:
    """What ``read_log`` found; ``losses`` names the outputs with a loss weight, ``starts`` the second of each run."""

    path: str
    train: tuple[Row, ...]
    test: tuple[Row, ...]
    displayed: tuple[Loss, ...]
    losses: frozenset[str]
    starts: tuple[float, ...]


def read_log(path: str | os.PathLike) -> TrainingLog:
    """Read a training log; DataError where there is none, or nothing in it that a training displays."""
    path = os.fspath(path)
    reader = _Reader(_Clock(path))
    for when, text in _messages(path):
        reader.take(when, text)
    if not (reader.rows["train"] or reader.rows["test"] or reader.displayed):
        raise DataError(f"{path}: holds no display and no test of a training, expected a log of minicaffe or Caffe")
    for rows in reader.rows.values():
        _first_rates(rows, reader.first_lr)
    train, test = (tuple(reader.rows[kind]) for kind in ("train", "test"))
    starts = reader.starts or [0.0]
    return TrainingLog(path, train, test, tuple(reader.displayed), frozenset(reader.losses), tuple(starts))


def write_tables(log: TrainingLog, folder: str, delimiter: str = ",") -> list[tuple[str, int]]:
    """Write Caffe's ``LOGNAME.train`` and ``LOGNAME.test``; return (file, rows) of those that have any rows.

    The folder is made if it is not there; each file is written whole or not at all.
    """
    if not os.path.isdir(folder):
        os.makedirs(folder, exist_ok=True)
    written = []
    for kind, rows in (("train", log.train), ("test", log.test)):
        if rows:
            path = os.path.join(folder, f"{os.path.basename(log.path)}.{kind}")
            replace_whole(path, partial(_write, rows=rows, delimiter=delimiter))
            written.append((path, len(rows)))
    return written


def _write(path: str, rows: Sequence[Row], delimiter: str) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row.outputs))
    with open(path, "x", newline="", encoding="utf-8") as file:
        table = csv.writer(file, delimiter=delimiter)
        table.writerow([*_HEAD, *names])
        for row in rows:
            numbers = (row.outputs.get(name, "") for name in names)
            table.writerow([float(row.iteration), row.seconds, row.lr, *numbers])


def _messages(path: str) -> Iterator[tuple[re.Match, str]]:
    """(prefix, text) of each message; a line may hold several, and anything before the first."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                found = list(_PREFIX.finditer(line))
                for prefix, following in zip(found, [*found[1:], None]):
                    yield prefix, line[prefix.end() : following.start() if following else None].rstrip()
    except OSError as error:
        near = ""
        if isinstance(error, FileNotFoundError):
            folder, name = os.path.split(path)
            near = did_you_mean(name, os.listdir(folder or ".")) if os.path.isdir(folder or ".") else ""
        raise DataError(f"{path}: {error.strerror or error}, expected a training log{near}") from None


class _Clock:
    """Prefixes to seconds since an unknown moment. A prefix without a year belongs to the file's, or to the next."""

    def __init__(self, path: str):
        try:
            self._year = datetime.fromtimestamp(os.path.getmtime(path)).year
        except OSError:
            self._year = 2000  # reading will say what is wrong
        self._first = self._year
        self._month = 0

    def __call__(self, prefix: re.Match) -> float | None:
        year, month, day, hour, minute, second, fraction = prefix.groups()
        if year is None:
            if int(month) < self._month:
                self._year += 1
            self._month = int(month)
            year = self._year
            if (month, day) == ("02", "29"):
                year -= year % 4
        try:
            moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second))
        except ValueError:
            return None
        return (moment - datetime(self._first, 1, 1)).total_seconds() + float(fraction or 0)


class _Reader:
    """Takes one message after the other."""

    def __init__(self, clock: Callable[[re.Match], float | None]) -> None:
        self.rows: dict[str, list[Row]] = {"train": [], "test": []}
        self.displayed: list[Loss] = []
        self.losses: set[str] = set()
        self.starts: list[float] = []
        self.first_lr = math.nan
        self._clock = clock
        self._begin: float | None = None
        self._iteration: Any = None  # a number, from the first line with one on
        self._lr = math.nan
        self._net = 0
        self._open: dict[str, tuple[Row, tuple[int, int]]] = {}  # the row being filled, its last net and output

    def take(self, prefix: re.Match, text: str) -> None:
        moment = self._clock(prefix)
        if moment is None:
            return
        solving = text.startswith("Solving ")
        if self._begin is None or (solving and not self.starts):
            self._begin = moment
        seconds = round(moment - self._begin, 6)
        if solving:
            self.starts.append(seconds)
            self._open.clear()
        if found := _ITERATION.match(text):
            self._at(found, seconds)
        elif self._iteration is not None and (found := _OUTPUT.search(text)):
            self._output(found, seconds)

    def _at(self, found: re.Match, seconds: float) -> None:
        iteration, lr, loss, net = found.groups()
        self._iteration = int(iteration)
        if lr is not None:
            self._lr = float(lr)
            if math.isnan(self.first_lr):
                self.first_lr = self._lr
        elif loss is not None:
            self.displayed.append(Loss(self._iteration, seconds, self._run(), float(loss)))
        elif net is not None:
            self._net = int(net)

    def _output(self, found: re.Match, seconds: float) -> None:
        kind, index, name, value, is_loss = found.groups()
        kind, number = kind.lower(), int(index)
        net = self._net if kind == "test" else 0
        row, last = self._open.get(kind, (None, (-1, -1)))
        if row is None or row.iteration != self._iteration or (net, number) <= last:
            row = Row(self._iteration, seconds, self._lr, self._run())
            self.rows[kind].append(row)
        self._open[kind] = row, (net, number)
        name = f"{name}#{net}" if net else name
        if is_loss:
            self.losses.add(name)
        row.outputs[_free(name, row.outputs)] = float(value)

    def _run(self) -> int:
        return max(0, len(self.starts) - 1)


def _free(name: str, taken: Iterable[str]) -> str:
    """``name``, or ``name[1]`` and so on where it is taken."""
    if name not in taken:
        return name
    number = 1
    while f"{name}[{number}]" in taken:
        number += 1
    return f"{name}[{number}]"


def _first_rates(rows: list[Row], first: float) -> None:
    """A log names the rate after the first row: that takes the second's, as in Caffe's tables."""
    if len(rows) > 1:
        rows[0].lr = rows[1].lr
    for row in rows:
        if math.isnan(row.lr):
            row.lr = first
