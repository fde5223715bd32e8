"""Image files: decoded and resized as OpenCV does it for Caffe."""

from __future__ import annotations

import io
import os
from pathlib import Path
from types import ModuleType

import numpy as np

from ..errors import DataError, did_you_mean

__all__ = [
    "ENCODINGS",
    "decode_image",
    "encode_image",
    "image_format",
    "pillow",
    "read_file",
    "read_image",
    "resize",
    "weigh",
    "whole",
]

ENCODINGS = {
    "jpg": "JPEG",
    "jpeg": "JPEG",
    "jpe": "JPEG",
    "png": "PNG",
    "bmp": "BMP",
    "webp": "WEBP",
    "tif": "TIFF",
    "tiff": "TIFF",
}
"""Kinds of image files that can be written, by extension, with pillow's names."""

_BITS = 11
"""Weights of a bilinear sum are whole 2048ths, as in OpenCV."""


def read_image(path: str | os.PathLike, color: bool | None, height: int = 0, width: int = 0) -> np.ndarray:
    """The image of a file as (C, H, W) uint8, blue first; resized where ``height`` and ``width`` are both above 0.

    ``color``: see ``decode_image``. Raises DataError that names the file.
    """
    data = read_file(path)
    try:
        image = decode_image(data, color)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    return resize(image, height, width) if height > 0 and width > 0 else image


def read_file(path: str | os.PathLike) -> bytes:
    """The bytes of a file; DataError that names it where there are none to be had."""
    path = Path(path)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(f"{path}: no such file{did_you_mean(path.name, siblings)}") from None
    except (OSError, ValueError) as error:  # a zero byte in the name is a ValueError
        raise DataError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None


def decode_image(data: bytes, color: bool | None) -> np.ndarray:
    """The image in ``data`` (JPEG, PNG, ...) as (C, H, W) uint8, blue first, as OpenCV and so Caffe have it.

    ``color`` True makes it three channels, False one, None leaves what the file holds. The orientation that a
    camera notes beside the pixels is not applied. Needs pillow. Raises DataError with the bare sentence.
    """
    Image = pillow()
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if color is False:
                picture.draft("L", picture.size)  # the grey that a JPEG holds, where it is one
            picture = picture.convert(_mode(picture.mode, color))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{len(data)} bytes of an encoded image that cannot be decoded ({_reason(error)})") from None
    pixels = np.asarray(picture)
    if pixels.ndim == 2:
        return pixels[None]
    order = (2, 1, 0, 3)[: pixels.shape[2]]
    return np.ascontiguousarray(pixels[:, :, order].transpose(2, 0, 1))


def encode_image(image: np.ndarray, kind: str, quality: int = 95) -> bytes:
    """``image`` (C, H, W; uint8, blue first; C 1 or 3) as a file of ``kind``, one of ENCODINGS, JPEGs of a quality."""
    pixels = image[0] if len(image) == 1 else image[::-1].transpose(1, 2, 0)
    file = io.BytesIO()
    options = {"quality": quality} if ENCODINGS[kind] == "JPEG" else {}
    pillow().fromarray(np.ascontiguousarray(pixels)).save(file, ENCODINGS[kind], **options)
    return file.getvalue()


def image_format(data: bytes) -> str | None:
    """What kind of file the bytes of an image are, in pillow's words ("JPEG", "PNG", ...)."""
    with pillow().open(io.BytesIO(data)) as picture:
        return picture.format


def pillow() -> ModuleType:
    """The package that reads image files; DataError with the bare sentence where it is not installed."""
    try:
        from PIL import Image
    except ImportError:
        raise DataError(
            "an encoded image needs pillow, which is not installed: pip install minicaffe[images]"
        ) from None
    return Image


def _reason(error: Exception) -> str:
    """What pillow says, without the address of the buffer it was given."""
    return str(error).split(" <_io.")[0]


def _mode(mode: str, color: bool | None) -> str:
    """The pillow mode to convert to: grey, RGB or RGBA."""
    if mode.startswith(("I", "F")):
        raise ValueError(f"pixels of mode {mode}; expected 8 bits a channel")
    if color is not None:
        return "RGB" if color else "L"
    if mode in ("1", "L"):
        return "L"
    return "RGBA" if mode in ("RGBA", "LA", "PA") else "RGB"


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """``image`` (C, H, W; uint8) as (C, ``height``, ``width``): OpenCV's INTER_LINEAR, bit by bit.

    A pixel is weighed from the four about its place, of half-pixel centres, however much smaller the image
    becomes; beyond the edge counts the edge. Weights are whole 2048ths, and the vertical sum drops bits as there.
    """
    if image.shape[1:] == (height, width):
        return image.copy()
    columns = _places(image.shape[2], width, at_edge=True)
    return weigh(image, columns, _places(image.shape[1], height, at_edge=False))


def weigh(image: np.ndarray, columns: tuple[np.ndarray, ...], rows: tuple[np.ndarray, ...]) -> np.ndarray:
    """Weigh each pixel from two columns and two rows: their indices, first and second, and their weights in 2048ths."""
    left, right, of_left, of_right = columns
    above, below, of_above, of_below = rows
    total = np.full((len(image), len(above), len(left)), 2, np.int32)
    for row, of_row in ((above, of_above), (below, of_below)):
        picked = np.take(image, row, axis=1)
        across = np.take(picked, left, axis=2).astype(np.int32)
        across *= of_left
        beside = np.take(picked, right, axis=2).astype(np.int32)
        beside *= of_right
        across += beside
        across >>= 4
        across *= of_row[:, None]
        across >>= 16
        total += across
    total >>= 2
    return np.minimum(total, 255, out=total).astype(np.uint8)


def _places(size: int, wanted: int, at_edge: bool) -> tuple[np.ndarray, ...]:
    """The two source indices of each of the ``wanted`` places, and their weights.

    ``at_edge``: beyond the edge all the weight is the edge's; else it is shared between two indices that are the same.
    """
    scale = 1 / (wanted / size)
    place = ((np.arange(wanted) + 0.5) * scale - 0.5).astype(np.float32)
    first = np.floor(place).astype(np.int64)
    part = place - first.astype(np.float32)
    if at_edge:
        part[(first < 0) | (first >= size - 1)] = 0
    return np.clip(first, 0, size - 1), np.clip(first + 1, 0, size - 1), whole(np.float32(1) - part), whole(part)


def whole(weights: np.ndarray) -> np.ndarray:
    """Weights, float32, as whole 2048ths, int32."""
    return np.rint(weights * np.float32(1 << _BITS)).astype(np.int32)
