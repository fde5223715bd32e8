"""How long work tells what it has done: a callback; this room never prints."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress", "ignore"]

Progress = Callable[[str, int, int], None]
"""``progress(stage, done, total)``: ``total`` is 0 where it is not known."""


def ignore(stage: str, done: int, total: int) -> None:
    """Progress that nobody looks at."""
