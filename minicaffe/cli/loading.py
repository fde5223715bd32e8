"""What commands that run nets have in common: screen and log, weights from files, remarks before the work."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .log import Log
from .progress import Screen
from .results import Results
from .signals import ended_by_signals

if TYPE_CHECKING:
    from ..net import Net
    from ..weights import CopyReport

_COMPILING = "compiling kernels: "


@contextlib.contextmanager
def at_work(json: bool) -> Iterator[tuple[Screen, Log, Results]]:
    """Where a command shows its progress, its remarks and its results; signals end it, kernels are compiled in view."""
    from ..kernels import _jit

    screen = Screen()
    log = Log(screen.line)
    warn_of_compiling(log)
    with ended_by_signals(), contextlib.closing(screen), _jit.told_of_compiling(Compiling(screen)):
        yield screen, log, Results(json)


def load_quietly(net: Net, paths: Iterable[str], log: Log) -> None:
    """Copy every file of weights into ``net``; warn of layers that are left without, and tell the net's notes."""
    tell_of_copies([(path, net.copy_from(path)) for path in paths], log)
    for note in net.notes:
        log.note(note)
    log.release()


def load_weights(net: Net, paths: Iterable[str], log: Log) -> list[CopyReport]:
    """Copy every file of weights into ``net``; log which layers of a file, and which of the net, found no partner.

    Returns the reports of the copies.
    """
    copies = []
    for path in paths:
        copies.append((path, net.copy_from(path)))
        log.infos(ignored_lines(copies[-1][1]))
    tell_of_copies(copies, log)
    return [report for _, report in copies]


def ignored_lines(report: CopyReport) -> list[tuple[str, str]]:
    """Caffe's line for each layer of a file that the net does not have."""
    return [("net.cpp:744", f"Ignoring source layer {name}") for name in report.ignored]


def tell_of_copies(copies: list[tuple], log: Log) -> None:
    """Log what is left as it was filled, and what is shared; ``copies`` are (file, CopyReport) of one net."""
    if not copies:
        return
    first, *rest = (report.missing for _, report in copies)
    missing = [name for name in first if all(name in others for others in rest)]
    if missing:
        files = " and ".join(path for path, _ in copies)
        has = "have" if rest else "has"
        log.warning(f"{files} {has} no weights for {', '.join(missing)}: left as they were")
    for path, report in copies:
        if report.shared:
            pairs = ", ".join(f"{mine} with {other}" for mine, other in report.shared)
            log.note(f"{path}: parameters that share their memory were copied once: {pairs}")
        for mine, other in report.differing:
            log.warning(f"{path}: holds {mine} and {other}, which are shared here, with different values: took {mine}")


def warn_of_gpu(device: str, log: Log) -> None:
    """Caffe's -gpu is accepted, and has no effect."""
    log.warning(f"-gpu {device} has no effect: this program runs on the CPU")


class Compiling:
    """Shows which kernels are being compiled: at a bar of its own, or as words at the bar that is there.

    Nothing is shown where all kernels come from the cache. To be called as ``_jit.told_of_compiling`` says.
    """

    def __init__(self, screen: Screen):
        self._screen = screen
        self.count = 0
        self._of = 0

    def __call__(self, kernel: str, number: int, of: int) -> None:
        self.count += 1
        if self._screen.title not in ("", _COMPILING):
            self._screen.say(f"compiling {kernel}")
            self._screen.refresh()
            return
        if self._screen.title == "" or of != self._of:
            self._of = of
            self._screen.start(_COMPILING, of)
        self._screen.to(number if of else self.count)


def warn_of_compiling(log: Log) -> None:
    """The first run ever is slow to begin, and every run where compiled kernels cannot be kept: say why."""
    from ..kernels import _jit

    folder = _jit.cache_folder()
    if not os.access(folder, os.W_OK):
        log.note(f"compiling the kernels, as in every run: {folder} cannot be written; set NUMBA_CACHE_DIR")
    elif not any(folder.rglob("*.nbi")):
        log.note("compiling the kernels, which is done once on a machine: this may take a minute")
