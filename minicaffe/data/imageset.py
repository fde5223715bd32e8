"""From a list of image files and labels to the records of a database, as Caffe's convert_imageset makes them."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ..errors import DataError, shape_text
from ..proto import caffe_pb2
from .draws import draw
from .images import ENCODINGS, decode_image, encode_image, image_format, pillow, read_file, resize
from .records import LONGEST_KEY

__all__ = ["Entry", "ImageRecord", "RecordMaker", "read_list", "records", "shuffled"]

_LABELS = range(-(2**31), 2**31)
_LABEL = re.compile(r"[+-]?[0-9]+")
_AHEAD = 4  # images read ahead by each thread


@dataclass(frozen=True)
class Entry:
    """One line of a list: ``place`` is FILE:LINE, ``path`` as written, ``label`` its last word."""

    place: str
    path: str
    label: int


def read_list(path: str | os.PathLike, root: str) -> tuple[list[Entry], list[str]]:
    """The entries of a list file, and a sentence for each line that cannot be used.

    A line is a path, below ``root``, and a label: the path may hold spaces. Empty lines mean nothing. Raises
    DataError where the list cannot be read or has no line.
    """
    entries, problems = [], []
    lines = read_file(path).decode("utf-8-sig", "surrogateescape").split("\n")
    for number, line in enumerate(lines, 1):
        words = line.rsplit(maxsplit=1)
        if not words:
            continue
        place = f"{path}:{number}"
        problem = _problem(words, root)
        if problem:
            problems.append(f"{place}: {problem}")
        else:
            entries.append(Entry(place, words[0], int(words[1])))
    if not entries and not problems:
        raise DataError(f"{path}: no lines; expected a path and a label in each")
    return entries, problems


def _problem(words: list[str], root: str) -> str:
    """What is wrong with a line, or ""."""
    if len(words) < 2:
        return f'found "{words[0]}", expected a path and a label'
    path, label = words
    if not _LABEL.fullmatch(label):
        return f'the label is "{label}"; expected a whole number'
    if int(label) not in _LABELS:
        return f"the label is {label}; expected a number of 32 bits"
    if len(_key(0, path)) > LONGEST_KEY:
        return f"a path of {len(os.fsencode(path))} bytes; expected at most {LONGEST_KEY - len(_key(0, ''))}"
    if not os.path.exists(file_of(root, path)):
        return f"{file_of(root, path)}: no such file"
    return ""


def file_of(root: str, path: str) -> str:
    """Root and path written one after the other, as Caffe has it; with a slash between where root is a folder."""
    return f"{root}/{path}" if os.path.isdir(root) and not root.endswith("/") else root + path


def shuffled(entries: Sequence[Entry], seed: int) -> list[Entry]:
    """The entries in an order that depends on ``seed`` alone."""
    return [entries[i] for i in np.argsort(draw(seed, 0, 0, len(entries)), kind="stable")]


@dataclass(frozen=True)
class ImageRecord:
    """A record to be, and the shape (C, H, W) of its image."""

    entry: Entry
    key: bytes
    value: bytes
    shape: tuple[int, ...]


def _key(index: int, path: str) -> bytes:
    return os.fsencode(f"{index:08d}_{path}")


@dataclass(frozen=True)
class RecordMaker:
    """Reads the image of an entry and makes its Datum.

    ``height``, ``width``: resized where both are above 0. ``encoded``: the Datum holds a file instead of pixels, of
    the kind ``encode_type`` (one of ENCODINGS) or, where that is "", the kind that the path says. Departure from
    Caffe: the file's own bytes are taken only if they are what a new file would hold: right in kind, size and number of
    channels.
    """

    root: str
    color: bool = True
    height: int = 0
    width: int = 0
    encoded: bool = False
    encode_type: str = ""

    def __call__(self, index: int, entry: Entry) -> ImageRecord:
        """Raises DataError that names the file."""
        path = file_of(self.root, entry.path)
        data = read_file(path)
        try:
            image = decode_image(data, None if self.encoded else self.color)
            own = len(image) == (3 if self.color else 1)
            if not own:
                image = decode_image(data, self.color)
            if self.height > 0 and self.width > 0:
                image, own = resize(image, self.height, self.width), False
            if self.encoded:
                datum = caffe_pb2.Datum(data=self._file(data, image, own, entry.path), label=entry.label, encoded=True)
            else:
                channels, height, width = image.shape
                datum = caffe_pb2.Datum(channels=channels, height=height, width=width, label=entry.label, encoded=False)
                datum.data = image.tobytes()
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        return ImageRecord(entry, _key(index, entry.path), datum.SerializeToString(), image.shape)

    def _file(self, data: bytes, image: np.ndarray, own: bool, path: str) -> bytes:
        kind = self.encode_type or os.path.splitext(path)[1][1:].lower()
        if own and (not self.encode_type or image_format(data) == ENCODINGS[kind]):
            return data
        if kind not in ENCODINGS:
            raise DataError(
                f"the name does not tell how to encode it; expected an extension or --encode_type of "
                f"{', '.join(ENCODINGS)}"
            )
        return encode_image(image, kind)


def records(
    entries: Sequence[Entry], make: RecordMaker, check_size: bool, problem: Callable[[Entry, str], None]
) -> Iterator[ImageRecord | None]:
    """The record of each entry, in order, read by several threads; None, once ``problem`` is told, where there is none.

    ``check_size``: an image of another shape than the first is such a problem too.
    """
    pillow()
    first = None
    for entry, record in _made(entries, make):
        if isinstance(record, DataError):
            problem(entry, str(record))
            yield None
            continue
        first = first or record
        if check_size and record.shape != first.shape:
            problem(
                entry,
                f"{file_of(make.root, entry.path)}: an image of {shape_text(record.shape)}; "
                f"expected {shape_text(first.shape)}, as {first.entry.path}",
            )
            yield None
        else:
            yield record


def _made(entries: Sequence[Entry], make: RecordMaker) -> Iterator[tuple[Entry, ImageRecord | DataError]]:
    def attempt(index: int, entry: Entry) -> ImageRecord | DataError:
        try:
            return make(index, entry)
        except DataError as error:
            return error

    workers = os.cpu_count() or 1
    pool = ThreadPoolExecutor(workers, "minicaffe-images")
    waiting: deque = deque()
    try:
        for index, entry in enumerate(entries):
            waiting.append((entry, pool.submit(attempt, index, entry)))
            if len(waiting) >= _AHEAD * workers:
                entry, future = waiting.popleft()
                yield entry, future.result()
        for entry, future in waiting:
            yield entry, future.result()
    finally:
        pool.shutdown(cancel_futures=True)
