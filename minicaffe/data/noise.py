"""Noise: what a ``noise_param`` does to an image of bytes, each step by its definition in OpenCV."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError, LayerError, plural, shape_text
from .colors import from_ycrcb, gray, to_hsv, to_lab, to_ycrcb
from .draws import below, draw
from .images import decode_image, encode_image

if TYPE_CHECKING:
    from ..proto import Message

__all__ = ["apply_noise", "check_noise"]

_SPACES = {"convert_to_hsv": to_hsv, "convert_to_lab": to_lab, "convert_to_ycrcb": to_ycrcb}
_CLIP, _TILES = 4, 8  # of the local equalisation
_STEP = 64  # of posterized values
_BLUR = np.array([9, 29, 55, 70, 55, 29, 9])
"""A Gauss curve of standard deviation 1.5 over seven pixels, in whole 256ths."""


def check_noise(param: Message) -> None:
    """LayerError for a ``noise_param`` whose values make no sense."""
    spaces = [name for name in _SPACES if getattr(param, name)]
    if len(spaces) > 1:
        raise LayerError(f"both {spaces[0]} and {spaces[1]} are set; expected at most one of them")
    if param.jpeg > 100 or 0 < param.jpeg < 1:
        raise LayerError(f"jpeg is {param.jpeg:g}; expected a quality of 1 to 100, or -1 for none")
    if not param.saltpepper:
        return
    if not 0 <= param.saltpepper_param.fraction <= 1:
        raise LayerError(f"fraction of saltpepper_param is {param.saltpepper_param.fraction:g}; expected 0 to 1")
    if not param.saltpepper_param.value:
        raise LayerError("saltpepper_param has no value; expected one, or one per channel")
    for value in param.saltpepper_param.value:
        if not 0 <= value < 256:
            raise LayerError(f"value of saltpepper_param is {value:g}; expected 0 to 255")


def apply_noise(image: np.ndarray, param: Message, seed: int) -> np.ndarray:
    """What ``param`` makes of ``image`` (C, H, W; uint8, C 1 or 3), in the forks' order; float32 where it ends in Lab.

    ``seed`` decides where salt and pepper fall. Raises DataError, the bare sentence, for an image of other channels.
    """
    channels = len(image)
    if channels not in (1, 3):
        raise DataError(f"an image of {shape_text(image.shape)}; expected 1 or 3 channels for noise_param")
    spaces = [change for name, change in _SPACES.items() if getattr(param, name)]
    if channels == 1 and spaces:
        raise DataError(f"an image of {shape_text(image.shape)}; expected 3 channels for another colour space")
    if param.decolorize and channels == 3:
        image = np.repeat(gray(image), 3, axis=0)
    if param.gauss_blur:
        image = _blurred(image)
    if param.hist_eq:
        image = _of_light(image, _equalized)
    if param.clahe:
        image = _of_light(image, _locally_equalized)
    if param.jpeg > 0:
        image = decode_image(encode_image(image, "jpg", int(param.jpeg)), channels == 3)
    if param.erode:
        image = _eroded(image)
    if param.posterize:
        image = image // _STEP * _STEP + _STEP // 2
    if param.inverse:
        image = 255 - image
    if param.saltpepper:
        image = _peppered(image, param.saltpepper_param, seed)
    return spaces[0](image) if spaces else image


def _of_light(image: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """``change`` applied to what is light in ``image``: itself, or the Y of its YCrCb."""
    if len(image) == 1:
        return change(image[0])[None]
    planes = to_ycrcb(image)
    planes[0] = change(planes[0])
    return from_ycrcb(planes)


def _equalized(plane: np.ndarray) -> np.ndarray:
    counts = np.bincount(plane.reshape(-1), minlength=256)
    lowest = int(np.flatnonzero(counts)[0])
    others = plane.size - int(counts[lowest])
    if others == 0:
        return plane
    counts[: lowest + 1] = 0
    sums = np.cumsum(counts).astype(np.float32)
    return np.minimum(np.rint(sums * (np.float32(255) / np.float32(others))), 255).astype(np.uint8)[plane]


def _locally_equalized(plane: np.ndarray) -> np.ndarray:
    """Contrast-limited adaptive histogram equalisation (Zuiderveld 1994): 8 x 8 tiles, clipped at 4 times the mean."""
    height, width = plane.shape
    padded = plane
    if height % _TILES or width % _TILES:
        padded = np.pad(plane, [(0, _TILES - size % _TILES) for size in plane.shape], "reflect")
    rows, columns = (size // _TILES for size in padded.shape)
    tiles = padded.reshape(_TILES, rows, _TILES, columns).transpose(0, 2, 1, 3).reshape(_TILES * _TILES, -1)
    tables = np.stack([_clipped_table(tile) for tile in tiles]).reshape(_TILES, _TILES, 256).astype(np.float32)
    above, under, of_under = _tile_places(height, rows)
    left, right, of_right = _tile_places(width, columns)
    one = np.float32(1)

    def across(tile_rows: np.ndarray) -> np.ndarray:
        tile_rows = tile_rows[:, None]
        return tables[tile_rows, left, plane] * (one - of_right) + tables[tile_rows, right, plane] * of_right

    mixed = across(above) * (one - of_under)[:, None] + across(under) * of_under[:, None]
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def _clipped_table(tile: np.ndarray) -> np.ndarray:
    """The 256 new values of a tile; counts above the limit are spread evenly, what is left over at even distances."""
    counts = np.bincount(tile, minlength=256)
    limit = max(_CLIP * tile.size // 256, 1)
    excess = int(np.maximum(counts - limit, 0).sum())
    counts = np.minimum(counts, limit) + excess // 256
    left_over = excess % 256
    if left_over:
        counts[:: max(256 // left_over, 1)][:left_over] += 1
    sums = np.cumsum(counts).astype(np.float32)
    return np.minimum(np.rint(sums * (np.float32(255) / np.float32(tile.size))), 255)


def _tile_places(size: int, tile: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each pixel the tiles before and after it, by their centres, and the weight of the one after."""
    place = np.arange(size, dtype=np.float32) * (np.float32(1) / np.float32(tile)) - np.float32(0.5)
    first = np.floor(place)
    before = first.astype(np.int64)
    return np.maximum(before, 0), np.minimum(before + 1, _TILES - 1), place - first


