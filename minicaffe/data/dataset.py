"""A data set as Caffe's examples lay it out: two LMDBs, the mean image and, for some, the class names."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DataError, MinicaffeError
from ..proto import read_mean, write_mean
from .lmdb_source import LmdbSource
from .lmdb_writer import write_lmdb
from .mean import compute_mean
from .progress import Progress, ignore

__all__ = ["SHAPE", "Blocks", "DataSet", "workshop"]

SHAPE = (3, 32, 32)
Blocks = Iterable[tuple[np.ndarray, np.ndarray]]
"""Images (N, C, H, W) uint8 and labels (N), some at a time."""

_TEMPORARY = ".building"


@dataclass(frozen=True)
class DataSet:
    """``folder`` with NAME_train_lmdb, NAME_test_lmdb, mean.binaryproto (of the training set) and batches.meta.txt.

    ``train_count`` and ``test_count`` are the records; ``fresh`` tells whether this call has made them. ``shape`` is
    that of an image, and a key has at least ``digits`` digits.
    """

    folder: Path
    name: str
    train_count: int
    test_count: int
    fresh: bool = False
    shape: tuple[int, int, int] = SHAPE
    digits: int = 5

    @property
    def train(self) -> Path:
        return self.folder / f"{self.name}_train_lmdb"

    @property
    def test(self) -> Path:
        return self.folder / f"{self.name}_test_lmdb"

    @property
    def mean(self) -> Path:
        return self.folder / "mean.binaryproto"

    @property
    def classes(self) -> Path:
        return self.folder / "batches.meta.txt"

    def complete(self) -> bool:
        """Whether both LMDBs have all their records and the mean can be read."""
        try:
            return (
                _count(self.train) == self.train_count
                and _count(self.test) == self.test_count
                and read_mean(str(self.mean)).size == math.prod(self.shape)
            )
        except MinicaffeError:
            return False

    def write(self, train: Blocks, test: Blocks, classes: Sequence[str], progress: Progress = ignore) -> None:
        """Fill ``folder``, which has none of it yet; without ``classes`` there is no file of their names."""
        write_lmdb(self.train, train, self.train_count, self.shape, "train", progress, self.digits)
        write_lmdb(self.test, test, self.test_count, self.shape, "test", progress, self.digits)
        source = LmdbSource(self.train)
        write_mean(str(self.mean), compute_mean(source, progress))
        source.close()
        if classes:
            self.classes.write_text("".join(f"{name}\n" for name in classes))

    def move_to(self, folder: Path) -> None:
        """Put everything into ``folder``, in place of what has the same name there."""
        for piece in filter(Path.exists, (self.train, self.test, self.classes, self.mean)):
            target = folder / piece.name
            if target.is_dir():
                shutil.rmtree(target)
            os.replace(piece, target)


@contextmanager
def workshop(out: Path, name: str = _TEMPORARY) -> Iterator[Path]:
    """A temporary folder ``name`` inside ``out``, gone afterwards; if the work fails, ``out`` is as it was.

    Raises DataError where the disk refuses.
    """
    missing = [folder for folder in (out, *out.parents) if not folder.exists()]
    temporary = out / name
    try:
        shutil.rmtree(temporary, ignore_errors=True)  # of a run that was killed
        temporary.mkdir(parents=True)
        yield temporary
        missing = []
    except OSError as error:
        raise DataError(f"{error.filename or out}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        for folder in missing:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _count(path: Path) -> int:
    source = LmdbSource(path)
    source.close()
    return source.count
