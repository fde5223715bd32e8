"""MNIST, from its IDX files to the LMDBs that Caffe's example trains on."""

from __future__ import annotations

import dataclasses
import gzip
import math
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..errors import DataError, did_you_mean, plural, shape_text
from .dataset import DataSet, workshop
from .fetch import fetch
from .progress import Progress, ignore

__all__ = ["FILES", "MD5", "URL", "build_mnist"]

URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
"""A mirror: the files' first home refuses programs."""

MD5 = {
    "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
}
"""Of the packed files, NAME.gz."""

FILES = tuple(MD5)

_SHAPE, _TRAIN, _TEST = (1, 28, 28), 60_000, 10_000
_BLOCK = 1000


def build_mnist(source: str | os.PathLike | None, out: str | os.PathLike, progress: Progress = ignore) -> DataSet:
    """Make mnist_train_lmdb, mnist_test_lmdb and mean.binaryproto in ``out``.

    ``source`` is a folder with the four FILES, packed or not; sets of the same form and any size will do. None fetches
    MNIST into ``out``. The records keep the order of the files and have keys of eight digits, as with Caffe's
    convert_mnist_data. If all is there already, nothing is done. Either everything appears or nothing does. Raises
    DataError that names the file and what is wrong.
    """
    out = Path(out)
    result = DataSet(out, "mnist", _TRAIN, _TEST, shape=_SHAPE, digits=8)
    if source is None:
        if result.complete():
            return result
        for name, md5 in MD5.items():
            fetch(f"{URL}{name}.gz", out / f"{name}.gz", md5, progress)
        source = out
    train, test = (_Pair.read(*(_find(Path(source), name) for name in names)) for names in (FILES[:2], FILES[2:]))
    if train.shape != test.shape:
        found, expected = shape_text(test.shape), shape_text(train.shape)
        raise DataError(f"{test.place}: images of {found}, but those of {train.place} are {expected}")
    result = dataclasses.replace(result, train_count=train.count, test_count=test.count, shape=train.shape)
    if result.complete():
        return result
    with workshop(out) as temporary:
        made = dataclasses.replace(result, folder=temporary)
        made.write(train.blocks(), test.blocks(), (), progress)
        made.move_to(out)
    return dataclasses.replace(result, fresh=True)


def _find(folder: Path, name: str) -> Path:
    """The file ``name`` in ``folder``, as it is or packed, with a hyphen or a dot before "idx"."""
    for spelled in (name, name.replace("-idx", ".idx")):
        for path in (folder / spelled, folder / f"{spelled}.gz"):
            if path.is_file():
                return path
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "no such folder"
        siblings = [entry.name for entry in folder.parent.iterdir()] if folder.parent.is_dir() else []
        near = did_you_mean(folder.name, siblings) if not folder.exists() else ""
        raise DataError(f"{folder}: {what}{near or f'; expected a folder with {name} or {name}.gz'}")
    raise DataError(f"{folder}: neither {name} nor {name}.gz is there")


@dataclasses.dataclass(frozen=True)
class _Pair:
    """The images (N, 1, H, W) and labels (N) of two IDX files; ``place`` names the file of images."""

    place: str
    images: np.ndarray
    labels: np.ndarray

    @classmethod
    def read(cls, image_file: Path, label_file: Path) -> _Pair:
        images, labels = _read_idx(image_file, 3), _read_idx(label_file, 1)
        if len(images) != len(labels):
            raise DataError(
                f"{label_file}: {plural(len(labels), 'label')}, but {image_file} has {plural(len(images), 'image')}"
            )
        if not images.size:
            raise DataError(f"{image_file}: images of {shape_text(images.shape)}; expected at least one pixel")
        return cls(os.fspath(image_file), images[:, None], labels)

    @property
    def count(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int, int]:
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, self.count, _BLOCK):
            yield self.images[start : start + _BLOCK], self.labels[start : start + _BLOCK]


def _read_idx(path: Path, axes: int) -> np.ndarray:
    """An IDX file of bytes: two zero bytes, 8 (bytes), the number of axes, each length (32 bits, big-endian), data."""
    data = _unpacked(path)
    expected = 0x800 + axes
    magic = int.from_bytes(data[:4], "big")
    if len(data) >= 4 and magic != expected:
        raise DataError(f"{path}: begins with {magic}, expected {expected}, an IDX file of bytes with {axes} axes")
    start = 4 + 4 * axes
    if len(data) < start:
        raise DataError(f"{path}: {plural(len(data), 'byte')}, expected at least {start} of an IDX file's head")
    shape = tuple(int(length) for length in np.frombuffer(data, ">u4", axes, 4))
    size = start + math.prod(shape)
    if len(data) != size:
        raise DataError(f"{path}: {len(data)} bytes, expected {size}, as its head says {shape_text(shape)}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _unpacked(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: cannot be unpacked ({error})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
