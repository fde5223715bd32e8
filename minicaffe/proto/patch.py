"""Weights of a file replaced, a few of them, and everything else left as it is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ProtoError, WeightsError, shape_text
from . import caffe_pb2
from .blobs import array_from_blob, fill_blob
from .files import read_message, replace_whole, write_message
from .hdf5 import is_hdf5, load_h5py

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Patch = Mapping[str, Mapping[int, np.ndarray]]


def patch_weights(source: str | os.PathLike, out: str | os.PathLike, patch: Patch) -> None:
    """Write ``source``, binary or HDF5, to ``out`` with the blobs of ``patch`` (layer -> number -> values) in it.

    The values take the shape and the type of those that they replace. ``out`` is written whole or not at all, and may
    be ``source``. ProtoError where a file cannot be read or written; WeightsError where ``source`` has no such blob,
    or one of another size.
    """
    source, out = os.fspath(source), os.fspath(out)
    if is_hdf5(source) != out.endswith(".h5"):
        form, end = ("HDF5", "ends in .h5") if is_hdf5(source) else ("binary", "does not end in .h5")
        raise ProtoError(f"{out}: is written in the form of {source}, which is {form}; expected a name that {end}")
    (_patch_hdf5 if is_hdf5(source) else _patch_binary)(source, out, patch)


def _patch_binary(source: str, out: str, patch: Patch) -> None:
    net = read_message(source, caffe_pb2.NetParameter)
    layers = {layer.name: layer for layer in net.layer if layer.blobs}
    for name, values in patch.items():
        for number, array in values.items():
            blobs = layers[name].blobs if name in layers else ()
            if number >= len(blobs):
                raise _missing(source, name, number)
            replaced = _in_place_of(array_from_blob(blobs[number]), array, source, name, number)
            blobs[number].Clear()
            fill_blob(blobs[number], replaced)
    write_message(out, net)


def _patch_hdf5(source: str, out: str, patch: Patch) -> None:
    h5py = load_h5py()

    def fill(temporary: str) -> None:
        shutil.copyfile(source, temporary)
        with h5py.File(temporary, "r+") as file:
            for name, values in patch.items():
                for number, array in values.items():
                    dataset = file.get(f"data/{name}/{number}")
                    if dataset is None:
                        raise _missing(source, name, number)
                    dataset[...] = _in_place_of(dataset[...], array, source, name, number)

    replace_whole(out, fill)


def _missing(source: str, name: str, number: int) -> WeightsError:
    return WeightsError(f'{source}: has no blob {number} of a layer "{name}"; expected the weights of this net')


def _in_place_of(old: np.ndarray, new: ArrayLike, source: str, name: str, number: int) -> np.ndarray:
    new = np.asarray(new)
    if new.size != old.size:
        raise WeightsError(
            f'{source}: blob {number} of layer "{name}" is {shape_text(old.shape)}; expected {shape_text(new.shape)}'
        )
    return new.reshape(old.shape).astype(old.dtype)
