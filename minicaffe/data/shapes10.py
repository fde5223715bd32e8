"""Shapes10: a picture set of CIFAR-10's form that is drawn, not fetched.

Ten classes, six shapes and four textures. Colours, place, size, turn and noise are random, so no weighting of
single pixels tells the classes apart, but a small convolutional net does. Only integers and the basic operations
of IEEE 754 are used: the same bytes on every machine.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .dataset import SHAPE, DataSet, workshop
from .draws import below, draw, unit
from .progress import Progress, ignore

__all__ = ["CLASSES", "build_shapes10", "draw_shapes"]

_SEED_TRAIN, _SEED_TEST = 10, 11
_BLOCK = 250  # images drawn at once
_SIDE = SHAPE[1]

(_ORDER, _SIZE, _LEFT, _TOP, _TURN, _PHASE_U, _PHASE_V, _BACK, _FORE, _GRAIN, _NOISE) = range(11)


def build_shapes10(
    out: str | os.PathLike, progress: Progress = ignore, *, train: int = 10_000, test: int = 2_000
) -> DataSet:
    """Make shapes10_train_lmdb, shapes10_test_lmdb, mean.binaryproto and batches.meta.txt in ``out``.

    Done once: nothing happens if they are there with ``train`` and ``test`` records (multiples of ten, each
    class equally often). Either everything appears or nothing does; DataError if ``out`` cannot be written.
    """
    for count in (train, test):
        if count < len(CLASSES) or count % len(CLASSES):
            raise ValueError(f"the number of images must be a multiple of {len(CLASSES)}, found {count}")
    out = Path(out)
    result = DataSet(out, "shapes10", train, test)
    if result.complete():
        return result
    with workshop(out) as temporary:
        made = dataclasses.replace(result, folder=temporary)
        made.write(_blocks(_SEED_TRAIN, train), _blocks(_SEED_TEST, test), CLASSES, progress)
        made.move_to(out)
    return dataclasses.replace(result, fresh=True)


def _blocks(seed: int, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for first in range(0, count, _BLOCK):
        yield draw_shapes(seed, first, min(_BLOCK, count - first))


def draw_shapes(seed: int, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images ``first`` to ``first + count - 1`` of a seed: (count, 3, 32, 32) uint8, and labels (count) int64.

    Every ten images from a multiple of ten on hold each class once.
    """
    labels = _labels(seed, first, count)
    coverage = _coverage(labels, seed, first)[:, None]
    back, fore = _colours(seed, first, count)
    clean = (back * (4 - coverage) + fore * coverage) // 4
    return np.clip(clean + _noise(seed, first, count), 0, 255).astype(np.uint8), labels


def _labels(seed: int, first: int, count: int) -> np.ndarray:
    start, stop = first // 10, -(-(first + count) // 10)
    order = draw(seed, _ORDER, start * 10, (stop - start) * 10).reshape(-1, 10)
    return np.argsort(order, axis=1, kind="stable").ravel()[first - start * 10 :][:count]


