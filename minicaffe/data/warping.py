"""Images resized and turned by OpenCV's other interpolations, beside the linear one of ``images``."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .images import resize, weigh, whole

__all__ = ["RESIZE", "turn"]

_UNIT = 1 << 22  # of a product of two weights in 2048ths


def _nearest(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The pixel at floor(place * size / wanted)."""
    rows, columns = (_nearest_places(*sizes) for sizes in zip(image.shape[1:], (height, width)))
    return image[:, rows[:, None], columns]


def _nearest_places(size: int, wanted: int) -> np.ndarray:
    return np.minimum(np.floor(np.arange(wanted) * (1 / (wanted / size))).astype(np.int64), size - 1)


def _area(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The mean of the area that a pixel covers; where an axis grows, a linear mixture of at most two pixels."""
    _, rows, columns = image.shape
    if height > rows or width > columns:
        return weigh(image, _mixed_places(columns, width), _mixed_places(rows, height))
    sums = _covered(_covered(image.astype(np.int64), 1, height), 2, width)
    means = sums / (rows * columns)
    halves_up = (rows, columns) == (2 * height, 2 * width)  # as there
    return (np.floor(means + 0.5) if halves_up else np.rint(means)).astype(np.uint8)


def _covered(x: np.ndarray, axis: int, wanted: int) -> np.ndarray:
    """What each of ``wanted`` new pixels covers along an axis of ``x``, summed, in whole units of 1 / ``wanted``."""
    size = x.shape[axis]
    whole, part = np.divmod(np.arange(wanted + 1) * size, wanted)
    part = part.reshape(-1, *[1] * (x.ndim - 1 - axis))
    sums = np.insert(np.cumsum(x, axis), 0, 0, axis)
    ends = np.take(sums, whole, axis) * wanted + np.take(x, np.minimum(whole, size - 1), axis) * part
    return np.diff(ends, axis=axis)


def _mixed_places(size: int, wanted: int) -> tuple[np.ndarray, ...]:
    growth, new = wanted / size, np.arange(wanted)
    first = np.floor(new * (1 / growth)).astype(np.int64)
    part = ((new + 1) - (first + 1) * growth).astype(np.float32)
    part = np.where(part <= 0, np.float32(0), part - np.floor(part))
    first, second = np.clip(first, 0, size - 1), np.clip(first + 1, 0, size - 1)
    return first, second, whole(np.float32(1) - part), whole(part)


def _linear_weights(part: np.ndarray) -> np.ndarray:
    return np.stack([1 - part, part], -1)


def _cubic_weights(part: np.ndarray) -> np.ndarray:
    """Keys' cubic with a = -0.75, at the distances 1 + part, part, 1 - part and the rest."""
    a, x, z = np.float32(-0.75), part + 1, 1 - part
    outer = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    inner = [((a + 2) * d - (a + 3)) * d * d + 1 for d in (part, z)]
    return np.stack([outer, *inner, 1 - outer - inner[0] - inner[1]], -1)


def _lanczos_weights(part: np.ndarray) -> np.ndarray:
    """Lanczos' window over 8 pixels, of sum 1."""
    distance = part[..., None].astype(np.float64) + 3 - np.arange(8)
    weights = np.sinc(distance) * np.sinc(distance / 4)
    return (weights / weights.sum(-1, keepdims=True)).astype(np.float32)


_Weights = Callable[[np.ndarray], np.ndarray]


def _by_taps(weights: _Weights) -> Callable[[np.ndarray, int, int], np.ndarray]:
    """Resizing by a sum over as many rows and columns as ``weights`` has; beyond the edge counts the edge."""

    def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
        across = _weighed(image.astype(np.int32), image.shape[2], width, weights)
        both = _weighed(across.transpose(0, 2, 1), image.shape[1], height, weights).transpose(0, 2, 1)
        return np.clip((both + (_UNIT >> 1)) // _UNIT, 0, 255).astype(np.uint8)

    return resized


def _weighed(x: np.ndarray, size: int, wanted: int, weights: _Weights) -> np.ndarray:
    """``x`` (C, H, size) as (C, H, ``wanted``), 2048 times as large."""
    place = ((np.arange(wanted) + 0.5) * (1 / (wanted / size)) - 0.5).astype(np.float32)
    first = np.floor(place)
    shares = whole(weights(place - first))
    taps = _taps(first.astype(np.int64), shares.shape[1])
    return sum(x[:, :, np.clip(taps[:, k], 0, size - 1)] * shares[:, k] for k in range(shares.shape[1]))


def _taps(first: np.ndarray, count: int) -> np.ndarray:
    return first[..., None] + np.arange(1 - count // 2, 1 + count // 2)


RESIZE: dict[str, Callable[[np.ndarray, int, int], np.ndarray]] = {
    "LINEAR": resize,
    "AREA": _area,
    "NEAREST": _nearest,
    "CUBIC": _by_taps(_cubic_weights),
    "LANCZOS4": _by_taps(_lanczos_weights),
}
"""By name: ``resized(image, height, width)`` of an image (C, H, W) of bytes."""

_TURN: dict[str, _Weights] = {
    "LINEAR": _linear_weights,
    "AREA": _linear_weights,
    "CUBIC": _cubic_weights,
    "LANCZOS4": _lanczos_weights,
}


def turn(image: np.ndarray, angle: float, mode: str, border: str, value: np.ndarray) -> np.ndarray:
    """``image`` (C, H, W; uint8) turned by ``angle`` degrees against the clock about (H // 2, W // 2), in its own size.

    ``border`` is what lies beyond the edge: "CONSTANT" (``value``, one per
    channel), "MIRRORED" (about the outermost pixel) or "REPEAT_NEAREST". AREA is LINEAR here. OpenCV's ``warpAffine``
    is the same but for its rounding of places, to 32nds of a pixel in many versions.
    """
    _, height, width = image.shape
    y, x = np.arange(height)[:, None] - height // 2, np.arange(width) - width // 2
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    columns, rows = cosine * x - sine * y + width // 2, sine * x + cosine * y + height // 2
    if mode == "NEAREST":
        return _picked(image, np.rint(rows).astype(np.int64), np.rint(columns).astype(np.int64), border, value)
    firsts = [np.floor(place) for place in (rows, columns)]
    weights = [_TURN[mode]((place - first).astype(np.float32)) for place, first in zip((rows, columns), firsts)]
    taps = [_taps(first.astype(np.int64), weights[0].shape[-1]) for first in firsts]
    total = np.zeros(image.shape, np.float32)
    for j in range(weights[0].shape[-1]):
        for i in range(weights[0].shape[-1]):
            share = weights[0][..., j] * weights[1][..., i]
            total += share * _picked(image, taps[0][..., j], taps[1][..., i], border, value)
    return np.clip(np.rint(total), 0, 255).astype(np.uint8)


def _picked(image: np.ndarray, rows: np.ndarray, columns: np.ndarray, border: str, value: np.ndarray) -> np.ndarray:
    """The pixels (C, H, W) at ``rows`` and ``columns`` (H, W), which may lie beyond the edge."""
    _, height, width = image.shape
    inner = [_inside(place, size, border) for place, size in ((rows, height), (columns, width))]
    picked = image[:, inner[0], inner[1]]
    if border != "CONSTANT":
        return picked
    outside = (rows != inner[0]) | (columns != inner[1])
    return np.where(outside, value.reshape(-1, 1, 1), picked)


def _inside(place: np.ndarray, size: int, border: str) -> np.ndarray:
    if border == "MIRRORED":
        period = max(2 * size - 2, 1)
        place = place % period
        return np.minimum(place, period - place) if size > 1 else place * 0
    return np.clip(place, 0, size - 1)
