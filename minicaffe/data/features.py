"""Where features go: databases of float Datums as Caffe's extract_features writes them, or HDF5 files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, UsageError, plural, shape_text
from ..proto import caffe_pb2, replace_whole
from .dataset import workshop
from .hdf5 import hdf5_package
from .records import new_database

__all__ = ["DB_TYPES", "new_features", "write_npz"]

DB_TYPES = ("lmdb", "leveldb", "hdf5")

Write = Callable[[str, np.ndarray], None]


@contextmanager
def new_features(blobs: Sequence[str], paths: Sequence[str], db_type: str) -> Iterator[Write]:
    """Yield ``write(blob, data)``, which adds a batch of features: one record for each index of the first axis.

    With "lmdb" or "leveldb" each of ``blobs`` has a database at its own of ``paths``: records "0000000000" and on,
    each a Datum of floats, whose channels, height and width are the second to fourth axis. With "hdf5" it has a data
    set of its name and of any number of axes; ``paths`` is one file for all of them, or a file for each. A scalar is
    a record. Everything appears when the block ends without an error, or nothing does. Raises UsageError for
    numbers of names that do not fit, DataError where something is there already or the disk refuses.
    """
    if len(blobs) != len(paths) and not (db_type == "hdf5" and len(paths) == 1):
        one = " or 1" if db_type == "hdf5" else ""
        raise UsageError(f"{plural(len(blobs), 'blob')}, but {plural(len(paths), 'data set')}; expected as many{one}")
    for names, what in ((blobs, "blob"), (paths, "data set")):
        twice = [name for name in names if names.count(name) > 1]
        if twice and not (names is paths and db_type == "hdf5"):
            raise UsageError(f'{what} "{twice[0]}" is named twice; expected each once')
    with ExitStack() as stack:
        writers: Mapping[str, Callable[[np.ndarray], None]]
        if db_type == "hdf5":
            files = {path: stack.enter_context(_new_hdf5(path)) for path in dict.fromkeys(paths)}
            targets = [files[path] for path in paths] * (len(blobs) // len(paths))
            writers = {blob: _Rows(blob, file) for blob, file in zip(blobs, targets)}
        else:
            writers = {
                blob: _Datums(blob, stack.enter_context(new_database(path, db_type)))
                for blob, path in zip(blobs, paths)
            }
        yield lambda blob, data: writers[blob](data)


def write_npz(path: str | os.PathLike, arrays: Mapping[str, Any]) -> None:
    """Arrays by name into a file that ``numpy.load`` reads, whole or not at all; ProtoError where it cannot be."""

    def fill(temporary: str) -> None:
        with open(temporary, "xb") as file:
            np.savez(file, **arrays)

    replace_whole(path, fill)


class _Datums:
    def __init__(self, blob: str, put: Callable[[bytes, bytes], None]):
        self._blob, self._put, self._count = blob, put, 0

    def __call__(self, data: np.ndarray) -> None:
        if data.ndim > 4:
            raise DataError(f'blob "{self._blob}" is {shape_text(data.shape)}; a Datum takes 4 axes, hdf5 any number')
        channels, height, width = (*data.shape[1:], 1, 1, 1)[:3]
        for row in data.reshape(len(data) if data.ndim else 1, -1):
            datum = caffe_pb2.Datum(channels=channels, height=height, width=width, float_data=row.tolist())
            self._put(f"{self._count:010d}".encode(), datum.SerializeToString())
            self._count += 1


@contextmanager
def _new_hdf5(path: str) -> Iterator:
    """A new HDF5 file, which appears at ``path`` when it is whole."""
    package = hdf5_package()
    if os.path.lexists(path):
        raise DataError(f"{path}: is there already; expected the name of a new file")
    target = Path(os.path.abspath(path))
    with workshop(target.parent, f".{target.name}.building") as folder:
        with package.File(folder / target.name, "w") as file:
            yield file
        os.rename(folder / target.name, target)


class _Rows:
    def __init__(self, blob: str, file: Any) -> None:
        self._blob, self._file, self._there = blob, file, None

    def __call__(self, data: np.ndarray) -> None:
        rows = data if data.ndim else data[None]
        there = self._there
        if there is None:
            limit = (None, *rows.shape[1:])
            try:
                self._there = self._file.create_dataset(self._blob, data=rows, maxshape=limit, chunks=True)
            except ValueError as error:  # such as "a" where there is "a/b", which makes a group of it
                raise DataError(f'blob "{self._blob}": HDF5 cannot hold it ({error}); a file each may help') from None
            return
        if there.shape[1:] != rows.shape[1:]:
            found, expected = shape_text(rows.shape[1:]), shape_text(there.shape[1:])
            raise DataError(f'blob "{self._blob}" has records of {found} now; hdf5 needs all as before, {expected}')
        start = len(there)
        there.resize(start + len(rows), axis=0)
        there[start:] = rows
