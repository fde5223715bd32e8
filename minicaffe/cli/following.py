"""What else follows a training: a picture kept up to date, and files for TensorBoard. Neither can stop it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from ..analysis.curves import Curves, Point
from ..analysis.plot import check_target, draw_curves, load_matplotlib
from ..errors import MinicaffeError, UsageError
from ..solver.events import Display, Listener, Output, TestResult

_EVERY, _SHARE = 5.0, 20.0
"""Seconds from one picture to the next, at least; and how often the time it takes, so that it stays below 5 %."""


class Follower(Listener):
    """A listener whose failures become one note and the end of its work, and never the training's."""

    what = ""

    def __init__(self, note: Callable[[str], None]):
        self._note = note
        self.failed = False

    def attempt(self, work: Callable[[], None]) -> None:
        if self.failed:
            return
        try:
            work()
        except Exception as error:  # whatever a library of others, a disk or a font may raise
            self.failed = True
            words = str(error) if isinstance(error, MinicaffeError) else f"{type(error).__name__}: {error}"
            self._note(f"{self.what} stops here, training goes on: {' '.join(words.split())}")

    def close(self) -> None:
        """The training is over, however it ended."""


class LivePlot(Follower):
    """Draws the curves into ``path`` at displays and tests, not too often, and once more at the end.

    UsageError if its ending is unknown, its folder or matplotlib missing.
    """

    what = "the picture of --plot"

    def __init__(self, path: str, note: Callable[[str], None]):
        super().__init__(note)
        self._path = check_target(path)
        folder = os.path.dirname(path)
        if folder and not os.path.isdir(folder):
            raise UsageError(f'--plot {path}: there is no folder "{folder}"; expected one')
        load_matplotlib()
        self._curves = Curves("")
        self._began = time.monotonic()
        self._next = 0.0
        self._drawn = True

    def started(self, name: str, policy: str) -> None:
        self._curves.name = name
        self._began = time.monotonic()

    def displayed(self, display: Display) -> None:
        self._curves.train.append(self._point(display.iteration, display.loss))
        self._changed()

    def final_loss(self, iteration: int, loss: float) -> None:
        self._curves.train.append(self._point(iteration, loss))
        self._changed()

    def tested(self, result: TestResult) -> None:
        seen: set[str] = set()
        for output in result.outputs:
            name = f"{output.name}#{result.net_index}" if result.net_index else output.name
            if name not in seen:
                seen.add(name)
                group = self._curves.test_losses if output.loss_weight else self._curves.scores
                group.setdefault(name, []).append(self._point(result.iteration, output.value))
        self._changed()

    def close(self) -> None:
        if not self._drawn:
            self.attempt(self._draw)

    def _point(self, iteration: int, value: float) -> Point:
        return Point(iteration, time.monotonic() - self._began, value)

    def _changed(self) -> None:
        self._drawn = False
        if time.monotonic() >= self._next:
            self.attempt(self._draw)

    def _draw(self) -> None:
        begin = time.monotonic()
        draw_curves([self._curves], self._path, title=self._curves.name)
        end = time.monotonic()
        self._next = end + max(_EVERY, _SHARE * (end - begin))
        self._drawn = True


class Board(Follower):
    """Writes scalars for TensorBoard into a folder: train/smoothed_loss, train/OUTPUT, lr, test/OUTPUT, and speed.

    UsageError if tensorboardX is missing, or the folder is a file.
    """

    what = "writing for --tensorboard"

    def __init__(self, folder: str, note: Callable[[str], None]):
        super().__init__(note)
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise UsageError(
                "--tensorboard needs tensorboardX; expected it to be installed: pip install minicaffe[tensorboard]"
            ) from None
        if os.path.exists(folder) and not os.path.isdir(folder):
            raise UsageError(f"--tensorboard {folder}: is a file; expected a folder")
        self._make = lambda: SummaryWriter(folder, flush_secs=10)
        self._writer: Any = None

    def started(self, name: str, policy: str) -> None:
        self.attempt(self._open)

    def _open(self) -> None:
        self._writer = self._make()

    def displayed(self, display: Display) -> None:
        numbers = {"train/smoothed_loss": display.loss, "lr": display.lr, "iterations_per_second": display.rate}
        numbers.update(_named("train", display.outputs))
        self._write(display.iteration, numbers)

    def final_loss(self, iteration: int, loss: float) -> None:
        self._write(iteration, {"train/smoothed_loss": loss})

    def tested(self, result: TestResult) -> None:
        numbers = _named(f"test{result.net_index}" if result.net_index else "test", result.outputs)
        if result.loss is not None:
            numbers["test/total_loss"] = result.loss
        self._write(result.iteration, numbers)

    def close(self) -> None:
        if self._writer is not None:
            self.attempt(self._writer.close)

    def _write(self, iteration: int, numbers: dict[str, float]) -> None:
        def write() -> None:
            for name, value in numbers.items():
                self._writer.add_scalar(name, value, iteration)

        self.attempt(write)


def _named(group: str, outputs: Sequence[Output]) -> dict[str, float]:
    """Names for the numbers of all outputs; those of one blob are counted."""
    names: dict[str, float] = {}
    for output in outputs:
        name, count = f"{group}/{output.name}", 0
        while name in names:
            count += 1
            name = f"{group}/{output.name}_{count}"
        names[name] = output.value
    return names


class Together(Listener):
    """Hands every event on to several listeners, in their order."""

    def __init__(self, *listeners: Listener):
        for name in [name for name in vars(Listener) if not name.startswith("_")]:
            setattr(self, name, _each([getattr(listener, name) for listener in listeners]))


def _each(methods: Sequence[Callable[..., None]]) -> Callable[..., None]:
    def call(*words: Any) -> None:
        for method in methods:
            method(*words)

    return call
