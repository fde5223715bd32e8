"""Images on their way into a net and back, and arrays as Caffe's messages. The names are pycaffe's."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .data.datum import read_datum
from .data.images import read_image
from .data.interpolation import ORDERS, interpolate
from .errors import DataError, ProtoError, UsageError, did_you_mean, plural, shape_text
from .proto import Message, array_from_blob, blob_from_array, caffe_pb2

__all__ = [
    *("ArrayError", "Transformer", "array_to_blobproto", "array_to_datum", "arraylist_to_blobprotovector_str"),
    *("blobproto_to_array", "blobprotovector_str_to_arraylist", "datum_to_array", "load_image", "oversample"),
    "resize_image",
]

_LUMINANCE = np.array([0.2125, 0.7154, 0.0721])  # of red, green and blue, as scikit-image weighs them


class ArrayError(DataError, ValueError):
    """An array or a message of a shape that makes no sense here."""


# -- messages ------------------------------------------------------------------------------------------------


def blobproto_to_array(blob: Message, return_diff: bool = False) -> np.ndarray:
    """The data, or with ``return_diff`` the diff, of a BlobProto in its shape: float32, float64 if it holds doubles.

    A blob of one number needs no shape. Raises ArrayError where shape and numbers do not fit.
    """
    if return_diff:
        other = caffe_pb2.BlobProto(data=blob.diff, double_data=blob.double_diff)
        other.MergeFrom(_without_numbers(blob))
        blob = other
    try:
        return array_from_blob(blob)
    except ProtoError as error:
        numbers = blob.double_data or blob.data
        if len(numbers) == 1 and _without_numbers(blob).ByteSize() == 0:
            return np.array(numbers[0], np.float64 if blob.double_data else np.float32)
        raise ArrayError(str(error)) from None


def _without_numbers(blob: Message) -> Message:
    bare = caffe_pb2.BlobProto()
    for field, value in blob.ListFields():
        if field.name == "shape":
            bare.shape.CopyFrom(value)
        elif field.name not in ("data", "diff", "double_data", "double_diff"):
            setattr(bare, field.name, value)
    return bare


def array_to_blobproto(arr: ArrayLike, diff: ArrayLike | None = None) -> Message:
    """The BlobProto of an array of any shape, and of its ``diff``; numbers are stored as float32."""
    if diff is not None and np.shape(diff) != np.shape(arr):
        raise ArrayError(f"the diff is {shape_text(np.shape(diff))}; expected {shape_text(np.shape(arr))} as the data")
    return blob_from_array(np.asarray(arr, np.float32), diff)


def arraylist_to_blobprotovector_str(arraylist: Iterable[np.ndarray]) -> bytes:
    """Arrays as the bytes of a BlobProtoVector."""
    return caffe_pb2.BlobProtoVector(blobs=[array_to_blobproto(array) for array in arraylist]).SerializeToString()


def blobprotovector_str_to_arraylist(string: bytes) -> list[np.ndarray]:
    """The arrays in the bytes of a BlobProtoVector. Raises ArrayError for other bytes."""
    vector = caffe_pb2.BlobProtoVector()
    try:
        vector.ParseFromString(string)
    except Exception:  # the class of protobuf's DecodeError moved between its releases
        raise ArrayError(f"{plural(len(string), 'byte')} that are no BlobProtoVector") from None
    return [blobproto_to_array(blob) for blob in vector.blobs]


def array_to_datum(arr: ArrayLike, label: int | np.integer | None = None) -> Message:
    """The Datum of an image (K, H, W): uint8 as bytes, anything else as floats. Raises ArrayError for other shapes."""
    arr = np.asarray(arr)
    if arr.ndim != 3:
        raise ArrayError(f"the array is {shape_text(arr.shape)}; expected an image of 3 axes (K, H, W)")
    datum = caffe_pb2.Datum(**dict(zip(("channels", "height", "width"), arr.shape)))
    if label is not None:
        datum.label = int(label)
    if arr.dtype == np.uint8:
        datum.data = arr.tobytes()
    else:
        datum.float_data.extend(arr.astype(np.float64).ravel().tolist())
    return datum


def datum_to_array(datum: Message) -> np.ndarray:
    """The image of a Datum, (K, H, W): uint8 (an encoded one blue first), or float32. The label is ``datum.label``.

    Raises DataError where shape and numbers do not fit, or an encoded image cannot be read.
    """
    return read_datum(datum.SerializeToString())[0]


# -- images --------------------------------------------------------------------------------------------------


def load_image(filename: str | os.PathLike, color: bool = True) -> np.ndarray:
    """The image of a file as (H, W, 3) float32 in [0, 1], red first; (H, W, 1), the luminance, unless ``color``.

    A grey image is repeated, transparency is dropped. Needs pillow. Raises DataError that names the file.
    """
    pixels = read_image(filename, None)[:3][::-1].transpose(1, 2, 0)
    image = (np.arange(256) / 255).astype(np.float32)[pixels]
    if color:
        return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
    return image if image.shape[2] == 1 else (image @ _LUMINANCE).astype(np.float32)[:, :, None]


def resize_image(im: np.ndarray, new_dims: Sequence[int] | np.ndarray, interp_order: int = 1) -> np.ndarray:
    """An image (H, W, K) as (height, width, K) float32, for ``new_dims`` (height, width).

    ``interp_order`` 0 takes the nearest pixel, 1 is bilinear, 3 bicubic. Departure from pycaffe: beyond the edge counts
    the edge, not the least value of the image, for any number of channels. Raises ArrayError for other shapes.
    """
    im = np.asarray(im)
    height, width = (int(size) for size in new_dims)
    if interp_order not in ORDERS:
        known = ", ".join(f"{order} ({name})" for order, name in ORDERS.items())
        raise UsageError(f"interp_order is {interp_order}; expected one of {known}")
    if im.ndim != 3 or 0 in im.shape or height < 1 or width < 1:
        raise ArrayError(
            f"the image is {shape_text(im.shape)}, to become {height} x {width}; "
            "expected three axes (H, W, K), none empty"
        )
    return interpolate(im, height, width, interp_order)


def oversample(images: Sequence[np.ndarray] | np.ndarray, crop_dims: Sequence[int] | np.ndarray) -> np.ndarray:
    """Ten crops of each image: the four corners and the centre, then the same mirrored.

    ``images`` are N of (H, W, K), ``crop_dims`` (height, width). Returns (10 N, height, width, K) float32, the crops of
    an image side by side. Raises ArrayError where a crop is larger than the images.
    """
    height, width = (int(size) for size in crop_dims)
    rows, columns, channels = np.shape(images[0])
    down, right = rows - height, columns - width
    if down < 0 or right < 0:
        raise ArrayError(f"crops of {height} x {width} from images of {rows} x {columns}; expected smaller crops")
    corners = [(y, x) for y in (0, down) for x in (0, right)]
    crops = np.empty((len(images), 2, 5, height, width, channels), np.float32)
    for number, image in enumerate(images):
        for place, (y, x) in enumerate([*corners, (down // 2, right // 2)]):
            crops[number, 0, place] = image[y : y + height, x : x + width]
    crops[:, 1] = crops[:, 0, :, :, ::-1]
    return crops.reshape(-1, height, width, channels)


class Transformer:
    """Turns images into what a net's inputs take, and back.

    ``inputs`` are the shapes of the net's inputs, (N, K, H, W), by name. For each of them one sets what is to be done;
    what is not set is not done. ``preprocess``: resize, transpose, swap channels, times raw_scale, minus mean, times
    input_scale. Departures from pycaffe: the image that is given never changes, what does not fit is an error.
    """

    def __init__(self, inputs: Mapping[str, Sequence[int]]):
        self.inputs = {name: tuple(shape) for name, shape in inputs.items()}
        self.transpose: dict[str, Sequence[int]] = {}
        self.channel_swap: dict[str, Sequence[int]] = {}
        self.raw_scale: dict[str, float] = {}
        self.mean: dict[str, np.ndarray] = {}
        self.input_scale: dict[str, float] = {}

    def preprocess(self, in_: str, data: np.ndarray) -> np.ndarray:
        """The image ``data`` (H', W', K) as input ``in_`` takes it: (K, H, W) float32."""
        wanted = self._shape(in_)[1:]
        image = np.asarray(data)
        transpose, swap = self.transpose.get(in_), self.channel_swap.get(in_)
        if image.shape[:2] != wanted[1:] and (transpose is not None or image.shape != wanted):
            image = resize_image(image, wanted[1:])
        if transpose is not None:
            image = image.transpose(transpose)
        if image.shape != wanted:
            raise ArrayError(
                f'the image {shape_text(np.shape(data))} becomes {shape_text(image.shape)}; input "{in_}" takes '
                f"{shape_text(wanted)}" + ("; expected set_transpose" if transpose is None else "")
            )
        image = np.array(image if swap is None else image[list(swap)], np.float32)
        raw_scale, mean, input_scale = self._numbers(in_)
        if raw_scale is not None:
            image *= raw_scale
        if mean is not None:
            image -= mean
        if input_scale is not None:
            image *= input_scale
        return image

    def deprocess(self, in_: str, data: np.ndarray) -> np.ndarray:
        """What stands in input ``in_``, (K, H, W) or (1, K, H, W), as an image again; all but the resizing undone."""
        wanted = self._shape(in_)
        image = np.array(data)
        if image.ndim == len(wanted) and len(image) == 1:
            image = image[0]
        if image.ndim != len(wanted) - 1:
            raise ArrayError(
                f'the array is {shape_text(image.shape)}; expected one item of "{in_}", {shape_text(wanted[1:])}'
            )
        raw_scale, mean, input_scale = self._numbers(in_)
        if input_scale is not None:
            image = image / input_scale
        if mean is not None:
            image = image + mean
        if raw_scale is not None:
            image = image / raw_scale
        if in_ in self.channel_swap:
            image = image[np.argsort(self.channel_swap[in_])]
        if in_ in self.transpose:
            image = image.transpose(np.argsort(self.transpose[in_]))
        return image

    def set_transpose(self, in_: str, order: Sequence[int]) -> None:
        """Bring the axes of images into another order: (2, 0, 1) makes (K, H, W) of (H, W, K)."""
        self.transpose[in_] = self._order(order, len(self._shape(in_)) - 1, "axes of one item")

    def set_channel_swap(self, in_: str, order: Sequence[int]) -> None:
        """Bring channels, after the transposing, into another order: (2, 1, 0) makes blue first of red first."""
        self.channel_swap[in_] = self._order(order, self._shape(in_)[1], "channels")

    def set_raw_scale(self, in_: str, scale: float) -> None:
        """Multiply before the mean is subtracted: 255 for nets that take numbers from 0 to 255."""
        self._shape(in_)
        self.raw_scale[in_] = scale

    def set_mean(self, in_: str, mean: np.ndarray) -> None:
        """Subtract ``mean``: (K,), a number per channel, or an image (K, H, W) or (H, W), resized where it must be."""
        shape = self._shape(in_)[1:]
        mean = np.asarray(mean)
        if mean.ndim == 1:
            mean = mean[:, None, None]
        elif mean.ndim == 2:
            mean = mean[None]
        if mean.ndim != 3 or (len(mean) != shape[0] and (len(mean) != 1 or mean.size == 1)):
            raise ArrayError(
                f'the mean is {shape_text(mean.shape)}; input "{in_}" takes {plural(shape[0], "number")}, '
                f"one per channel, or an image of {shape_text(shape)}"
            )
        if mean.shape[1:] not in ((1, 1), shape[1:]):
            mean = resize_image(mean.transpose(1, 2, 0), shape[1:]).transpose(2, 0, 1)
        self.mean[in_] = mean

    def set_input_scale(self, in_: str, scale: float) -> None:
        """Multiply last of all, after the mean has been subtracted."""
        self._shape(in_)
        self.input_scale[in_] = scale

    def _numbers(self, in_: str) -> Any:
        return self.raw_scale.get(in_), self.mean.get(in_), self.input_scale.get(in_)

    def _shape(self, in_: str) -> tuple[int, ...]:
        if in_ not in self.inputs:
            near = did_you_mean(in_, self.inputs)
            raise UsageError(f'the net has no input "{in_}"{near or "; expected one of " + ", ".join(self.inputs)}')
        return self.inputs[in_]

    @staticmethod
    def _order(order: Sequence[int], size: int, what: str) -> tuple[int, ...]:
        order = tuple(int(n) for n in order)
        if sorted(order) != list(range(size)):
            raise ArrayError(f"the order is {order}; expected the {plural(size, 'number')} from 0 on, for the {what}")
        return order
