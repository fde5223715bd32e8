"""A LevelDB of Datum, read in key order, round and round."""

from __future__ import annotations

import importlib
import os
import weakref
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import DataError, plural
from .datum import read_datum
from .source import Source

__all__ = ["LevelDbSource", "leveldb_package"]


def leveldb_package() -> ModuleType:
    """The module that reads and writes LevelDBs; raises DataError that says how to get it."""
    for name in ("plyvel", "plyvel_next"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise DataError("a LevelDB needs plyvel, which is not installed: pip install minicaffe[leveldb]")


class _Database:
    """An open database; closed when the last source lets go of it."""

    def __init__(self, path: str):
        self.package = leveldb_package()
        self.db = self.package.DB(path, create_if_missing=False)


_open: weakref.WeakValueDictionary[str, _Database] = weakref.WeakValueDictionary()
"""By real path: a LevelDB may be open once only."""


def _database(path: str) -> _Database:
    real = os.path.realpath(path)
    database = _open.get(real)
    if database is None:
        try:
            database = _Database(real)
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        except Exception as error:  # the package has errors of its own, and Python's for old or foreign files
            raise DataError(f"{path}: cannot be opened as a LevelDB ({_reason(error)})") from None
        _open[real] = database
    return database


def _reason(error: Exception) -> str:
    text = error.args[0] if error.args else error
    return text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else str(text)


class LevelDbSource(Source):
    """The records of a LevelDB in key order, as Caffe reads them: after the last one follows the first.

    ``color`` tells how encoded images are read (see ``read_datum``). Opening a LevelDB writes to its folder and locks
    out other processes; within one process several sources may read it. Raises DataError that names the path and,
    for a bad record, its key, what was found and what was expected.
    """

    def __init__(self, path: str | os.PathLike, color: bool | None = None):
        self.path = os.fspath(path)
        self._color = color
        self._database: Any = _database(self.path)  # None once it is closed
        self._cursor = self._database.db.raw_iterator(verify_checksums=True)
        self._first()
        if not self._cursor.valid():
            raise DataError(f"{self.path}: the LevelDB is empty; expected at least one record")
        first, _ = self.record()
        self.shape, self.dtype = first.shape, first.dtype

    @cached_property
    def count(self) -> int:
        """The number of records: a walk through all keys, the first time."""
        return sum(1 for _ in self._database.db.iterator(include_value=False))

    @property
    def position(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        """Let ``read`` go on from record ``position``, 0 <= position < count."""
        self._first()
        if position < 0 or any(self.step() for _ in range(position)):
            found = plural(self.count, "record")
            raise DataError(f"{self.path}: no record {position}, for the LevelDB holds {found}")

    def step(self) -> bool:
        try:
            self._cursor.next()
            self._position += 1
            if self._cursor.valid():
                return False
        except self._database.package.Error as error:
            raise self._damaged(error) from None
        self._first()
        return True

    def record(self) -> tuple[np.ndarray, int]:
        try:
            return read_datum(self._cursor.value(), self._color)
        except self._database.package.Error as error:
            raise self._damaged(error) from None
        except DataError as error:
            raise DataError(f"{self.place()} is {error}") from None

    def key(self) -> str:
        """The key of the record at ``position``."""
        return self._cursor.key().decode("utf-8", "backslashreplace")

    def place(self) -> str:
        return f'{self.path}: record {self._position} (key "{self.key()}")'

    def close(self) -> None:
        """Let go of the database; may be called again."""
        if self._database is not None:
            self._cursor.close()
            self._cursor = self._database = None

    def _first(self) -> None:
        try:
            self._cursor.seek_to_first()
        except self._database.package.Error as error:
            raise self._damaged(error) from None
        self._position = 0

    def _damaged(self, error: Exception) -> DataError:
        return DataError(f"{self.path}: the LevelDB is damaged ({_reason(error)})")
