"""Which kind of database a folder holds."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import DataError
from .leveldb_source import LevelDbSource
from .lmdb_source import LmdbSource

__all__ = ["open_database"]


def open_database(path: str | os.PathLike, color: bool | None = None) -> LmdbSource | LevelDbSource:
    """The records of the LMDB or the LevelDB in the folder ``path``; its files say which, not the prototxt.

    ``color``: see ``read_datum``. Raises DataError.
    """
    folder = Path(path)
    if folder.is_dir() and not (folder / "data.mdb").is_file():
        if not (folder / "CURRENT").is_file():
            raise DataError(f"{path}: no database: the folder holds neither data.mdb (LMDB) nor CURRENT (LevelDB)")
        return LevelDbSource(path, color)
    return LmdbSource(path, color)
