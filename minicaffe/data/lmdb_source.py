"""An LMDB of Datum, read in key order, round and round."""

from __future__ import annotations

import os
import threading
import weakref
from pathlib import Path
from typing import Any

import lmdb
import numpy as np

from ..errors import DataError, did_you_mean, plural
from .datum import read_datum
from .lmdb_pages import damage
from .source import Source

__all__ = ["LmdbSource"]

_MAPPED = 16 << 20  # bytes that are read before the map is made anew


class _Database:
    """An open environment, closed when the last of its ``readers`` lets go of it."""

    def __init__(self, path: str):
        self._path = path
        self.readers = 0
        self.open()

    def open(self) -> None:
        """Map the file; where it was mapped before, the pages that were read leave the process's memory."""
        self.env = lmdb.open(self._path, readonly=True, lock=False, readahead=True, create=False)


_open: weakref.WeakValueDictionary[str, _Database] = weakref.WeakValueDictionary()
"""By real path: the library refuses to open one environment twice in a process."""

_counting = threading.Lock()  # held where readers come and go, and where a lone reader maps the file anew


def _database(path: str) -> _Database:
    """The database at ``path``, with one reader more."""
    _check_folder(path)
    real = os.path.realpath(path)
    with _counting:
        database = _open.get(real)
        if database is None:
            try:
                database = _Database(real)
                _check_file(path, database.env)
            except lmdb.Error as error:
                if "already open" in str(error):
                    raise DataError(
                        f"{path}: this program has opened it with lmdb.open, which opens a database only once; "
                        "expected it to be closed first"
                    ) from None
                raise DataError(f"{path}: cannot be read as an LMDB ({_reason(error)})") from None
            _open[real] = database
        database.readers += 1
    return database


def _check_folder(path: str) -> None:
    folder = Path(path)
    if folder.is_file():
        hint = "give the folder it is in" if folder.name == "data.mdb" else "expected the folder of an LMDB"
        raise DataError(f"{path}: is a file; {hint}")
    if not folder.is_dir():
        siblings = [entry.name for entry in folder.parent.iterdir()] if folder.parent.is_dir() else []
        kind = folder.name.split("_")[0]
        made = f'; "minicaffe data {kind}" makes it' if kind in ("cifar10", "mnist", "shapes10") else ""
        raise DataError(f"{path}: no such folder{did_you_mean(folder.name, siblings) or made}")
    file = folder / "data.mdb"
    if not file.is_file():
        raise DataError(f"{path}: no LMDB, for the folder holds no data.mdb")
    if file.stat().st_size == 0:
        raise DataError(f"{path}: no LMDB, for its data.mdb has no bytes")


def _check_file(path: str, env: lmdb.Environment) -> None:
    """The library maps the file, and trusts it: reading beyond its end would end the process."""
    found = os.path.getsize(os.path.join(path, "data.mdb"))
    expected = (env.info()["last_pgno"] + 1) * env.stat()["psize"]
    if found < expected:
        raise DataError(f"{path}: data.mdb is cut short: found {found} bytes, expected {expected}")
    wrong = damage(os.path.join(path, "data.mdb"), env.stat()["psize"])
    if wrong:
        raise DataError(f"{path}: the LMDB is damaged ({wrong})")


def _reason(error: Exception) -> str:
    return str(error).rsplit(": ", 1)[-1]


class LmdbSource(Source):
    """The records of an LMDB in key order, as Caffe reads them: after the last one follows the first.

    ``count`` is the number of records. ``color`` tells how encoded images are read (see ``read_datum``). Several
    sources may read one database. Raises DataError that names the path and, for a bad record, its key, what was found
    and what was expected.
    """

    def __init__(self, path: str | os.PathLike, color: bool | None = None):
        self.path = os.fspath(path)
        self._color = color
        self._database: Any = _database(self.path)  # None once it is closed
        self._begin()
        self.count: int = self._database.env.stat()["entries"]
        if self.count == 0:
            raise DataError(f"{self.path}: the LMDB is empty; expected at least one record")
        self.seek(0)
        first, _ = self.record()
        self.shape, self.dtype = first.shape, first.dtype

    @property
    def position(self) -> int:
        """The index of the record that ``read`` gives next."""
        return self._position

    def seek(self, position: int) -> None:
        """Let ``read`` go on from record ``position``, 0 <= position < count."""
        if not 0 <= position < self.count:
            raise DataError(f"{self.path}: no record {position}, for the LMDB holds {plural(self.count, 'record')}")
        try:
            self._cursor.first()
            for _ in range(position):
                self._cursor.next()
        except lmdb.Error as error:
            raise self._damaged(error) from None
        self._position = position

    def close(self) -> None:
        """Let go of the database; may be called again."""
        if self._database is not None:
            self._end()
            with _counting:
                self._database.readers -= 1
            self._database = None

    def step(self) -> bool:
        self._position += 1
        try:
            if self._position < self.count and self._cursor.next():
                return False
            self._cursor.first()
        except lmdb.Error as error:
            raise self._damaged(error) from None
        self._position = 0
        return True

    def record(self) -> tuple[np.ndarray, int]:
        if self._read > _MAPPED:
            self._map_anew()
        try:
            value = self._cursor.value()
            self._read += len(value)
            return read_datum(value, self._color)
        except lmdb.Error as error:
            raise self._damaged(error) from None
        except DataError as error:
            raise DataError(f"{self.place()} is {error}") from None

    def key(self) -> str:
        """The key of the record at ``position``."""
        return self._cursor.key().decode("utf-8", "backslashreplace")

    def place(self) -> str:
        return f'{self.path}: record {self._position} (key "{self.key()}")'

    def _begin(self) -> None:
        self._txn = self._database.env.begin()
        self._cursor = self._txn.cursor()
        self._read = 0  # bytes, since the file was mapped

    def _end(self) -> None:
        if self._cursor is not None:
            self._cursor.close()
            self._txn.abort()
        self._cursor = self._txn = None  # each of them holds the environment

    def _map_anew(self) -> None:
        """Give back the pages that were read: a mapped file counts as the process's memory. Others' maps stay."""
        self._read = 0
        with _counting:
            if self._database.readers > 1:
                return
            key = self._cursor.key()
            self._end()
            self._database.env.close()
            try:
                self._database.open()
                self._begin()
                found = self._cursor.set_key(key)
            except lmdb.Error as error:
                raise DataError(f"{self.path}: can no longer be read as an LMDB ({_reason(error)})") from None
            if not found:
                raise DataError(f"{self.path}: the LMDB was changed while it was read")

    def _damaged(self, error: Exception) -> DataError:
        return DataError(f"{self.path}: the LMDB is damaged ({_reason(error)})")
