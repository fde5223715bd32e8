"""What an affine layer does to its bottom: y = scale * x + shift, each along the axes on which it differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import WeightsError
from ...layers.base import Shape
from ...layers.shapes import spanned_axes

if TYPE_CHECKING:
    from .draft import Op


class KeptError(Exception):
    """Why a layer is not folded, as half a sentence; never seen outside of this room."""


@dataclass(frozen=True)
class Affine:
    """y = scale * x + shift. Both float64, with as many axes as x; an axis of 1 means the same all along."""

    scale: np.ndarray
    shift: np.ndarray

    @property
    def scales(self) -> bool:
        return bool(np.any(self.scale != 1))

    @property
    def shifts(self) -> bool:
        return bool(np.any(self.shift))

    def then(self, other: Affine) -> Affine:
        """This one first, ``other`` after it."""
        return Affine(self.scale * other.scale, self.shift * other.scale + other.shift)

    def along(self, axis: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Both as vectors along ``axis``, of length ``size``. KeptError if they differ along another axis as well."""
        found = []
        for array in (self.scale, self.shift):
            if array.size != array.shape[axis]:
                raise KeptError("its factors or shifts differ within a channel")
            found.append(np.broadcast_to(array.reshape(-1), (size,)))
        return found[0], found[1]

    def reshaped(self, old: Shape, new: Shape) -> Affine:
        """The same for a blob of shape ``new`` that holds the numbers of one of shape ``old`` in their order."""
        return Affine(*(_reshaped(array, old, new) for array in (self.scale, self.shift)))

    def cut(self, axis: int, start: int, stop: int) -> Affine:
        """The part from ``start`` to ``stop`` along ``axis``."""
        part = (slice(None),) * axis + (slice(start, stop),)
        return Affine(*(array if array.shape[axis] == 1 else array[part] for array in (self.scale, self.shift)))

    def beside(self, axis: int, start: int, size: int, whole: int) -> Affine:
        """This one on ``size`` places from ``start`` along ``axis``, of ``whole``; the others stay as they are."""
        found = []
        for array, rest in ((self.scale, 1.0), (self.shift, 0.0)):
            shape = list(array.shape)
            shape[axis] = whole
            wide = np.full(shape, rest)
            wide[(slice(None),) * axis + (slice(start, start + size),)] = array
            found.append(wide)
        return Affine(*found)


def _reshaped(array: np.ndarray, old: Shape, new: Shape) -> np.ndarray:
    if array.shape[0] != 1 or old[:1] != new[:1]:
        raise KeptError("its factors or shifts differ from item to item")
    whole = np.broadcast_to(array, (1, *old[1:])).reshape(1, *new[1:])
    for axis in range(whole.ndim):
        first = whole.take([0], axis)
        whole = first if np.array_equal(np.broadcast_to(first, whole.shape), whole) else whole
    return whole


def affine_of(op: Op, shape: Shape) -> Affine | None:
    """What ``op``, whose bottom has ``shape``, does in phase TEST; None if it is of no such type.

    KeptError for one that could be, but is not. WeightsError for statistics that were never gathered.
    """
    rule = _RULES.get(op.type)
    if rule is None:
        return None
    if len(op.bottoms) > 1:
        raise KeptError("its factors come from another blob")
    scale, shift = rule(op, shape)
    found = Affine(np.asarray(scale, np.float64), np.asarray(shift, np.float64))
    if not (np.isfinite(found.scale).all() and np.isfinite(found.shift).all()):
        raise KeptError("its factors are not finite")
    return found


def _normalising(op: Op, shape: Shape) -> Sequence[np.ndarray]:
    """BatchNorm, NVIDIA's with gamma and beta too, and the BN of forks, by what they call their parameters."""
    arrays = {label: array.astype(np.float64).reshape(-1) for label, array in zip(op.labels, op.arrays)}
    gamma: Any = arrays.get("gamma", arrays.get("slope"))
    beta: Any = arrays.get("beta", arrays.get("bias"))
    if "mean" not in arrays and op.layer.use_stored:  # SegNet's: the statistics are in these two
        return _along_channels(arrays["slope"], shape), _along_channels(arrays["bias"], shape)
    if not op.layer.use_stored:
        raise KeptError("it normalises by the statistics of each batch")
    factor = arrays["factor"][0] if gamma is None else 1.0
    if factor == 0 or not (gamma is None or arrays["variance"].any()):
        what = "its factor is 0" if factor == 0 else "its variances are 0"
        raise WeightsError(
            f'{op.place}: layer "{op.name}" ({op.type}): has no statistics ({what}); expected those of a '
            'trained net, or those that "minicaffe bn-stats" gathers'
        )
    eps = getattr(op.layer, "eps", op.layer.options.eps)
    with np.errstate(all="ignore"):  # what is not finite is told
        scale = (1.0 if gamma is None else gamma) / np.sqrt(arrays["variance"] / factor + eps)
    shift = (0.0 if beta is None else beta) - arrays["mean"] / factor * scale
    return _along_channels(scale, shape), _along_channels(shift, shape)


def _along_channels(array: np.ndarray, shape: Shape) -> np.ndarray:
    """A number for each channel, axis 1, or for each element of an item."""
    channels = shape[1] if len(shape) > 1 else 1
    whole = array.size != channels
    return array.reshape((1, *shape[1:]) if whole else (1, channels, *(1,) * (len(shape) - 2))[: len(shape)])


def _scale(op: Op, shape: Shape) -> Sequence[np.ndarray]:
    start, stop = spanned_axes(shape, op.layer.options.axis, op.layer.options.num_axes)
    arrays = [_spread(array, start, stop, shape) for array in op.arrays]
    return arrays if op.layer.options.bias_term else (arrays[0], np.zeros_like(arrays[0]))


def _bias(op: Op, shape: Shape) -> Sequence[np.ndarray]:
    start, stop = spanned_axes(shape, op.layer.options.axis, op.layer.options.num_axes)
    shift = _spread(op.arrays[0], start, stop, shape)
    return np.ones_like(shift), shift


def _eltwise_affine(op: Op, shape: Shape) -> Sequence[np.ndarray]:
    start, stop = (1, 1) if op.layer.options.channel_shared else (1, 2)
    return [_spread(array, start, stop, shape) for array in op.arrays]


def _power(op: Op, shape: Shape) -> Sequence[np.ndarray]:
    options = op.layer.options
    if options.power != 1:
        raise KeptError(f"its power is {options.power:g}, not 1")
    ones = (1,) * len(shape)
    return np.full(ones, options.scale), np.full(ones, options.shift)


def _identity(op: Op, shape: Shape) -> Sequence[np.ndarray]:
    ones = (1,) * len(shape)
    return np.ones(ones), np.zeros(ones)


def _spread(array: np.ndarray, start: int, stop: int, shape: Shape) -> np.ndarray:
    """A parameter that spans the axes from ``start`` to ``stop`` of ``shape``."""
    spanned = shape[start:stop]
    return array.astype(np.float64).reshape((1,) * start + tuple(spanned) + (1,) * (len(shape) - stop))


_RULES = {
    "BN": _normalising,
    "BatchNorm": _normalising,
    "Bias": _bias,
    "Dropout": _identity,
    "EltwiseAffine": _eltwise_affine,
    "Power": _power,
    "Scale": _scale,
}