def _blurred(image: np.ndarray) -> np.ndarray:
    """The Gauss curve along both axes; beyond the edge the image is mirrored about its outermost pixel."""
    x = np.pad(image.astype(np.int32), ((0, 0), (3, 3), (3, 3)), "reflect")
    height, width = image.shape[1:]
    x = sum(weight * x[:, :, k : k + width] for k, weight in enumerate(_BLUR))
    x = sum(weight * x[:, k : k + height] for k, weight in enumerate(_BLUR))
    return ((x + (1 << 15)) >> 16).astype(np.uint8)


def _eroded(image: np.ndarray) -> np.ndarray:
    """The least of each pixel and its four neighbours."""
    x = np.pad(image, ((0, 0), (1, 1), (1, 1)), constant_values=255)
    neighbours = x[:, :-2, 1:-1], x[:, 2:, 1:-1], x[:, 1:-1, :-2], x[:, 1:-1, 2:]
    for neighbour in neighbours:
        image = np.minimum(image, neighbour)
    return image


def _peppered(image: np.ndarray, param: Message, seed: int) -> np.ndarray:
    """``fraction`` of the pixels, drawn one by one so that some may come twice, with ``value``."""
    channels, height, width = image.shape
    values = list(param.value)
    if len(values) not in (1, channels):
        raise DataError(
            f"an image of {shape_text(image.shape)}, but saltpepper_param has {plural(len(values), 'value')}; "
            f"expected 1 or {channels}"
        )
    count = math.floor(np.float32(param.fraction) * np.float32(width) * np.float32(height))
    places = below(draw(seed, 0, 0, count), height * width)
    image = image.copy()
    image.reshape(channels, -1)[:, places] = np.array(values).astype(np.uint8).reshape(-1, 1)
    return image
