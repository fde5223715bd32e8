"""Images of real numbers in another size, by interpolation along each axis."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["ORDERS", "interpolate"]

ORDERS = {0: "the nearest pixel", 1: "bilinear", 3: "bicubic"}


def interpolate(image: np.ndarray, height: int, width: int, order: int = 1) -> np.ndarray:
    """``image`` (H, W, K) as (``height``, ``width``, K) float32, by polynomials of ``order`` (see ORDERS).

    Pixels are squares with their numbers in the centre; beyond the edge counts the edge. Nothing is smoothed before
    an image shrinks. Order 3 is cubic convolution with a = -1/2 (Keys 1981), kept within the image's own range.
    """
    result = np.asarray(image)
    for axis, size in enumerate((height, width)):
        if result.shape[axis] != size:
            result = _along(result, axis, size, order)
    if order == 3 and result is not image and image.size:
        result = np.clip(result, image.min(), image.max())
    return result.astype(np.float32)


def _along(image: np.ndarray, axis: int, wanted: int, order: int) -> np.ndarray:
    size = image.shape[axis]
    place = (np.arange(wanted) + 0.5) * (size / wanted) - 0.5
    if order == 0:
        return np.take(image, np.clip(np.floor(place + 0.5).astype(np.int64), 0, size - 1), axis)
    first = np.floor(place)
    total: Any = 0.0
    for step in (0, 1) if order == 1 else (-1, 0, 1, 2):
        weight = _weight(np.abs(place - first - step), order)
        index = np.clip(first.astype(np.int64) + step, 0, size - 1)
        total = total + np.take(image, index, axis) * weight.reshape(-1, *[1] * (image.ndim - 1 - axis))
    return total


def _weight(distance: np.ndarray, order: int) -> np.ndarray:
    """What a pixel counts at a distance below 1 (order 1) or at most 2 (order 3)."""
    if order == 1:
        return 1 - distance
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return np.where(distance <= 1, near, far)
