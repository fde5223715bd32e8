"""Darknet's two files: the sections of a ``.cfg``, and the numbers of a ``.weights`` in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import ProtoError, WeightsError, did_you_mean
from ...proto.files import read_bytes
from ...proto.text import text_of

_NARROW, _WIDE = 16, 20  # bytes of a header, whose count of images seen has 32 or 64 bits


@dataclass
class Section:
    """``[kind]`` at a line of a file; ``options`` are key -> (value, line). Errors are ProtoErrors."""

    kind: str
    path: str
    line: int
    options: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}: [{self.kind}]"

    def text(self, key: str, default: str) -> str:
        """The value of ``key``."""
        return self.options.get(key, (default, 0))[0]

    def whole(self, key: str, default: int, least: int | None = None) -> int:
        """The value of ``key`` as a whole number, of at least ``least``."""
        return self._number(key, default, int, "a whole number", least)

    def real(self, key: str, default: float) -> float:
        """The value of ``key`` as a number."""
        return self._number(key, default, float, "a number", None)

    def wholes(self, key: str) -> list[int]:
        """The value of ``key`` as whole numbers between commas; it must be there."""
        try:
            return [int(word) for word in self.options[key][0].split(",") if word]
        except (KeyError, ValueError):
            raise self.wrong(key, "whole numbers between commas") from None

    def _number(self, key: str, default: float, convert: Callable[[str], Any], expected: str, least: int | None) -> Any:
        text, _ = self.options.get(key, (str(default), 0))
        try:
            value = convert(text)
        except ValueError:
            raise self.wrong(key, expected) from None
        if least is not None and value < least:
            raise self.wrong(key, f"at least {least}")
        return value

    def wrong(self, key: str, expected: str) -> ProtoError:
        """The error for the value of ``key``."""
        if key not in self.options:
            return ProtoError(f"{self.place} has no {key}; expected {expected}")
        text, line = self.options[key]
        return ProtoError(f'{self.path}:{line}: {key} of [{self.kind}] is "{text}"; expected {expected}')

    def check(self, known: Iterable[str], neutral: Iterable[str] = ()) -> None:
        """Refuse keys that are not ``known``, and those of ``neutral`` (``key=value``) with another value."""
        fixed = dict(word.split("=") for word in neutral)
        known = [*known, *fixed]
        for key, (_, line) in self.options.items():
            if key not in known:
                near = did_you_mean(key, known) or f"; expected one of {', '.join(known)}"
                raise ProtoError(f'{self.path}:{line}: [{self.kind}] has an unknown option "{key}"{near}')
        for key, value in fixed.items():
            if self.real(key, float(value)) != float(value):
                raise self.wrong(key, f"{value}, as nothing else can be imported")


def read_cfg(path: str) -> list[Section]:
    """The sections of a ``.cfg``. Blanks count for nothing; a line that begins with # or ; is a comment."""
    sections: list[Section] = []
    text = text_of(read_bytes(path, "a cfg of Darknet"), path, "a cfg of Darknet")
    for number, line in enumerate(text.splitlines(), 1):
        line = "".join(line.split())
        if not line or line[0] in "#;":
            continue
        key, equals, value = line.partition("=")
        if line[0] == "[" and line.endswith("]"):
            sections.append(Section(line[1:-1], path, number))
        elif not equals or not key:
            raise ProtoError(f'{path}:{number}: found "{line}"; expected key=value, [section] or a comment')
        elif not sections:
            raise ProtoError(f'{path}:{number}: found "{line}" before any section; expected [net]')
        elif key in sections[-1].options:
            first = sections[-1].options[key][1]
            raise ProtoError(f"{path}:{number}: {key} is given twice, first in line {first}; expected it once")
        else:
            sections[-1].options[key] = value, number
    if not sections:
        raise ProtoError(f"{path}: has no sections; expected a cfg of Darknet")
    return sections


class Weights:
    """The numbers of a ``.weights``, taken one after another.

    The header is major, minor and revision (int32), then how many images were seen: 64 bits from version 0.2 on, 32
    before. ``transposed``: the matrices of [connected] stand the other way round (major or minor above 1000).
    """

    def __init__(self, path: str):
        self.path = path
        data = read_bytes(path, "weights of Darknet")
        if len(data) < _NARROW:
            raise WeightsError(f"{path}: has {len(data)} bytes; expected the header of Darknet's weights, and numbers")
        major, minor = (int(n) for n in np.frombuffer(data, "<i4", 2))
        if not (0 <= major <= 2000 and 0 <= minor <= 2000):
            raise WeightsError(f"{path}: begins with version {major}.{minor}; expected the header of Darknet's weights")
        self.transposed = major > 1000 or minor > 1000
        header = _WIDE if major * 10 + minor >= 2 and major < 1000 and minor < 1000 else _NARROW
        if len(data) < header or (len(data) - header) % 4:
            raise WeightsError(f"{path}: has {len(data)} bytes; expected a header of {header} and numbers of 4 each")
        self._numbers = np.frombuffer(data, "<f4", offset=header)
        self._next = 0

    def take(self, section: Section, what: str, *shape: int) -> np.ndarray:
        """The next numbers as float32 of this shape; WeightsError where the file ends before."""
        count = int(np.prod(shape, dtype=np.int64))
        if self._next + count > len(self._numbers):
            left = len(self._numbers) - self._next
            raise WeightsError(
                f"{self.path}: ends within the {what} of {section.place}: {left:,} of {count:,} numbers are left; "
                "expected the weights of this cfg"
            )
        part = self._numbers[self._next : self._next + count].reshape(shape)
        self._next += count
        if not np.isfinite(part).all():
            raise WeightsError(f"{self.path}: the {what} of {section.place} are not all finite; expected numbers")
        return part.astype(np.float32)

    def close(self) -> None:
        """WeightsError where numbers are left."""
        left = len(self._numbers) - self._next
        if left:
            raise WeightsError(
                f"{self.path}: {left:,} of {len(self._numbers):,} numbers are left after the last layer; "
                "expected the weights of this cfg"
            )
