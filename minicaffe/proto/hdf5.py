"""Weights and solver states in Caffe's HDF5 form, which has no limit of 2 GB.

PREFIX.caffemodel.h5 has /data/LAYER/INDEX, and with diffs /diff/LAYER/INDEX; a group for every layer, a dataset for
every parameter. What is shared is stored where it belongs, and not again with those that share it; its diff is.
PREFIX.solverstate.h5 has iter, learned_net, current_step and /history/INDEX. ``minicaffe_resume`` beside them holds a
ResumeState in binary form; Caffe does not look at it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import MinicaffeError, ProtoError, UsageError, WeightsError, shape_text
from .files import replace_whole

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_RESUME = "minicaffe_resume"


def load_h5py() -> ModuleType:
    """The module h5py; UsageError where it is not installed."""
    try:
        import h5py
    except ImportError:
        raise UsageError("HDF5 files need h5py; expected it to be installed: pip install minicaffe[hdf5]") from None
    return h5py


def is_hdf5(path: str | os.PathLike) -> bool:
    """Whether ``path`` is an HDF5 file, by its content; False where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(len(SIGNATURE)) == SIGNATURE
    except (OSError, ValueError):  # a zero byte in the name is a ValueError
        return False


def read_weights_hdf5(path: str | os.PathLike) -> dict[str, list[np.ndarray | None]]:
    """As ``read_weights``; None stands for a parameter that the file keeps with another layer."""
    with _Reader(path, "weights in HDF5") as file:
        return dict(_layers(file, file.group("data"), ""))


def write_weights_hdf5(path: str | os.PathLike, layers: Iterable[tuple]) -> None:
    """Write weights, whole or not at all. ``layers`` are (name, [(array, diff or None, owned), ...])."""
    h5py = load_h5py()
    layers = [(name, list(blobs)) for name, blobs in layers]

    def fill(temporary: str) -> None:
        with h5py.File(temporary, "w") as file:
            with_diffs = any(diff is not None for _, blobs in layers for _, diff, _ in blobs)
            kinds = ("data", "diff") if with_diffs else ("data",)
            for kind in kinds:
                file.create_group(kind)
            for name, blobs in layers:
                try:
                    for kind in kinds:
                        file[kind].require_group(name)
                    for i, (array, diff, owned) in enumerate(blobs):
                        if owned:
                            file[f"data/{name}"].create_dataset(str(i), data=array)
                        if diff is not None:
                            file[f"diff/{name}"].create_dataset(str(i), data=diff)
                except (ValueError, TypeError) as error:
                    raise WeightsError(f'{path}: layer "{name}" has no place in HDF5: {_one_line(error)}') from None

    replace_whole(path, fill)


def read_state_hdf5(path: str | os.PathLike) -> tuple[int, str, int, list[np.ndarray], bytes | None]:
    """(iteration, learned_net, current_step, history, resume or None) of a solver state."""
    with _Reader(path, "a solver state in HDF5") as file:
        history = _numbered(file, file.group("history"), "history")
        if any(array is None for array in history):
            raise ProtoError(f"{path}: /history lacks a number, expected all from 0 to {len(history) - 1}")
        resume = file.array(_RESUME).tobytes() if _RESUME in file.file else None
        learned = file.array("learned_net").item() if "learned_net" in file.file else b""
        arrays = [array for array in history if array is not None]
        return file.integer("iter"), os.fsdecode(learned), file.integer("current_step"), arrays, resume


def write_state_hdf5(
    path: str | os.PathLike, iteration: int, learned_net: str, step: int, history: Iterable, resume: bytes
) -> None:
    """Write a solver state, whole or not at all."""
    h5py = load_h5py()

    def fill(temporary: str) -> None:
        with h5py.File(temporary, "w") as file:
            for name, number in (("iter", iteration), ("current_step", step)):
                file.create_dataset(name, data=np.array([number], np.int32))
            _write_text(h5py, file, "learned_net", os.fsencode(learned_net))
            group = file.create_group("history")
            for i, array in enumerate(history):
                group.create_dataset(str(i), data=array)
            file.create_dataset(_RESUME, data=np.frombuffer(resume, np.uint8))

    replace_whole(path, fill)


