"""Weights, solver states and mean images: Caffe's own files, read into arrays and written from them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ProtoError, WeightsError, shape_text
from . import caffe_pb2
from .blobs import array_from_blob, fill_blob
from .files import LARGEST, read_message, write_message
from .hdf5 import is_hdf5, read_weights_hdf5
from .schema import Message

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_LARGEST = LARGEST - (1 << 24)  # the rest is for the options of layers, shapes and names


def read_weights(path: str | os.PathLike) -> dict[str, list[np.ndarray | None]]:
    """The blobs of each layer of a caffemodel that has any, by the layer's name, in the order of the file.

    Takes the present form of layers and the older two, and HDF5, told by the content; there None stands for a
    parameter that is kept with another layer. ProtoError if the file is not a caffemodel or is damaged; WeightsError
    if two layers of one name have blobs.
    """
    if is_hdf5(path):
        return read_weights_hdf5(path)
    net = read_message(path, caffe_pb2.NetParameter)
    weights: dict[str, list[np.ndarray | None]] = {}
    old = [layer.layer if layer.HasField("layer") else layer for layer in net.layers]
    for layer in [*net.layer, *old]:
        if not layer.blobs:
            continue
        if layer.name in weights:
            raise WeightsError(f'{path}: two layers are named "{layer.name}", expected weights for one')
        try:
            weights[layer.name] = [array_from_blob(blob) for blob in layer.blobs]
        except ProtoError as error:
            raise ProtoError(f'{path}: layer "{layer.name}": {error}') from None
    return weights


def write_weights(path: str | os.PathLike, net_name: str, layers: Iterable[tuple]) -> None:
    """Write a caffemodel, whole or not at all.

    ``layers`` are (LayerParameter, [(array, diff or None), ...]): the layer as the net has it, ``phase`` included, and
    its parameters. WeightsError if that is more than one protobuf message can hold.
    """
    layers = [(param, list(blobs)) for param, blobs in layers]
    size = sum(np.asarray(a).nbytes for _, blobs in layers for blob in blobs for a in blob if a is not None)
    check_size(path, size, "weights")
    net = caffe_pb2.NetParameter(name=net_name)
    for param, blobs in layers:
        layer = net.layer.add()
        layer.CopyFrom(param)
        layer.ClearField("blobs")
        for array, diff in blobs:
            fill_blob(layer.blobs.add(), array, diff)
    write_message(path, net)


def check_size(path: str | os.PathLike, size: int, what: str) -> None:
    """Raise WeightsError where ``size`` bytes are more than one protobuf message can hold."""
    if size > _LARGEST:
        raise WeightsError(
            f"{path}: the {what} are {size} bytes, expected at most {_LARGEST} for a binary file; "
            "HDF5 has no such limit: snapshot_format: HDF5, or Net.save_hdf5"
        )


def read_state(path: str | os.PathLike) -> Message:
    """The SolverState of a binary solverstate."""
    return read_message(path, caffe_pb2.SolverState)


def write_state(path: str | os.PathLike, state: Message) -> None:
    """Write a SolverState, whole or not at all."""
    write_message(path, state)


def read_mean(path: str | os.PathLike) -> np.ndarray:
    """The mean image of a binaryproto, (channels, height, width) float32."""
    try:
        array = array_from_blob(read_message(path, caffe_pb2.BlobProto))
    except ProtoError as error:
        raise error if str(error).startswith(str(path)) else ProtoError(f"{path}: {error}") from None
    while array.ndim > 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 3:
        raise ProtoError(f"{path}: holds a blob of {shape_text(array.shape)}, expected one mean image of 3 axes")
    return array.astype(np.float32, copy=False)


def write_mean(path: str | os.PathLike, mean: ArrayLike) -> None:
    """Write a mean image (channels, height, width) as Caffe's tools do: one image in the older form of shape."""
    blob = caffe_pb2.BlobProto()
    fill_blob(blob, np.asarray(mean, np.float32))
    blob.num = 1
    blob.channels, blob.height, blob.width = blob.shape.dim
    blob.ClearField("shape")
    write_message(path, blob)
