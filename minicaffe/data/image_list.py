"""Image files that a text file lists with their labels."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from ..errors import DataError, plural
from .draws import draw
from .images import read_image
from .lists import read_lines
from .source import Source

__all__ = ["ImageListSource"]

_ORDER = 4  # lane of random numbers


class ImageListSource(Source):
    """The images of a list with a line "path label" for each; the path may hold blanks, the label is an integer.

    ``root`` stands before each path, as it is; ``find`` turns the two into a file's path. Images are (C, H, W) uint8 of
    three channels, blue first, or one where ``color`` is False, resized to ``height`` x ``width`` where these are above
    0. ``shuffle`` draws a new order for each pass, by the seed and the pass alone. Raises DataError that names the
    list's line.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        root: str = "",
        height: int = 0,
        width: int = 0,
        color: bool = True,
        shuffle: bool = False,
        find: Callable[[str], str] = str,
    ):
        self.path = os.fspath(path)
        self._root, self._size, self._color, self._shuffle, self._find = root, (height, width), color, shuffle, find
        self._names, self._labels, self._lines = self._parse()
        self.count = len(self._names)
        self._ordered: tuple[tuple[int, int], np.ndarray] | None = None
        self._position = 0
        first, _ = self.record()
        self.shape, self.dtype = first.shape, first.dtype

    @property
    def position(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        if position < 0 or (position >= self.count and not self._shuffle):
            raise DataError(f"{self.path}: no record {position}, for the list holds {plural(self.count, 'image')}")
        self._position = position

    def record(self) -> tuple[np.ndarray, int]:
        index = self._index()
        try:
            return read_image(self._file(index), self._color, *self._size), self._labels[index]
        except DataError as error:
            raise DataError(f"{self.path}:{self._lines[index]}: {error}") from None

    def step(self) -> bool:
        self._position += 1
        wrapped = self._position % self.count == 0
        if wrapped and not self._shuffle:
            self._position = 0
        return wrapped

    def place(self) -> str:
        index = self._index()
        return f"{self.path}:{self._lines[index]}: {self._file(index)}"

    def close(self) -> None:
        """Nothing is kept open."""

    def _index(self) -> int:
        """The place in the list of the record at ``position``."""
        if not self._shuffle:
            return self._position
        epoch, at = divmod(self._position, self.count)
        key = (self.seed, epoch)
        if self._ordered is None or self._ordered[0] != key:
            order = np.argsort(draw(self.seed, _ORDER, epoch << 32, self.count), kind="stable")
            self._ordered = key, order
        return int(self._ordered[1][at])

    def _file(self, index: int) -> str:
        return self._find(self._root + self._names[index])

    def _parse(self) -> tuple[list[str], list[int], list[int]]:
        """Path, label and line of each image."""
        names, labels, lines = [], [], []
        expected = 'a path and a label, such as "cat.jpg 3"'
        for n, line in enumerate(read_lines(self.path, "a list of images and labels"), 1):
            if not line.strip():
                continue
            name, _, label = line.strip().replace("\t", " ").rpartition(" ")
            try:
                labels.append(int(label))
            except ValueError:
                name = ""
            if not name:
                raise DataError(f'{self.path}:{n}: found "{line.strip()}", expected {expected}')
            names.append(name.rstrip())
            lines.append(n)
        if not names:
            raise DataError(f"{self.path}: the list is empty; expected {expected}, on each line")
        return names, labels, lines
