"""An HDF5 file that grows row by row and appears under its name when it is whole."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from ..errors import DataError, shape_text
from .hdf5 import hdf5_package

__all__ = ["Hdf5Writer"]

_CHUNK = 2**20  # bytes that the file keeps together


class Hdf5Writer:
    """Data sets that get more rows with each ``append``, in a file beside ``path`` that ``close`` gives its name.

    A file that was there before is replaced then, and is left alone until then. At the interpreter's end, or when the
    writer is dropped, an open one is closed. Raises DataError that names the file.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = os.fspath(path)
        h5py = hdf5_package()
        folder, name = os.path.split(os.path.abspath(self.path))
        if os.path.isdir(self.path):
            raise DataError(f"{self.path}: is a folder; expected the name of an HDF5 file")
        temporary = os.path.join(folder, f".{name}.{os.getpid()}.{id(self):x}")
        try:
            os.makedirs(folder, exist_ok=True)
            self._h5 = h5py.File(temporary, "w")
        except OSError as error:
            raise DataError(f"{self.path}: cannot be written ({error.strerror or error})") from None
        self._end = weakref.finalize(self, _finish, self._h5, temporary, self.path)

    def append(self, rows: Mapping[str, np.ndarray]) -> None:
        """Add the rows of each array to the data set of its name; the first call makes them."""
        try:
            for name, values in rows.items():
                if name not in self._h5:
                    some = max(1, min(len(values), _CHUNK // max(1, values[:1].nbytes)))
                    more = (None, *values.shape[1:])
                    self._h5.create_dataset(name, data=values, maxshape=more, chunks=(some, *values.shape[1:]))
                else:
                    self._extend(self._h5[name], values)
        except DataError:  # our own, which says more
            raise
        except (OSError, RuntimeError) as error:
            raise DataError(f"{self.path}: cannot be written ({error})") from None

    def close(self) -> None:
        """Put the file in its place; may be called again."""
        self._end()

    def _extend(self, dataset: Any, values: np.ndarray) -> None:
        if dataset.shape[1:] != values.shape[1:]:
            raise DataError(
                f'{self.path}: rows of {shape_text(values.shape[1:])} for "{dataset.name[1:]}"; '
                f"expected {shape_text(dataset.shape[1:])}, as before"
            )
        count = dataset.shape[0]
        dataset.resize(count + len(values), axis=0)
        dataset[count:] = values


def _finish(h5: Any, temporary: str, path: str) -> None:
    try:
        h5.close()
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            os.remove(temporary)
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None
