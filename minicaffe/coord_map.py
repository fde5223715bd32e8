"""Where a place in one top lies in another, through convolutions and the like; and crops that align two tops.

A map is ``(axis, a, b)``: place x in the one is place a x + b in the other, for every axis after ``axis`` (None: all
layers between pass places on as they are). ``a`` and ``b`` are arrays, of one number for all axes or of one for each.
Tops are those of ``net_spec``; the names are pycaffe's. Fully convolutional nets crop what they enlarge with it::

    n.score = crop(n.upscore, n.data)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .errors import UsageError
from .net_spec import Function, Top
from .net_spec import layers as L

__all__ = [
    *("PASS_THROUGH_LAYERS", "CoordMapError", "CropError"),
    *("AxisMismatchException", "UndefinedMapException"),
    *("compose", "coord_map", "coord_map_from_to", "crop", "inverse"),
]

PASS_THROUGH_LAYERS = [
    *("AbsVal", "BatchNorm", "Bias", "BNLL", "Clip", "Dropout", "Eltwise", "ELU", "Exp", "Log", "LRN", "MVN", "Power"),
    *("BN", "PReLU", "ReLU", "Scale", "Sigmoid", "Split", "Swish", "TanH", "Threshold"),
]
"""Types of layers whose tops have every place where their bottoms have it."""

Map = tuple  # (axis, a, b)
_IDENTITY: Map = (None, np.ones(1), np.zeros(1))


class CoordMapError(UsageError, RuntimeError):
    """Two tops between which no map can be told."""


UndefinedMapException = AxisMismatchException = CoordMapError  # pycaffe's two names


class CropError(UsageError, AssertionError):
    """Two tops, of which the one cannot be made the other's size by a crop."""


class _Undefined(Exception):
    """A layer through which places cannot be followed."""


def coord_map(fn: Function) -> Map:
    """The map from the bottoms of the layer ``fn`` to its tops.

    Raises CoordMapError for a type whose tops have no places of their bottoms, such as InnerProduct.
    """
    try:
        return _coord_map(fn)
    except _Undefined:
        raise CoordMapError(f"places cannot be followed through a layer of type {fn.type_name}") from None


def _coord_map(fn: Function) -> Map:
    if fn.type_name in PASS_THROUGH_LAYERS:
        return _IDENTITY
    if fn.type_name in _WINDOWS:
        axis, stride, kernel, pad = _window(fn, _WINDOWS[fn.type_name])
        if fn.type_name == "Deconvolution":
            return axis, stride, (kernel - 1) / 2 - pad
        return axis, 1 / stride, (pad - (kernel - 1) / 2) / stride
    if fn.type_name == "Crop":
        options = _options(fn, "crop_param")
        return options.get("axis", 2) - 1, np.ones(1), -_numbers(options, "offset", 0)
    raise _Undefined


_WINDOWS = {
    "Convolution": "convolution_param",
    "Deconvolution": "convolution_param",
    "Im2col": "convolution_param",
    "Pooling": "pooling_param",
}


def _window(fn: Function, field: str) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """Axis, stride, kernel (as wide as it reaches) and pad of a layer with windows."""
    options = _options(fn, field)
    if options.get("global_pooling"):
        raise _Undefined
    if not {"kernel_size", "kernel_h", "kernel_w"} & set(options):
        raise CoordMapError(f"a layer of type {fn.type_name} has no kernel_size, which tells where its windows lie")
    kernel = (_numbers(options, "kernel", None) - 1) * _numbers(options, "dilation", 1) + 1
    return options.get("axis", 1), _numbers(options, "stride", 1), kernel, _numbers(options, "pad", 0)


def _options(fn: Function, field: str) -> Mapping[str, Any]:
    return fn.params.get(field, fn.params)


def _numbers(options: Mapping[str, Any], name: str, default: int | None) -> np.ndarray:
    """One number for all axes or one for each; in two dimensions there are also ``stride_h`` and ``stride_w``."""
    plain = "kernel_size" if name == "kernel" else name
    sides = [options.get(f"{name}_{side}", default) for side in "hw"]
    if f"{name}_h" in options or f"{name}_w" in options:
        if None in sides:
            raise CoordMapError(f"one of {name}_h and {name}_w stands alone; expected both")
        return np.array(sides, float)
    numbers = np.array(options.get(plain, default), float, ndmin=1)
    return numbers if numbers.size else np.array([default], float)


def compose(base_map: Map, next_map: Map) -> Map:
    """The map that does ``next_map`` first and ``base_map`` then: x -> a1 (a2 x + b2) + b1."""
    (axis, a1, b1), (next_axis, a2, b2) = base_map, next_map
    if axis is None:
        axis = next_axis
    elif next_axis is not None and next_axis != axis:
        raise CoordMapError(f"layers have places after axis {axis} and after axis {next_axis}; expected the same")
    return axis, a1 * a2, a1 * b2 + b1


def inverse(coord_map: Map) -> Map:
    """The map that leads back."""
    axis, a, b = coord_map
    return axis, 1 / a, -b / a


def coord_map_from_to(top_from: Top, top_to: Top) -> Map:
    """The map from ``top_from`` to ``top_to``: both are followed down to a top that both need.

    Raises CoordMapError (a RuntimeError) where layers without places stand between them.
    """
    here = _below(top_from, lambda top: False)
    there = _below(top_to, lambda top: top in here)
    meeting = next((top for top in there if top in here), None)
    if meeting is None:
        raise CoordMapError("no map between the two tops; expected them to be joined by layers that keep places")
    return compose(there[meeting], inverse(here[meeting]))


def _below(top: Top, found: Callable[[Top], bool]) -> dict[Top, Map]:
    """The maps to ``top`` from all tops below it, the nearest first; the search ends where ``found`` says so."""
    maps: dict[Top, Map] = {top: _IDENTITY}
    waiting = deque([top])
    while waiting:
        above = waiting.popleft()
        if found(above):
            break
        try:
            step = _coord_map(above.fn)
        except _Undefined:
            continue
        bottoms = above.fn.inputs[:1] if above.fn.type_name == "Crop" else above.fn.inputs
        for bottom in bottoms:
            if bottom not in maps:
                maps[bottom] = compose(maps[above], step)
                waiting.append(bottom)
    return maps


def crop(top_from: Top, top_to: Top) -> Top:
    """A Crop layer that cuts from ``top_from`` what lies over ``top_to``.

    Raises CropError (an AssertionError) where the two have different scales, or the offset is negative or not whole.
    """
    axis, a, b = coord_map_from_to(top_from, top_to)
    offset = -np.asarray(b, float)
    if not np.allclose(a, 1, rtol=0, atol=1e-9):
        raise CropError(f"the scales differ: a place moves by {_list(a)} for 1; expected 1")
    if not np.allclose(offset, np.round(offset), rtol=0, atol=1e-9):
        raise CropError(f"the crop would begin at {_list(offset)}; expected whole numbers")
    if (np.round(offset) < 0).any():
        raise CropError(f"the crop would begin at {_list(offset)}; expected 0 or more")
    begin = [int(n) for n in np.round(offset)]
    return L.Crop(top_from, top_to, crop_param={"axis": 2 if axis is None else axis + 1, "offset": begin})


def _list(numbers: np.ndarray) -> str:
    return ", ".join(f"{n:g}" for n in numbers)
