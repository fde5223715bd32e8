"""What goes to stdout: one closing sentence, or with ``--json`` one object per line and no prose; notes on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..solver.events import Output


def show_notes(notes: Iterable[str]) -> None:
    """Remarks on stderr, each once."""
    for note in dict.fromkeys(notes):
        print(f"minicaffe: note: {note}", file=sys.stderr)


class Results:
    """Writes either the closing sentence or the records, never both.

    Where the reader of the records goes away, ``on_closed`` is called once and nothing more is written; ``close``
    then raises BrokenPipeError.
    """

    def __init__(self, as_json: bool, on_closed: Callable[[], None] = lambda: None):
        self.on_closed = on_closed
        self._as_json = as_json
        self._closed: BrokenPipeError | None = None

    def record(self, event: str, **facts: Any) -> None:
        """One JSON object, at once; nothing without ``--json``."""
        if self._as_json and self._closed is None:
            try:
                print(json.dumps({"event": event, **_finite(facts)}, allow_nan=False), flush=True)
            except BrokenPipeError as error:
                self._closed = error
                self.on_closed()

    def text(self, lines: Iterable[str]) -> None:
        """Lines for people; nothing with ``--json``."""
        if not self._as_json:
            for line in lines:
                print(line)

    def close(self, sentence: str, **facts: Any) -> None:
        """The last line: ``sentence``, or the same as a record."""
        self.record("done", **facts)
        if self._closed is not None:
            raise self._closed
        if not self._as_json:
            print(sentence, flush=True)


def by_name(outputs: Sequence[Output]) -> dict[str, float | list[float]]:
    """Output numbers by blob name; a blob of several numbers gives a list."""
    values: dict[str, list[float]] = {}
    for output in outputs:
        values.setdefault(output.name, []).append(output.value)
    return {name: numbers[0] if len(numbers) == 1 else numbers for name, numbers in values.items()}


def in_words(outputs: Sequence[Output]) -> str:
    """``accuracy 0.1209, loss 3.2439``; of a blob of many numbers only how many there are."""
    parts = []
    for name, value in by_name(outputs).items():
        parts.append(f"{name} {value:.4f}" if isinstance(value, float) else f"{name} of {len(value)} values")
    return ", ".join(parts)


def _finite(value: Any) -> Any:
    """JSON knows neither NaN nor infinity: both become null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