def _write_text(h5py: ModuleType, file: Any, name: str, text: bytes) -> None:
    """A scalar of bytes with a zero at the end: Caffe reads up to it."""
    kind = h5py.h5t.TypeID.copy(h5py.h5t.C_S1)
    kind.set_size(len(text) + 1)
    kind.set_strpad(h5py.h5t.STR_NULLTERM)
    dataset = h5py.h5d.create(file.id, name.encode(), kind, h5py.h5s.create(h5py.h5s.SCALAR))
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array(text, f"S{len(text) + 1}"), kind)


def _layers(file: _Reader, group: Any, name: str) -> Iterator[tuple[str, list]]:
    """(name, arrays) of the layers in a group; a layer named "a/b" is the group b in the group a."""
    inner = [key for key in group if hasattr(group[key], "keys")]
    arrays = _numbered(file, [key for key in group if key not in inner], f"data/{name}".rstrip("/"))
    if arrays:
        yield name, arrays
    for key in inner:
        yield from _layers(file, group[key], f"{name}/{key}".lstrip("/"))


def _numbered(file: _Reader, names: Iterable[str], place: str) -> list[np.ndarray | None]:
    """The datasets "0", "1", ... at ``place``, as float32, or float64 if they are; None for numbers left out."""
    names = list(names)
    for name in names:
        if not (name.isascii() and name.isdigit() and len(name) < 7):
            raise ProtoError(f'{file.path}: /{place} holds "{name}", expected datasets with a number for a name')
    arrays: list[np.ndarray | None] = [None] * (1 + max(map(int, names), default=-1))
    for name in names:
        array = file.array(f"{place}/{name}")
        if array.dtype.kind not in "fiu":
            raise ProtoError(f"{file.path}: /{place}/{name} is of type {array.dtype}, expected float32 or float64")
        arrays[int(name)] = array if array.dtype == np.float64 else array.astype(np.float32, copy=False)
    return arrays


class _Reader:
    """An open file whose every fault is a ProtoError that says what was ``wanted``."""

    def __init__(self, path: str | os.PathLike, wanted: str) -> None:
        self.path, self.wanted = path, wanted
        h5py = load_h5py()
        try:
            self.file = h5py.File(path, "r")
        except OSError as error:
            raise self._damaged(error) from None

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.file.close()
        faults = (OSError, RuntimeError, KeyError, TypeError, ValueError, MemoryError)
        if isinstance(error, faults) and not isinstance(error, MinicaffeError):
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> ProtoError:
        return ProtoError(f"{self.path}: is cut short or damaged, expected {self.wanted} ({_one_line(error)})")

    def group(self, name: str) -> Any:
        if name not in self.file or not hasattr(self.file[name], "keys"):
            found = ", ".join(f"/{key}" for key in list(self.file)[:6]) or "nothing"
            raise ProtoError(f"{self.path}: holds {found} and no group /{name}, expected {self.wanted}")
        return self.file[name]

    def array(self, name: str) -> np.ndarray:
        """A whole dataset."""
        if not hasattr(self.file[name], "dtype"):
            raise ProtoError(f"{self.path}: /{name} is no dataset, expected {self.wanted}")
        return np.asarray(self.file[name][()])

    def integer(self, name: str) -> int:
        array = self.array(name) if name in self.file else np.zeros(0)
        if array.size != 1 or array.dtype.kind not in "iu":
            shape = f"{array.dtype} of {shape_text(array.shape)}" if name in self.file else "not there"
            raise ProtoError(f"{self.path}: /{name} is {shape}, expected one whole number")
        return int(array.item())


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
