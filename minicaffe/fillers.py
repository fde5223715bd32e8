"""How parameters are filled before training, Caffe's filler types, from a generator that is the same everywhere.

For a shape (num, channels, ...): fan_in = count / num, fan_out = count / channels; a shape of one axis counts as
(num, 1). Random numbers are drawn in float64 and rounded, so that float32 and float64 nets start alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .errors import LayerError, did_you_mean, shape_text

__all__ = ["check_filler", "fill", "filler_types", "generator"]


def generator(seed: int, *stream: int) -> np.random.Generator:
    """A generator of its own for each (seed, stream): Philox, a counter-based generator, alike on every platform."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, *stream))))


def fill(shape: Sequence[int], filler: Any, random: np.random.Generator, dtype: Any = "float32") -> np.ndarray:
    """A new array of ``shape``, filled as the FillerParameter ``filler`` says, or with the numbers of an array.

    Raises LayerError as ``check_filler`` does.
    """
    shape = tuple(int(n) for n in shape)
    if isinstance(filler, np.ndarray):
        return np.array(filler, dtype).reshape(shape)
    check_filler(filler, shape)
    return np.ascontiguousarray(_TYPES[filler.type](shape, filler, random), dtype).reshape(shape)


def check_filler(filler: Any, shape: Sequence[int] | None = None) -> None:
    """Raise LayerError for an unknown filler type, options that make no sense, or a ``shape`` that it cannot fill."""
    if filler.type not in _TYPES:
        raise LayerError(f'unknown filler type "{filler.type}"{did_you_mean(filler.type, _TYPES)}')
    if filler.sparse != -1 and filler.type != "gaussian":
        raise LayerError(f'sparse is an option of filler type "gaussian", found with "{filler.type}"')
    if filler.std < 0:
        raise LayerError(f"filler std is {filler.std:g}; expected at least 0")
    if filler.type == "uniform" and not 0 <= filler.max - filler.min < math.inf:
        raise LayerError(
            f"filler min is {filler.min:g}, max {filler.max:g}; expected finite numbers, min not above max"
        )
    if filler.type == "bilinear" and shape is not None and (len(shape) != 4 or shape[2] != shape[3]):
        raise LayerError(
            f'filler type "bilinear" found shape {shape_text(shape)}; expected 4 axes with a square kernel'
        )


def filler_types() -> dict[str, str]:
    """The filler types, each with what it fills a parameter with."""
    return {name: (function.__doc__ or "").partition("\n")[0] for name, function in _TYPES.items()}


def _constant(shape: Sequence[int], filler: Any, random: np.random.Generator) -> np.ndarray:
    """All numbers are ``value``."""
    return np.full(shape, filler.value)


def _uniform(shape: Sequence[int], filler: Any, random: np.random.Generator) -> np.ndarray:
    """Uniform from ``min`` to ``max``."""
    return random.uniform(filler.min, filler.max, shape)


def _gaussian(shape: Sequence[int], filler: Any, random: np.random.Generator) -> np.ndarray:
    """N(mean, std); with ``sparse`` k >= 0 each number is kept with probability k / num, and otherwise 0."""
    values = filler.mean + filler.std * random.standard_normal(shape)
    if filler.sparse >= 0 and shape:
        kept = min(1.0, filler.sparse / shape[0])
        values *= random.random(shape) < kept
    return values


def _xavier(shape: Sequence[int], filler: Any, random: np.random.Generator) -> np.ndarray:
    """Uniform within +-sqrt(3 / n), so that the variance is 1 / n. Glorot and Bengio, 2010."""
    limit = math.sqrt(3.0 / _fan(shape, filler))
    return random.uniform(-limit, limit, shape)


def _msra(shape: Sequence[int], filler: Any, random: np.random.Generator) -> np.ndarray:
    """N(0, sqrt(2 / n)). He et al., arXiv 1502.01852."""
    return math.sqrt(2.0 / _fan(shape, filler)) * random.standard_normal(shape)


def _orthonormal(shape: Sequence[int], filler: Any, random: np.random.Generator) -> np.ndarray:
    """Each output's (the first axis) weights have norm 1 and are at right angles to all others'.

    With more outputs than weights of one, the columns are. Saxe et al., arXiv 1312.6120. Source: the LSUV fork,
    ducha-aiki/caffe. The factors are made unique by their signs, but their last digits are those of the LAPACK
    that NumPy has.
    """
    rows = shape[0] if shape else 1
    values = random.standard_normal((rows, math.prod(shape) // max(1, rows)))
    wide = rows <= values.shape[1]
    q, r = np.linalg.qr(values.T if wide else values)
    q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return (q.T if wide else q).reshape(shape)


def _positive_unitball(shape: Sequence[int], filler: Any, random: np.random.Generator) -> np.ndarray:
    """Uniform in (0, 1), then each output's (the first axis) weights divided by their sum."""
    values = random.random(shape).reshape(shape[0] if shape else 1, -1)
    return (values / values.sum(axis=1, keepdims=True)).reshape(shape)


def _bilinear(shape: Sequence[int], filler: Any, random: np.random.Generator) -> np.ndarray:
    """The kernel that interpolates linearly along both axes; for Deconvolution with as many groups as channels."""
    size = shape[3]
    factor = math.ceil(size / 2)
    tent = 1 - np.abs(np.arange(size) - (size - 1) / 2) / factor
    return np.broadcast_to(np.outer(tent, tent), shape)


def _fan(shape: Sequence[int], filler: Any) -> float:
    """The n of xavier and msra: fan_in, fan_out or their mean, as ``variance_norm`` says."""
    numbers = math.prod(shape)
    fan_in = numbers / shape[0] if shape else 1
    fan_out = numbers / shape[1] if len(shape) > 1 else numbers
    norm = filler.VarianceNorm.Name(filler.variance_norm)
    return {"FAN_IN": fan_in, "FAN_OUT": fan_out, "AVERAGE": (fan_in + fan_out) / 2}[norm]


_TYPES: dict[str, Callable] = {
    "bilinear": _bilinear,
    "constant": _constant,
    "gaussian": _gaussian,
    "msra": _msra,
    "orthonormal": _orthonormal,
    "positive_unitball": _positive_unitball,
    "uniform": _uniform,
    "xavier": _xavier,
}
