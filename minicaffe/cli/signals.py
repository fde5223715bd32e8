"""Signals while a solver runs: Ctrl-C stops after a snapshot, SIGHUP takes a snapshot and goes on, as in Caffe."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..solver import Solver

__all__ = ["EFFECTS", "ended_by_signals", "handled", "never_lost"]

EFFECTS = ("stop", "snapshot", "none")

_AGAIN = 0.05  # seconds
_STOPPING = b"minicaffe: stopping after this iteration; Ctrl-C again stops at once\n"


@contextlib.contextmanager
def handled(solver: Solver, sigint_effect: str, sighup_effect: str) -> Iterator[None]:
    """Within this block each signal has its effect on ``solver``: one of EFFECTS.

    A second SIGINT, once the first has asked to stop, raises KeyboardInterrupt.
    """
    stopping = False

    def act(number: int, _frame: object) -> None:
        nonlocal stopping
        effect = sigint_effect if number == signal.SIGINT else sighup_effect
        if effect == "snapshot":
            solver.request_snapshot()
        elif effect == "stop":
            if stopping and number == signal.SIGINT:
                raise KeyboardInterrupt
            stopping = True
            solver.request_stop()
            if number == signal.SIGINT:
                with contextlib.suppress(OSError):  # a closed stderr must not keep the solver from stopping
                    os.write(2, _STOPPING)  # not through sys.stderr, which may be in the middle of a line

    numbers = [signal.SIGINT]
    if hasattr(signal, "SIGHUP"):  # not on every system
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, act) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def never_lost() -> Iterator[None]:
    """Within this block an interrupt that Python drops, as from a callback of a weak reference, comes again."""
    before = sys.unraisablehook

    def again(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    def hook(dropped: Any) -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)  # not at once: that would be within the callback too
        else:
            before(dropped)

    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGALRM, again)
    sys.unraisablehook = hook
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = before
        signal.signal(signal.SIGALRM, handler)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Within this block SIGTERM and SIGHUP interrupt as Ctrl-C does, so that what is half made is cleared away.

    A signal that is ignored (nohup) stays ignored.
    """

    def act(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        for number in numbers:
            if before[number] == signal.SIG_DFL:
                signal.signal(number, act)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
