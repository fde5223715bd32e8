"""What is shown while something runs: one bar and the lines above it, on stderr.

The bar is there only where stderr is a terminal; lines are written through it, so the two never mix.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque

_BAR = "{desc}{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
_COUNT = "{desc}{n_fmt} [{elapsed}{postfix}]"
_COLUMNS, _ROWS = 80, 24
"""The size of a terminal that does not tell its own."""
_MANY = 1_000_000
"""From here on counts are shown in thousands and millions."""


class Screen:
    """Lines and at most one bar; close it when done."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.title = ""  # of the bar; "" where there is none
        self._bar = None

    def line(self, text: str) -> None:
        """Write a line above the bar."""
        if self._bar is None:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()
        else:
            self._bar.write(text, file=sys.stderr)

    def start(self, what: str, total: int, done: int = 0) -> None:
        """Show a bar of ``total`` steps (0: unknown), ``done`` of them done, in place of the one there was."""
        self.close()
        self.title = what
        if self.live:
            from tqdm import tqdm

            sized = _is_sized()
            self._bar = tqdm(
                total=total or None,
                initial=done,
                desc=what,
                file=sys.stderr,
                bar_format=_BAR if total else _COUNT,
                unit_scale=total >= _MANY,
                ncols=None if sized else _COLUMNS,
                nrows=None if sized else _ROWS,
                dynamic_ncols=sized,
                leave=False,
            )

    def say(self, text: str) -> None:
        """Change the words at the right of the bar."""
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)

    def refresh(self) -> None:
        """Show the words now, though no step is done."""
        if self._bar is not None:
            self._bar.refresh()

    def to(self, done: int) -> None:
        """Move the bar to ``done`` steps."""
        if self._bar is not None:
            self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Take the bar away."""
        self.title = ""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _is_sized() -> bool:
    """Whether the terminal tells its size: one that a script has opened may not."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except (OSError, ValueError):
        return False


class Rate:
    """Images per second over the last steps."""

    def __init__(self, steps: int = 20):
        self._marks: deque[tuple[float, int]] = deque(maxlen=steps)

    def add(self, images: int) -> None:
        """A step of ``images`` images has just ended."""
        self._marks.append((time.perf_counter(), images))

    def pause(self) -> None:
        """What comes next is no training: leave its time out."""
        self._marks.clear()

    def __str__(self) -> str:
        if len(self._marks) < 2:
            return "- images/s"
        seconds = self._marks[-1][0] - self._marks[0][0]
        images = sum(count for _, count in self._marks) - self._marks[0][1]
        return f"{images / max(seconds, 1e-9):,.0f} images/s"


def duration(seconds: float) -> str:
    """``43 s``, ``12 min 3 s``, ``3 h 5 min``; below ten seconds with a tenth."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
