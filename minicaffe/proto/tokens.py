"""Protobuf's text format as tokens that know their line and column, and its string escapes both ways."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from ..errors import ProtoError

_SKIP = re.compile(r"(?:\s+|#[^\n]*)*")
_TOKEN = re.compile(
    r"""(?P<word>[A-Za-z_]\w*)
      | (?P<number>[0-9.](?:[eE][+-]|[\w.])*)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<symbol>[][{}<>:;,-])""",
    re.VERBOSE | re.ASCII,
)
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|(.))", re.DOTALL)
_BYTE_OF = dict(zip(b"abfnrtv\\'\"?", b"\a\b\f\n\r\t\v\\'\"?"))
_ESCAPE_OF = {ord(char): "\\" + name for char, name in zip("\n\r\t\"'\\", "nrt\"'\\")}


class Token(NamedTuple):
    """``kind`` is word, number, string, symbol or end; ``line`` and ``column`` count from 1."""

    kind: str
    text: str
    line: int
    column: int

    def __str__(self) -> str:
        """As an error names it."""
        if self.kind == "end":
            return "the end of the file"
        return f'"{self.text}"' if self.kind == "symbol" else self.text


def tokenize(text: str, file_name: str) -> list[Token]:
    """All tokens of ``text``, an end token last; ProtoError at a character that starts none."""
    return list(tokens_of(text, file_name))


def tokens_of(text: str, file_name: str) -> Iterator[Token]:
    """As ``tokenize``, one after the other."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    offset = _skipped(text, 0)
    while True:
        line = bisect_right(starts, offset)
        column = offset - starts[line - 1] + 1
        if offset == len(text):
            yield Token("end", "", line, column)
            return
        match = _TOKEN.match(text, offset)
        if match is None:
            char = text[offset]
            problem = f"a string without its closing {char}" if char in "\"'" else f"unexpected character {char!r}"
            raise ProtoError(f"{file_name}:{line}:{column}: {problem}")
        yield Token(match.lastgroup or "", match.group(), line, column)
        offset = _skipped(text, match.end())


def _skipped(text: str, offset: int) -> int:
    """Where the blanks and comments that begin at ``offset`` end."""
    blank = _SKIP.match(text, offset)
    return blank.end() if blank else offset


def unescape(quoted: str) -> bytes:
    """The bytes that a quoted string stands for; ValueError at an unknown escape."""

    def byte(match: re.Match) -> bytes:
        octal, hexadecimal, char = match.groups()
        if octal or hexadecimal:
            return bytes([int(octal, 8) & 255 if octal else int(hexadecimal, 16)])
        if ord(char) not in _BYTE_OF:
            raise ValueError(f"unknown escape \\{char.decode('latin-1')}")
        return bytes([_BYTE_OF[ord(char)]])

    return _ESCAPE.sub(byte, quoted[1:-1].encode())


def escape(value: str | bytes) -> str:
    """``value`` in quotes, as Caffe's log shows it: other than printable ASCII in octal."""
    raw = value.encode() if isinstance(value, str) else value
    return '"' + "".join(_ESCAPE_OF.get(b) or (chr(b) if 32 <= b < 127 else f"\\{b:03o}") for b in raw) + '"'
