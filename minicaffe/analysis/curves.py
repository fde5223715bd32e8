"""Curves of trainings: the training loss, and losses and scores of the tests, made from logs or while a solver runs."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from .logs import Loss, Row, TrainingLog

__all__ = ["Curves", "Point", "from_log", "names_of"]


@dataclass(frozen=True)
class Point:
    """A number at an iteration, ``seconds`` after the training began."""

    iteration: int
    seconds: float
    value: float


@dataclass
class Curves:
    """One training: the displayed loss, and for each output of the tests its curve, by name.

    A test output is in ``test_losses`` if it has a loss weight, otherwise in ``scores``.
    """

    name: str
    train: list[Point] = field(default_factory=list)
    test_losses: dict[str, list[Point]] = field(default_factory=dict)
    scores: dict[str, list[Point]] = field(default_factory=dict)


def from_log(log: TrainingLog, name: str) -> Curves:
    """The curves of a log. Where a run was resumed, what it did again takes the place of what had been done, and the
    time between the runs does not count."""
    kept = _Kept(log)
    train = log.displayed or [_loss(row, log.losses) for row in log.train]
    curves = Curves(name)
    curves.train = [kept.point(one, one.value) for one in train if one is not None and kept.holds(one)]
    for row in log.test:
        if kept.holds(row):
            for output, value in row.outputs.items():
                group = curves.test_losses if output in log.losses else curves.scores
                group.setdefault(output, []).append(kept.point(row, value))
    return curves


class _Kept:
    """Which entries of a log are not done again by a later run, and how much training time came before each run."""

    def __init__(self, log: TrainingLog):
        entries: list[Any] = sorted((*log.displayed, *log.train, *log.test), key=attrgetter("run"))
        runs = len(log.starts)
        first: list[float] = [
            min((e.iteration for e in entries if e.run == run), default=float("inf")) for run in range(runs)
        ]
        self._end = [min(first[run + 1 :], default=float("inf")) for run in range(runs)]
        self._starts = log.starts
        self._before = [0.0] * runs
        for run in range(1, runs):
            own = [e.seconds for e in entries if e.run == run - 1 and self.holds(e)]
            spent = max(own, default=log.starts[run - 1]) - log.starts[run - 1]
            self._before[run] = self._before[run - 1] + spent

    def holds(self, entry: Loss | Row) -> bool:
        return entry.iteration < self._end[entry.run]

    def point(self, entry: Loss | Row, value: float) -> Point:
        seconds = entry.seconds - self._starts[entry.run] + self._before[entry.run]
        return Point(entry.iteration, seconds, value)


def _loss(row: Row, losses: Collection[str]) -> Loss | None:
    """For a log without display lines: the sum of a row's losses, in the shape of a Loss; None where it has none."""
    values = [value for name, value in row.outputs.items() if name in losses]
    return Loss(row.iteration, row.seconds, row.run, sum(values)) if values else None


def names_of(paths: Sequence[str]) -> list[str]:
    """Short names that tell the files apart: the last part of each path, or as many as it takes."""
    parts = [os.path.normpath(path).split(os.sep) for path in paths]
    most = max(map(len, parts), default=1)
    for size in range(1, most + 1):
        names = ["/".join(part[-size:]) for part in parts]
        if len(set(names)) == len(set(paths)):
            break
    stems = [os.path.splitext(name)[0] for name in names]
    return stems if len(set(stems)) == len(set(names)) else names
