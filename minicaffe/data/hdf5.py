"""HDF5 files: rows of several data sets, in order or shuffled."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, did_you_mean, shape_text
from .draws import draw
from .lists import read_lines

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

__all__ = ["Hdf5Rows", "hdf5_package"]

_FILES, _ROWS = range(8, 10)  # lanes of random numbers


def hdf5_package() -> ModuleType:
    """The module h5py; raises DataError that says how to get it."""
    try:
        import h5py
    except ImportError:
        raise DataError("an HDF5 file needs h5py, which is not installed: pip install minicaffe[hdf5]") from None
    return h5py


@dataclass(frozen=True)
class _Place:
    """``row`` rows of file number ``file`` of pass ``epoch`` are taken."""

    epoch: int = 0
    file: int = 0
    row: int = 0


class Hdf5Rows:
    """The rows of the data sets ``names`` in the files that ``source`` lists, one a line, or in ``source`` itself.

    Files follow in the order of the list, rows in that of the file, round and round; ``shuffle`` draws a new order of
    files for each pass and of rows for each file. Both orders are pure functions of ``seed`` and of the pass, so that
    ``place`` (epoch, file, row) is all the state there is. One file at a time is held, as ``dtype``. ``shapes`` are
    those of a row. Raises DataError that names the list's line or the file, the data set, found and expected.
    """

    def __init__(
        self,
        source: str | os.PathLike,
        names: Sequence[str],
        dtype: DTypeLike = "float32",
        shuffle: bool = False,
        find: Callable[[str], str] = str,
    ) -> None:
        self.path = os.fspath(source)
        self._h5py = hdf5_package()
        self._names, self._dtype, self._shuffle = tuple(names), np.dtype(dtype), shuffle
        self.seed = 0
        self._files = self._list(find)
        self.shapes: Any = None  # a list of tuples, from the first file on
        self._counts = [self._check(file) for file in self._files]
        self._place = _Place()
        self._loaded: tuple[int, list[np.ndarray]] | None = None
        self._ordered: tuple[tuple, np.ndarray] | None = None

    @property
    def count(self) -> int:
        return sum(self._counts)

    def read(self, out: Sequence[np.ndarray]) -> None:
        """Fill the arrays ``out`` (N, one of ``shapes``) with the next N rows."""
        done, wanted = 0, len(out[0])
        while done < wanted:
            file = self._file()
            rows = self._rows(file)[self._place.row : self._place.row + wanted - done]
            for values, top in zip(self._load(file), out):
                np.take(values, rows, axis=0, out=top[done : done + len(rows)], mode="clip")
            done += len(rows)
            self._step(file, len(rows))

    def state(self) -> dict[str, int]:
        return {"epoch": self._place.epoch, "file": self._place.file, "row": self._place.row}

    def restore(self, state: Mapping[str, int]) -> None:
        place = _Place(*(int(state[key]) for key in ("epoch", "file", "row")))
        count = len(self._files)
        if not (0 <= place.file < count and place.epoch >= 0):
            raise DataError(f"{self.path}: no file {place.file} to resume in; expected 0 to {count - 1}")
        kept, self._place = self._place, place
        rows = self._counts[self._file()]
        if not 0 <= place.row < rows:
            self._place = kept
            raise DataError(f"{self.path}: no row {place.row} to resume at; expected 0 to {rows - 1}")

    # -- where we are ------------------------------------------------------------------------------------------

    def _step(self, file: int, rows: int) -> None:
        epoch, number, row = self._place.epoch, self._place.file, self._place.row + rows
        if row >= self._counts[file]:  # beyond it where another seed has ordered the files anew
            number, row = number + 1, 0
            if number == len(self._files):
                epoch, number = epoch + 1, 0
        self._place = _Place(epoch, number, row)

    def _file(self) -> int:
        return int(self._order(_FILES, self._place.epoch, len(self._files))[self._place.file])

    def _rows(self, file: int) -> np.ndarray:
        key = (self.seed, self._place.epoch, file)
        if self._ordered is None or self._ordered[0] != key:
            stream = self._place.epoch * len(self._files) + file
            self._ordered = key, self._order(_ROWS, stream, self._counts[file])
        return self._ordered[1]

    def _order(self, lane: int, stream: int, count: int) -> np.ndarray:
        if not self._shuffle:
            return np.arange(count)
        return np.argsort(draw(self.seed, lane, stream << 32, count), kind="stable")

    # -- files -------------------------------------------------------------------------------------------------

    def _list(self, find: Callable[[str], str]) -> list[tuple[str, str]]:
        """(path, how messages name it) of each file."""
        if os.path.isfile(self.path) and self._h5py.is_hdf5(self.path):
            return [(self.path, self.path)]
        lines = read_lines(self.path, "a list of HDF5 files, or one")
        named = [(n, line.strip()) for n, line in enumerate(lines, 1) if line.strip()]
        if not named:
            raise DataError(f"{self.path}: the list is empty; expected the path of an HDF5 file on each line")
        return [(find(path), f"{self.path}:{n}: {path}") for n, path in named]

    def _check(self, file: tuple[str, str]) -> int:
        """The number of rows of a file whose data sets are as wanted; the first one says what is wanted."""
        with self._open(file) as h5:
            sets = [self._set(h5, file[1], name) for name in self._names]
            shapes = [tuple(one.shape[1:]) for one in sets]
            counts = [one.shape[0] for one in sets]
        if self.shapes is None:
            self.shapes = shapes
        for name, shape, expected in zip(self._names, shapes, self.shapes):
            if shape != expected:
                raise DataError(
                    f'{file[1]}: rows of "{name}" are {shape_text(shape)}; expected {shape_text(expected)}, '
                    f"as in {self._files[0][0]}"
                )
        for name, count in zip(self._names, counts):
            if count != counts[0]:
                raise DataError(f'{file[1]}: "{name}" has {count} rows; expected {counts[0]}, as "{self._names[0]}"')
        if counts[0] == 0:
            raise DataError(f'{file[1]}: "{self._names[0]}" has no rows; expected at least 1')
        return counts[0]

    @contextmanager
    def _open(self, file: tuple[str, str]) -> Iterator[Any]:
        """The open file, within which every fault of the package is a DataError."""
        path, place = file
        if not os.path.isfile(path):
            raise DataError(f"{place}: no such file")
        try:
            with self._h5py.File(path, "r") as h5:
                yield h5
        except DataError:  # our own, which says more
            raise
        except (OSError, RuntimeError, KeyError, TypeError, ValueError, MemoryError) as error:
            raise DataError(f"{place}: cannot be read as HDF5 ({' '.join(str(error).split())})") from None

    def _set(self, h5: Any, place: str, name: str) -> Any:
        found = h5.get(name)
        if not isinstance(found, self._h5py.Dataset):
            raise DataError(f'{place}: no data set "{name}"{did_you_mean(name, h5)}; it has {", ".join(h5) or "none"}')
        if found.dtype.kind not in "fiu":
            raise DataError(f'{place}: "{name}" has values of type {found.dtype}; expected floats or integers')
        if not found.shape:
            raise DataError(f'{place}: "{name}" is a single value; expected rows')
        return found

    def _load(self, file: int) -> list[np.ndarray]:
        if self._loaded is None or self._loaded[0] != file:
            self._loaded = None  # never two files at once
            place = self._files[file]
            with self._open(place) as h5:
                values = [self._set(h5, place[1], name).astype(self._dtype)[...] for name in self._names]
            if any(v.shape != (self._counts[file], *s) for v, s in zip(values, self.shapes)):
                raise DataError(f"{place[1]}: the file has changed since the net was built")
            self._loaded = file, values
        return self._loaded[1]
