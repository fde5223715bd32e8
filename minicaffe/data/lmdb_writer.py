"""Writing an LMDB of Datum as Caffe's tools write it."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterable

import lmdb
import numpy as np

from ..errors import DataError
from .datum import datum_from_array
from .progress import Progress, ignore

__all__ = ["write_lmdb"]

_ROOM = 16 << 20  # bytes beyond the records: branch pages, small databases
_PER_RECORD = 2 * 4096  # bytes: key, node, and the rest of the last page


def write_lmdb(
    path: str | os.PathLike,
    blocks: Iterable[tuple[np.ndarray, np.ndarray]],
    count: int,
    shape: tuple[int, int, int],
    stage: str = "write",
    progress: Progress = ignore,
    digits: int = 5,
) -> None:
    """Make the new folder ``path`` an LMDB of ``count`` images of ``shape``, with the keys "00000", "00001", ...

    ``blocks`` yields (images, labels): (N, C, H, W) uint8 and (N) integers; one transaction each. All is on
    the disk when this returns. Raises DataError if ``path`` cannot be written.
    """
    size = count * (math.prod(shape) + _PER_RECORD) + _ROOM
    digits = max(digits, len(str(count - 1)))
    index = 0
    try:
        with lmdb.open(os.fspath(path), map_size=size, sync=False, lock=False) as env:
            for images, labels in blocks:
                with env.begin(write=True) as txn:
                    for image, label in zip(images, labels):
                        datum = datum_from_array(image, int(label))
                        txn.put(f"{index:0{digits}d}".encode(), datum.SerializeToString(), append=True)
                        index += 1
                progress(stage, index, count)
            env.sync(True)
    except (lmdb.Error, OSError) as error:
        free = shutil.disk_usage(os.path.dirname(os.path.abspath(path))).free
        reason = f"{free} bytes are free, {size} may be needed" if free < size else str(error)
        raise DataError(f"{path}: the LMDB cannot be written ({reason})") from None
