"""Caffe's window files: images, and rectangles in them with a class and an overlap."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import DataError, plural
from .lists import read_lines

__all__ = ["WindowFile", "read_windows"]


@dataclass(frozen=True)
class WindowFile:
    """``images`` are paths. Of window i: ``image[i]`` its image, ``label[i]`` its class, ``overlap[i]`` with a true
    object, ``box[i]`` its corners x1, y1, x2, y2 (both inside), ``line[i]`` where it stands."""

    path: str
    channels: int  # of the last image, as Caffe takes it for all
    images: list[str]
    image: np.ndarray
    label: np.ndarray
    overlap: np.ndarray  # float32
    box: np.ndarray
    line: np.ndarray


def read_windows(path: str | os.PathLike) -> WindowFile:
    """Read a window file: for each image "# index", path, channels, height, width, the number of windows, and a line
    "class overlap x1 y1 x2 y2" for each window. Raises DataError that names the line.
    """
    path = os.fspath(path)
    reader = _Reader(path)
    numbers: dict[int, int] = {}
    images: list[str] = []
    rows: list[tuple[float, ...]] = []
    channels = 0
    while reader.more():
        index = reader.header(len(images))
        if index in numbers:
            raise reader.error(f"image {index} a second time", "a number of its own for each image")
        numbers[index] = len(images)
        images.append(reader.line("the path of an image"))
        channels, _, _ = (reader.number(what) for what in ("channels", "the height", "the width"))
        for _ in range(reader.number("the number of windows")):
            rows.append((numbers[index], *reader.window()))
    if not images:
        raise DataError(f'{path}: the window file is empty; expected "# 0" and an image')
    table = np.array(rows, np.float64).reshape(-1, 8)
    columns = table[:, [0, 1, 7]].astype(np.int64)
    box = table[:, 3:7].astype(np.int64)
    return WindowFile(
        path, channels, images, columns[:, 0], columns[:, 1], table[:, 2].astype(np.float32), box, columns[:, 2]
    )


class _Reader:
    """Words and lines of the file, with the number of the line they stand in."""

    def __init__(self, path: str):
        self._path = path
        self._at = 0
        self._lines: Iterator[tuple[int, list[str], str]] = (
            (n, line.split(), line.strip())
            for n, line in enumerate(read_lines(path, "a window file"), 1)
            if line.strip()
        )
        self._words: list[str] = []

    def more(self) -> bool:
        if not self._words:
            self._advance()
        return bool(self._words)

    def header(self, expected: int) -> int:
        wanted = f'"# {expected}", the head of an image'
        sign = self._word(wanted)
        if not sign.startswith("#"):
            raise self.error(f'"{sign}"', wanted)
        return self._int(sign[1:] or self._word(wanted), wanted)

    def line(self, what: str) -> str:
        """The rest of a line: paths may hold blanks."""
        if not self.more():
            raise self._ended(what)
        text = self._text if len(self._words) == len(self._text.split()) else " ".join(self._words)
        self._words = []
        return text

    def number(self, what: str) -> int:
        word = self._word(what)
        value = self._int(word, what)
        if value < 0:
            raise self.error(f'"{word}"', what)
        return value

    def window(self) -> tuple[float, ...]:
        wanted = "a window, class overlap x1 y1 x2 y2"
        words = [self._word(wanted) for _ in range(6)]
        try:
            return int(words[0]), float(words[1]), *map(int, words[2:]), self._at
        except ValueError:
            raise self.error(f'"{" ".join(words)}"', wanted) from None

    def error(self, found: str, expected: str) -> DataError:
        return DataError(f"{self._path}:{self._at}: found {found}, expected {expected}")

    def _ended(self, what: str) -> DataError:
        return DataError(f"{self._path}: the file ends after {plural(self._at, 'line')}; expected {what}")

    def _advance(self) -> None:
        self._at, self._words, self._text = next(self._lines, (self._at, [], ""))

    def _word(self, what: str) -> str:
        if not self.more():
            raise self._ended(what)
        return self._words.pop(0)

    def _int(self, word: str, what: str) -> int:
        try:
            return int(word)
        except ValueError:
            raise self.error(f'"{word}"', what) from None
