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

__all__ = ["LONGEST_KEY", "new_database"]

LONGEST_KEY = 511
"""Bytes that a key of an LMDB may have."""

_ROOM = 1 << 26  # bytes that a new LMDB may take; doubled when they are used up
_RECORDS, _BYTES = 1000, 1 << 24  # what is written at once, at most

Put = Callable[[bytes, bytes], None]


@contextmanager
def new_database(path: str | os.PathLike, backend: str = "lmdb") -> Iterator[Put]:
    """Yield ``put(key, value)``, which adds a record to the database to be at ``path``.

    It appears there when the block ends without an error, complete and on the disk; until then it grows in a
    temporary folder beside. Raises UsageError for a ``backend`` other than "lmdb", DataError where there is
    something at ``path`` already or the disk refuses.
    """
    if backend != "lmdb":
        raise UsageError(f"a database of backend {backend} cannot be written; expected lmdb")
    if os.path.lexists(path):
        raise DataError(f"{path}: is there already; expected the name of a new database")
    target = Path(os.path.abspath(path))
    with workshop(target.parent, f".{target.name}.building") as folder:
        writer = _LmdbWriter(folder, os.fspath(path))
        try:
            yield writer.put
            writer.finish()
        finally:
            writer.close()
        os.rename(folder, target)


class _LmdbWriter:
    """An LMDB that grows as needed; errors name ``path``, where it will be."""

    def __init__(self, folder: Path, path: str):
        self._folder, self._path, self._size = folder, path, _ROOM
        self._pending: list[tuple[bytes, bytes]] = []
        self._bytes, self._last = 0, b""
        self._env = lmdb.open(os.fspath(folder), map_size=_ROOM, sync=False, lock=False)

    def put(self, key: bytes, value: bytes) -> None:
        self._pending.append((key, value))
        self._bytes += len(value)
        if len(self._pending) >= _RECORDS or self._bytes >= _BYTES:
            self._commit()

    def finish(self) -> None:
        self._commit()
        self._env.sync(True)

    def close(self) -> None:
        self._env.close()

    def _commit(self) -> None:
        while True:
            try:
                self._last = self._write()
                break
            except lmdb.MapFullError:
                self._size *= 2
                self._env.set_mapsize(self._size)
            except lmdb.Error as error:
                free = shutil.disk_usage(self._folder).free
                raise DataError(f"{self._path}: the LMDB cannot be written ({error}; {free} bytes are free)") from None
        self._pending, self._bytes = [], 0

    def _write(self) -> bytes:
        """Write what is pending in one transaction; return the greatest key there is."""
        last = self._last
        with self._env.begin(write=True) as txn:
            for key, value in self._pending:
                txn.put(key, value, append=key > last)  # pages are filled up where keys come in order
                last = max(last, key)
        return last
