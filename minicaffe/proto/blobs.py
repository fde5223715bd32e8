"""Arrays and BlobProto messages, without a Python number per element: 60 million floats take a fraction of a second."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ProtoError, plural, shape_text
from . import caffe_pb2
from .binary import stranger
from .schema import Message
from .wire import fields, length_field

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_DATA, _DIFF, _DOUBLE_DATA, _DOUBLE_DIFF = 5, 6, 8, 9  # field numbers of BlobProto
_LEGACY = ("num", "channels", "height", "width")

MOST_AXES, MOST_NUMBERS = 32, 2**31 - 1
"""The bounds of Caffe's blobs."""


def blob_shape(blob: Message) -> tuple[int, ...]:
    """The extents of a BlobProto, from ``shape`` or the older num, channels, height and width.

    ProtoError if it has neither, a negative extent, or more axes or numbers than a blob can have.
    """
    if blob.HasField("shape"):
        shape = tuple(blob.shape.dim)
    elif any(blob.HasField(name) for name in _LEGACY):
        shape = tuple(getattr(blob, name) for name in _LEGACY)
    else:
        raise ProtoError("a blob has no shape")
    if min(shape, default=0) < 0 or len(shape) > MOST_AXES or math.prod(max(n, 1) for n in shape) > MOST_NUMBERS:
        raise ProtoError(f"a blob has the impossible shape {shape_text(shape)}")
    return shape


def array_from_blob(blob: Message) -> np.ndarray:
    """The data of a BlobProto as a new array of its shape: float64 if it holds doubles, else float32.

    ProtoError if the number of values does not fit the shape.
    """
    shape = blob_shape(blob)
    raw = blob.SerializeToString()
    for number, dtype in ((_DOUBLE_DATA, "<f8"), (_DATA, "<f4")):
        parts = [np.frombuffer(raw[f.start : f.stop], dtype) for f in fields(raw) if f.number == number]
        if parts:
            break
    values = np.concatenate(parts) if parts else np.empty(0, np.float32)
    if values.size != math.prod(shape):
        strange = stranger(raw, blob.DESCRIPTOR)
        raise ProtoError(
            f"a blob of {shape_text(shape)} holds {plural(values.size, 'value')}, expected {math.prod(shape)}"
            + (f"; {strange} (written by a fork of Caffe?)" if strange else "")
        )
    return values.astype(values.dtype.newbyteorder("="), copy=False).reshape(shape)


def blob_from_array(array: ArrayLike, diff: ArrayLike | None = None) -> Message:
    """A BlobProto with the shape and data of ``array``, and ``diff`` of the same shape if given.

    float64 is kept; anything else is stored as float32.
    """
    blob = caffe_pb2.BlobProto()
    fill_blob(blob, array, diff)
    return blob


def fill_blob(blob: Message, array: ArrayLike, diff: ArrayLike | None = None) -> None:
    """``blob_from_array`` into an empty BlobProto that stands in a message already."""
    array = np.asarray(array)
    blob.shape.dim.extend(array.shape)
    blob.shape.SetInParent()
    double = array.dtype == np.float64
    for values, number in ((array, _DATA), (diff, _DIFF)):
        if values is not None and np.size(values):
            if double:
                number = _DOUBLE_DATA if number == _DATA else _DOUBLE_DIFF
            raw = np.asarray(values, "<f8" if double else "<f4").tobytes()
            blob.MergeFromString(length_field(number, raw))
