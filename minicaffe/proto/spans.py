"""Where the fields of a prototxt stand, to the letter, and changes of a text that leave all the rest as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from .tokens import Token, tokenize

_CLOSE = {"{": "}", "<": ">", "[": "]"}
_BLANKS, _NEWLINE = re.compile(r"[ \t]*"), re.compile(r"\r?\n")
_REST = re.compile(r"[ \t]*(?:#[^\n]*)?(?=\r?\n|\Z)")


@dataclass(frozen=True)
class Span:
    """One value of a field: ``text[start:end]`` with its name, ``text[value:end]`` without.

    ``end`` is before the comma or semicolon that may follow, ``after`` behind it. ``written`` is the value of a field
    that is no message, in its quotes if it has any; ``parts`` are the fields of one that is. In a list such as
    ``lr_mult: [1, 2]`` each value is a span whose name is ``alone`` False: it cannot go without the others.
    """

    name: str
    line: int
    column: int
    start: int
    value: int
    end: int
    after: int
    written: str
    parts: tuple[Span, ...]
    alone: bool = True

    def all(self, *path: str) -> Iterator[Span]:
        """The fields within it at ``path``, such as ``all("param", "lr_mult")``."""
        for part in self.parts:
            if part.name == path[0]:
                yield from part.all(*path[1:]) if path[1:] else (part,)

    def first(self, *path: str) -> Span | None:
        """The first of them."""
        return next(self.all(*path), None)

    @property
    def word(self) -> str:
        """What is written, without quotes."""
        return self.written[1:-1] if self.written[:1] in "\"'" else self.written


class Edit(NamedTuple):
    """``text[start:end]`` becomes ``new``."""

    start: int
    end: int
    new: str


def spans_of(text: str, file_name: str) -> Span:
    """The whole of ``text`` as a span. ProtoError where its tokens or brackets are wrong."""
    lines = [0, *(match.end() for match in re.finditer("\n", text))]
    reader = _Reader(tokenize(text, file_name), lines)
    parts = tuple(reader.fields(""))
    return Span("", 1, 1, 0, 0, len(text), len(text), "", parts)


class _Reader:
    """Reads tokens leniently: what is no field is passed over, as the parser has told, or will tell, of it."""

    def __init__(self, tokens: list[Token], lines: list[int]):
        self.tokens, self.lines, self.index = tokens, lines, 0

    @property
    def now(self) -> Token:
        return self.tokens[self.index]

    def start(self, token: Token) -> int:
        return self.lines[token.line - 1] + token.column - 1

    def stop(self) -> int:
        """Where the last token that was taken ends."""
        last = self.tokens[self.index - 1]
        return self.start(last) + len(last.text)

    def fields(self, close: str) -> Iterator[Span]:
        while self.now.kind != "end":
            token = self.now
            self.index += 1
            if token.text == close and token.kind == "symbol":
                return
            if token.kind == "word":
                yield from self.field(token)

    def field(self, name: Token) -> Iterator[Span]:
        if self.now.text == ":":
            self.index += 1
        if self.now.text != "[":
            yield self.one(name, self.start(name), True)
            return
        self.index += 1
        while self.now.kind != "end" and self.now.text != "]":
            yield self.one(name, self.start(self.now), False)
        self.index += self.now.kind != "end"

    def one(self, name: Token, start: int, alone: bool) -> Span:
        value, opened = self.start(self.now), self.now
        parts: tuple[Span, ...] = ()
        self.index += self.now.kind != "end"
        if opened.kind == "symbol" and opened.text in _CLOSE:
            parts = tuple(self.fields(_CLOSE[opened.text]))
        elif opened.text == "-":
            self.index += self.now.kind != "end"
        else:
            while opened.kind == self.now.kind == "string":
                self.index += 1
        end = after = self.stop()
        if self.now.text in (",", ";"):
            self.index += 1
            after = self.stop()
        at = name if alone else opened
        written = "" if opened.text in _CLOSE else "".join(t.text for t in self._between(value, end))
        return Span(name.text, at.line, at.column, start, value, end, after, written, parts, alone)

    def _between(self, start: int, end: int) -> Iterator[Token]:
        i = self.index - 1
        while i > 0 and self.start(self.tokens[i - 1]) >= start:
            i -= 1
        for token in self.tokens[i : self.index]:
            if start <= self.start(token) < end:
                yield token


def changed(text: str, edits: Iterable[Edit]) -> str:
    """``text`` with ``edits`` in it; those that touch an earlier one are left out."""
    done, parts = 0, []
    last: Edit | None = None
    for edit in sorted(set(edits)):
        if edit.start < done or (last and last.start == last.end == edit.start):
            continue
        parts += [text[done : edit.start], edit.new]
        done, last = edit.end, edit
    return "".join([*parts, text[done:]])


def valued(span: Span, new: str) -> Edit:
    """The value of a field replaced."""
    return Edit(span.value, span.end, new)


def removed(text: str, span: Span) -> Edit:
    """A field taken out, with its line if nothing else stands there; comments stay."""
    line = text.rfind("\n", 0, span.start) + 1
    rest = _REST.match(text, span.after)
    if text[line : span.start].strip():  # something stands before it: the space between goes too
        before = len(text[line : span.start].rstrip()) + line
        return Edit(before, span.after, "")
    if rest is None:
        return Edit(span.start, _past(_BLANKS, text, span.after), "")
    if "#" in rest.group():
        return Edit(span.start, text.index("#", span.after), "")
    return Edit(line, _past(_NEWLINE, text, rest.end()), "")


def added(text: str, into: Span, field: str) -> Edit:
    """A field put into a message, before its last one, in a line of its own where that has one."""
    if not into.parts:
        return Edit(into.value + 1, into.value + 1, f" {field}")
    last = into.parts[-1]
    return Edit(last.start, last.start, field + _gap(text, last.start))


def following(text: str, span: Span, field: str) -> Edit:
    """A field put behind ``span``: in the next line, unless something else stands in the same one."""
    rest = _REST.match(text, span.after)
    at = rest.end() if rest else span.after
    newline = "\r\n" if "\r\n" in text else "\n"
    return Edit(at, at, f"{newline if rest else ' '}{field}")


def indent_of(text: str, offset: int) -> str:
    """The white space that begins the line of ``offset``."""
    line = text.rfind("\n", 0, offset) + 1
    return text[line : _past(_BLANKS, text, line)]


def _past(pattern: re.Pattern, text: str, offset: int) -> int:
    """Where what ``pattern`` finds at ``offset`` ends."""
    found = pattern.match(text, offset)
    return found.end() if found else offset


def _gap(text: str, offset: int) -> str:
    """What stands between two fields here: a space, or a new line with the same indent."""
    line = text.rfind("\n", 0, offset) + 1
    if text[line:offset].strip() or not line:
        return " "
    return ("\r\n" if "\r\n" in text else "\n") + text[line:offset]
