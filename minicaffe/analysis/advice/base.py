"""What a rule is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ...proto.spans import Edit, Span

WARNING, NOTE = "warning", "note"


@dataclass(frozen=True)
class Fix:
    """Changes of one file's text that belong together, and in a few words what they do."""

    path: str
    edits: tuple[Edit, ...]
    words: str


@dataclass(frozen=True)
class Finding:
    """What a rule found: where, what, why it matters, what to do.

    ``line`` is 0 where only the file is known, as in weights. ``fix`` is None where no change of the text is safe.
    ``span`` is the layer in its file, or what else a comment that allows it may stand beside.
    """

    rule: str
    level: str
    path: str
    line: int
    column: int
    layer: str
    found: str
    why: str
    todo: str
    fix: Fix | None = None
    span: Span | None = None

    @property
    def place(self) -> str:
        """``file:line:column``, as far as known."""
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


@dataclass(frozen=True)
class Rule:
    """A rule: its name, how much it weighs, what it looks for in a sentence, and the function that looks.

    ``look`` yields findings, given a ``Case``; or, if ``of_text``, given a ``Source``: a text that may be no net yet.
    """

    name: str
    level: str
    sentence: str
    look: Callable[[Any], Iterable[Finding]]
    of_text: bool = False
    fixes: bool = False
