"""Caffe's Datum, the record of its databases: bytes in, one image as an array and its label out."""

from __future__ import annotations

import numpy as np

from ..errors import DataError, plural, shape_text
from ..proto import Message, caffe_pb2
from .images import decode_image

__all__ = ["datum_from_array", "read_datum"]


def read_datum(value: bytes, color: bool | None = None) -> tuple[np.ndarray, int]:
    """One serialized Datum as (image of shape C, H, W; label). The image is uint8, or float32 for ``float_data``.

    ``color`` tells how an encoded image is read: see ``decode_image``. Raises DataError with the bare sentence.
    """
    datum = caffe_pb2.Datum()
    try:
        datum.ParseFromString(value)
    except Exception:  # the class of protobuf's DecodeError moved between its releases
        raise DataError(f"a value of {plural(len(value), 'byte')} that is no Datum") from None
    if datum.encoded:
        return decode_image(datum.data, color), datum.label
    shape = (datum.channels, datum.height, datum.width)
    if min(shape) < 1:
        raise DataError(f"no Datum of an image: its shape is {shape_text(shape)}")
    if datum.data:
        image = np.frombuffer(datum.data, np.uint8)
    else:
        image = np.array(datum.float_data, np.float32)
    size = shape[0] * shape[1] * shape[2]
    if image.size != size:
        raise DataError(f"a Datum of {image.size} values, but its shape {shape_text(shape)} needs {size}")
    return image.reshape(shape), datum.label


def datum_from_array(image: np.ndarray, label: int) -> Message:
    """The Datum that holds ``image`` (C, H, W; uint8) as raw bytes, with the fields that Caffe's tools set."""
    channels, height, width = image.shape
    return caffe_pb2.Datum(
        channels=channels, height=height, width=width, data=image.astype(np.uint8).tobytes(), label=label
    )
