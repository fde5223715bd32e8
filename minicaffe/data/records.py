"""New databases of any records, written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb

from ..errors import DataError, UsageError
from .dataset import workshop
from .leveldb_source import leveldb_package

__all__ = ["LONGEST_KEY", "new_database"]

LONGEST_KEY = 511
"""Bytes that a key of an LMDB may have."""

_ROOM = 1 << 26  # bytes that a new LMDB may take, doubled when they are used up; of a LevelDB's memory
_RECORDS, _BYTES = 1000, 1 << 24  # what is written at once, at most

Put = Callable[[bytes, bytes], None]


@contextmanager
def new_database(path: str | os.PathLike, backend: str = "lmdb") -> Iterator[Put]:
    """Yield ``put(key, value)``, which adds a record to the database to be at ``path``.

    It appears there when the block ends without an error, complete and on the disk; until then it grows in a
    temporary folder beside. Raises UsageError for a ``backend`` other than "lmdb" and "leveldb", DataError where there
    is something at ``path`` already, the disk refuses, or a package is missing.
    """
    if backend not in _WRITERS:
        raise UsageError(f'a database of backend "{backend}" cannot be written; expected {" or ".join(_WRITERS)}')
    if os.path.lexists(path):
        raise DataError(f"{path}: is there already; expected the name of a new database")
    target = Path(os.path.abspath(path))
    with workshop(target.parent, f".{target.name}.building") as folder:
        writer = _WRITERS[backend](folder, os.fspath(path))
        try:
            yield writer.put
            writer.finish()
        finally:
            writer.close()
        os.rename(folder, target)


class _Writer:
    """Collects records and writes some at a time; errors name ``path``, where the database will be."""

    def __init__(self, folder: Path, path: str):
        self._folder, self._path = folder, path
        self._pending: list[tuple[bytes, bytes]] = []
        self._bytes = 0

    def put(self, key: bytes, value: bytes) -> None:
        self._pending.append((key, value))
        self._bytes += len(value)
        if len(self._pending) >= _RECORDS or self._bytes >= _BYTES:
            self._commit()

    def finish(self) -> None:
        """Write what is left, and see that all is on the disk."""
        self._commit()

    def close(self) -> None:
        """Let go of the files."""

    def _commit(self) -> None:
        self._write()
        self._pending, self._bytes = [], 0

    def _write(self) -> None:
        """Write what is pending."""

    def _refused(self, kind: str, error: Exception) -> DataError:
        free = shutil.disk_usage(self._folder).free
        return DataError(f"{self._path}: the {kind} cannot be written ({error}; {free} bytes are free)")


class _LmdbWriter(_Writer):
    """An LMDB that grows as needed."""

    def __init__(self, folder: Path, path: str):
        super().__init__(folder, path)
        self._size, self._last = _ROOM, b""
        try:
            self._env = lmdb.open(os.fspath(folder), map_size=_ROOM, sync=False, lock=False)
        except lmdb.Error as error:
            raise self._refused("LMDB", error) from None

    def finish(self) -> None:
        self._commit()
        try:
            self._env.sync(True)
        except lmdb.Error as error:
            raise self._refused("LMDB", error) from None

    def close(self) -> None:
        self._env.close()

    def _write(self) -> None:
        while True:
            last = self._last
            try:
                with self._env.begin(write=True) as txn:
                    for key, value in self._pending:
                        txn.put(key, value, append=key > last)  # pages are filled up where keys come in order
                        last = max(last, key)
                break
            except lmdb.MapFullError:
                self._size *= 2
                self._env.set_mapsize(self._size)
            except lmdb.Error as error:
                raise self._refused("LMDB", error) from None
        self._last = last


class _LevelDbWriter(_Writer):
    """A LevelDB, compressed as Caffe's are."""

    def __init__(self, folder: Path, path: str):
        super().__init__(folder, path)
        try:
            self._package = leveldb_package()
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        try:
            self._db = self._package.DB(os.fspath(folder), create_if_missing=True, write_buffer_size=_ROOM)
        except self._package.Error as error:
            raise self._refused("LevelDB", error) from None

    def close(self) -> None:
        self._db.close()

    def _write(self) -> None:
        try:
            with self._db.write_batch(sync=True) as batch:
                for key, value in self._pending:
                    batch.put(key, value)
        except self._package.Error as error:
            raise self._refused("LevelDB", error) from None


_WRITERS = {"lmdb": _LmdbWriter, "leveldb": _LevelDbWriter}
