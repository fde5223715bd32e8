"""CIFAR-10, from its binary version to the LMDBs and the mean that Caffe's example trains on."""

from __future__ import annotations

import dataclasses
import gzip
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, cast

import numpy as np

from ..errors import DataError, did_you_mean
from .dataset import SHAPE, DataSet, workshop
from .fetch import fetch
from .progress import Progress, ignore

__all__ = ["ARCHIVE", "MD5", "URL", "build_cifar10"]

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
ARCHIVE = "cifar-10-binary.tar.gz"

_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_TRAIN = tuple(f"data_batch_{k}.bin" for k in range(1, 6))
_TEST = ("test_batch.bin",)
_RECORD = 1 + SHAPE[0] * SHAPE[1] * SHAPE[2]  # bytes: the label, then red, green and blue, row by row
_BLOCK = 1000


def build_cifar10(
    source: str | os.PathLike | None,
    out: str | os.PathLike,
    progress: Progress = ignore,
    *,
    records: int = 10_000,
) -> DataSet:
    """Make cifar10_train_lmdb, cifar10_test_lmdb, mean.binaryproto and batches.meta.txt in ``out``.

    ``source`` is a folder with data_batch_1.bin to data_batch_5.bin and test_batch.bin, or the archive of them;
    None fetches the official archive into ``out``. The records keep the order of the files, as with Caffe's
    convert_cifar_data. If all is there already, nothing is done. Either everything appears or nothing does.
    ``records`` is the number of records in each file. Raises DataError that names the file and what is wrong.
    """
    out = Path(out)
    result = DataSet(out, "cifar10", records * len(_TRAIN), records * len(_TEST))
    if result.complete():
        return result
    if source is not None:
        source = Path(source)
        _check_source(source)
    else:
        source = out / ARCHIVE
        fetch(URL, source, MD5, progress)
    with workshop(out) as temporary:
        if source.is_dir():
            folder = _folder(source)
            files = _Files(folder, f"{folder}{os.sep}", records)
        else:
            files = _Files(_extract(source, temporary, progress), f"{source}: ", records)
        files.check_sizes()
        made = dataclasses.replace(result, folder=temporary)
        made.write(files.blocks(_TRAIN), files.blocks(_TEST), _CLASSES, progress)
        made.move_to(out)
    return dataclasses.replace(result, fresh=True)


def _check_source(source: Path) -> None:
    if source.is_dir():
        _folder(source)
    elif not source.exists():
        siblings = [entry.name for entry in source.parent.iterdir()] if source.parent.is_dir() else []
        raise DataError(f"{source}: no such file or folder{did_you_mean(source.name, siblings)}")


def _folder(source: Path) -> Path:
    """The folder with the six files: ``source`` or, as the archive unpacks, one folder below it."""
    below = source / "cifar-10-batches-bin"
    folder = below if below.is_dir() else source
    missing = [name for name in (*_TRAIN, *_TEST) if not (folder / name).is_file()]
    _check_names(source, missing, python=(folder / "data_batch_1").is_file())
    return folder


def _check_names(source: Path, missing: Sequence[str], python: bool) -> None:
    if missing and python:
        raise DataError(f"{source}: this is the Python version of CIFAR-10; expected the binary version ({ARCHIVE})")
    if missing:
        raise DataError(f"{source}: no {', '.join(missing)}; expected the binary version of CIFAR-10 ({ARCHIVE})")


def _extract(archive: Path, temporary: Path, progress: Progress) -> Path:
    """Unpack the six files, and nothing else, into a folder of their own."""
    folder = temporary / "source"
    folder.mkdir()
    wanted = {*_TRAIN, *_TEST}
    total, python = len(wanted), False
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = Path(member.name).name
                python = python or name == "data_batch_1"
                if name in wanted and member.isfile():
                    with cast(IO[bytes], tar.extractfile(member)) as packed, open(folder / name, "wb") as file:
                        shutil.copyfileobj(packed, file)
                    wanted.remove(name)
                    progress("extract", total - len(wanted), total)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError(f"{archive}: no tar archive, or not whole; expected a folder or {ARCHIVE}") from None
    _check_names(archive, sorted(wanted), python)
    return folder


@dataclasses.dataclass(frozen=True)
class _Files:
    """The six files in ``folder``; errors name them with ``place`` in front."""

    folder: Path
    place: str
    records: int

    def check_sizes(self) -> None:
        expected = self.records * _RECORD
        for name in (*_TRAIN, *_TEST):
            found = (self.folder / name).stat().st_size
            if found != expected:
                raise DataError(
                    f"{self.place}{name}: found {found} bytes, expected {expected} "
                    f"({self.records} records of {_RECORD} bytes)"
                )

    def blocks(self, names: Sequence[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Images and labels of these files, some at a time, in order."""
        for name in names:
            rows = np.fromfile(self.folder / name, np.uint8).reshape(-1, _RECORD)
            labels = rows[:, 0]
            if labels.max() >= len(_CLASSES):
                bad = int(np.argmax(labels >= len(_CLASSES)))
                raise DataError(f"{self.place}{name}: record {bad} has label {labels[bad]}; expected 0 to 9")
            for start in range(0, len(rows), _BLOCK):
                block = rows[start : start + _BLOCK]
                yield block[:, 1:].reshape(-1, *SHAPE), block[:, 0]
