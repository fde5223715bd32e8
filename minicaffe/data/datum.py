"""Caffe's Datum, the record of its databases: bytes in, one image as an array and its label out."""

from __future__ import annotations

import io

import numpy as np

from ..errors import DataError, plural, shape_text
from ..proto import caffe_pb2

__all__ = ["datum_from_array", "read_datum"]


def read_datum(value: bytes, color: bool | None = None) -> tuple[np.ndarray, int]:
    """One serialized Datum as (image of shape C, H, W; label). The image is uint8, or float32 for ``float_data``.

    An encoded image comes out with blue first, as OpenCV and so Caffe have it; ``color`` True makes it three
    channels, False one, None leaves what the file holds. Raises DataError with the bare sentence.
    """
    datum = caffe_pb2.Datum()
    try:
        datum.ParseFromString(value)
    except Exception:  # the class of protobuf's DecodeError moved between its releases
        raise DataError(f"a value of {plural(len(value), 'byte')} that is no Datum") from None
    if datum.encoded:
        return _decode(datum.data, color), datum.label
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


def datum_from_array(image: np.ndarray, label: int):
    """The Datum that holds ``image`` (C, H, W; uint8) as raw bytes, with the fields that Caffe's tools set."""
    channels, height, width = image.shape
    return caffe_pb2.Datum(
        channels=channels, height=height, width=width, data=image.astype(np.uint8).tobytes(), label=label
    )


def _decode(data: bytes, color: bool | None) -> np.ndarray:
    try:
        from PIL import Image
    except ImportError:
        raise DataError(
            "an encoded image needs pillow, which is not installed: pip install minicaffe[images]"
        ) from None
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture = picture.convert(_mode(picture.mode, color))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{len(data)} bytes of an encoded image that cannot be decoded ({error})") from None
    pixels = np.asarray(picture)
    if pixels.ndim == 2:
        return pixels[None]
    order = (2, 1, 0, 3)[: pixels.shape[2]]
    return np.ascontiguousarray(pixels[:, :, order].transpose(2, 0, 1))


def _mode(mode: str, color: bool | None) -> str:
    """The pillow mode to convert to: grey, RGB or RGBA."""
    if mode.startswith(("I", "F")):
        raise ValueError(f"pixels of mode {mode}; expected 8 bits a channel")
    if color is not None:
        return "RGB" if color else "L"
    if mode in ("1", "L"):
        return "L"
    return "RGBA" if mode in ("RGBA", "LA", "PA") else "RGB"