def _coverage(labels: np.ndarray, seed: int, first: int) -> np.ndarray:
    """How much of each pixel is foreground, in quarters: (N, 32, 32) int64, by 2 x 2 points a pixel."""

    def value(lane: int, low: float, high: float) -> np.ndarray:
        return low + (high - low) * unit(draw(seed, lane, first, len(labels)))[:, None, None]

    texture = (labels >= _TEXTURES)[:, None, None]
    size = np.where(texture, value(_SIZE, 5.0, 9.0), value(_SIZE, 9.0, 14.0))  # period, or radius
    reach = np.where(texture, 0.0, _SIDE / 2 - size)  # how far a shape may be from the middle
    half_turn = np.where(texture, value(_TURN, -0.13, 0.13), value(_TURN, -1.0, 1.0))  # tangent of half the angle
    cosine = (1 - half_turn * half_turn) / (1 + half_turn * half_turn)
    sine = 2 * half_turn / (1 + half_turn * half_turn)

    points = (np.arange(2 * _SIDE) + 0.5) / 2 - _SIDE / 2
    x = points[None, None, :] - reach * value(_LEFT, -1.0, 1.0)
    y = points[None, :, None] - reach * value(_TOP, -1.0, 1.0)
    u = (cosine * x + sine * y) / size + np.where(texture, value(_PHASE_U, 0.0, 1.0), 0.0)
    v = (cosine * y - sine * x) / size + np.where(texture, value(_PHASE_V, 0.0, 1.0), 0.0)

    inside = np.empty(u.shape, bool)
    for k, rule in enumerate(_RULES.values()):
        inside[labels == k] = rule(u[labels == k], v[labels == k])
    return inside.reshape(-1, _SIDE, 2, _SIDE, 2).sum(axis=(2, 4))


def _colours(seed: int, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Background and foreground, (N, 3, 1, 1): the foreground is 64 to 128 lighter in every channel."""
    back = below(draw(seed, _BACK, first * 3, count * 3), 128).reshape(-1, 3)
    fore = back + 64 + below(draw(seed, _FORE, first * 3, count * 3), 65).reshape(-1, 3)
    return back[:, :, None, None], fore[:, :, None, None]


def _noise(seed: int, first: int, count: int) -> np.ndarray:
    """Sums of four random bytes about zero, of a strength of their own per image; deviation 3 to 14."""
    pixels = SHAPE[0] * SHAPE[1] * SHAPE[2]
    bits = draw(seed, _NOISE, first * pixels // 2, count * pixels // 2)
    bytes_ = bits.astype("<u8").view(np.uint8).reshape(count, *SHAPE, 4)
    strength = 6 + below(draw(seed, _GRAIN, first, count), 20)[:, None, None, None]
    return (bytes_.sum(axis=4, dtype=np.int64) - 510) * strength >> 8


# -- the classes: which points (u, v) belong to a shape of radius 1, or to a texture of period 1 --------------

_FIFTHS = ((0.0, 1.0), (0.9510565, 0.309017), (0.5877853, -0.809017), (-0.5877853, -0.809017), (-0.9510565, 0.309017))
_THIRDS = ((0.0, 1.0), (0.8660254, -0.5), (-0.8660254, -0.5))


def _below_edges(u: np.ndarray, v: np.ndarray, normals: Sequence[tuple[float, float]], distance: float) -> np.ndarray:
    """Of how many straight edges a point is on the inner side."""
    sides: Any = sum((a * u + b * v <= distance).astype(np.int64) for a, b in normals)
    return sides


def _disc(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return u * u + v * v <= 0.72


def _ring(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.abs(u * u + v * v - 0.65) <= 0.35


def _square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(u), np.abs(v)) <= 0.75


def _triangle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _below_edges(u, v, _THIRDS, 0.55) == 3


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (np.maximum(np.abs(u), np.abs(v)) <= 1.0) & (np.minimum(np.abs(u), np.abs(v)) <= 0.3)


def _star(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _below_edges(u, v, _FIFTHS, 0.36) >= 4  # the five tips are beyond one edge each


def _half(u: np.ndarray) -> np.ndarray:
    return u - np.floor(u) < 0.5


def _rows(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _half(v)


def _columns(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _half(u)


def _checkers(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _half(u) ^ _half(v)


def _dots(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    a, b = u - np.floor(u) - 0.5, v - np.floor(v) - 0.5
    return a * a + b * b < 0.1


_RULES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "disc": _disc,
    "ring": _ring,
    "square": _square,
    "triangle": _triangle,
    "cross": _cross,
    "star": _star,
    "rows": _rows,
    "columns": _columns,
    "checkers": _checkers,
    "dots": _dots,
}
_TEXTURES = 6
CLASSES = tuple(_RULES)
