"""Keras's layers that work on each number or channel for itself: normalisation, activations, factors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...errors import LayerError, shape_text
from ..activations import leaky
from .call import Call, activation, softmax
from .tensors import Tensor, plain, settled


def batch_norm(call: Call) -> Tensor:
    x, config = settled(call.b, call.x), call.config
    axis = config.get("axis", -1)
    (axis,) = axis if isinstance(axis, list) else (axis,)
    if x.axis(call.b, axis) != 1:
        raise LayerError(f"axis is {axis}; expected that of the channels")
    scaled, centered = config.get("scale", True), config.get("center", True)
    names = [*(["gamma"] if scaled else []), *(["beta"] if centered else []), "moving mean", "moving variance"]
    arrays = dict(zip(names, map(x.vector, call.arrays(*names))))
    mean, variance = arrays["moving mean"], arrays["moving variance"]
    top = call.b.add(
        "BatchNorm", call.name, [x.top], [mean, variance, np.ones(1)],
        eps=config.get("epsilon", 1e-3), moving_average_fraction=config.get("momentum", 0.99),
    )  # fmt: skip
    if scaled or centered:
        blobs = [arrays.get("gamma", np.ones_like(mean)), *([arrays["beta"]] if centered else [])]
        options: dict[str, Any] = {"bias_term": True} if centered else {}
        call.b.add("Scale", f"{call.name}_scale", [top], blobs, in_place=True, **options)
    return replace(x, top=top)


def activation_layer(call: Call) -> Tensor:
    return activation(call, call.x, call.config.get("activation"), call.name, False)


def relu(call: Call) -> Tensor:
    x, config = settled(call.b, call.x), call.config
    slope, most = config.get("negative_slope") or 0, config.get("max_value")
    if config.get("threshold"):
        raise LayerError(f"threshold is {config['threshold']}; expected 0")
    if most is None or slope:
        top = leaky(call.b, slope, call.name, x.top, False)
        least = float(np.finfo(np.float32).min)
    else:
        top, least = x.top, 0.0
    if most is not None:
        top = call.b.add("Clip", f"{call.name}_clip" if slope else call.name, [top], min=least, max=most)
    return replace(x, top=top)


def leaky_relu(call: Call) -> Tensor:
    x = settled(call.b, call.x)
    slope = call.config["negative_slope" if "negative_slope" in call.config else "alpha"]
    return replace(x, top=leaky(call.b, float(slope), call.name, x.top, False))


def prelu(call: Call) -> Tensor:
    x = settled(call.b, call.x)
    (slopes,) = call.arrays("alpha")
    if slopes.ndim == 3 and x.last:
        slopes = slopes.transpose(2, 0, 1)
    if any(n != 1 for n in slopes.shape[1:]):
        raise LayerError(f"has slopes of {shape_text(slopes.shape)}; expected shared_axes with all but the channels")
    slopes = x.vector(slopes.reshape(-1))
    shared: dict[str, Any] = {}
    if slopes.size == 1 and call.b.shapes[x.top][1] > 1:
        slopes, shared = slopes.reshape(()), {"channel_shared": True}
    return replace(x, top=call.b.add("PReLU", call.name, [x.top], [slopes], **shared))


def elu(call: Call) -> Tensor:
    x, alpha = settled(call.b, call.x), float(call.config.get("alpha", 1))
    options: dict[str, Any] = {} if alpha == 1 else {"alpha": alpha}
    return replace(x, top=call.b.add("ELU", call.name, [x.top], **options))


def softmax_layer(call: Call) -> Tensor:
    axis = call.config.get("axis", -1)
    if not isinstance(axis, int):
        raise LayerError(f"axis is {axis}; expected one")
    return softmax(call, plain(call.b, call.x) if axis not in (-1, 1) else call.x, axis, call.name)


def rescaling(call: Call) -> Tensor:
    x = plain(call.b, call.x)
    scale, offset = np.asarray(call.config["scale"], np.float32), np.asarray(call.config["offset"], np.float32)
    if scale.ndim == offset.ndim == 0:
        top = call.b.add("Power", call.name, [x.top], scale=float(scale), shift=float(offset))
        return replace(x, top=top)
    if x.axis(call.b, -1) != 1:
        raise LayerError("has a factor for each of the last axis; expected that to be the channels")
    blobs = [np.broadcast_to(array.reshape(-1), call.b.shapes[x.top][1]) for array in (scale, offset)]
    return replace(x, top=call.b.add("Scale", call.name, [x.top], blobs, bias_term=True))


def normalization(call: Call) -> Tensor:
    """Keras's Normalization, (x - mean) / max(sqrt(variance), 1e-7) along the channels, as one Scale."""
    x, axis = plain(call.b, call.x), call.config.get("axis", -1)
    axes = axis if isinstance(axis, list) else [axis]
    if call.config.get("mean") is not None or call.config.get("invert"):
        raise LayerError("has the option mean or invert; expected statistics among the weights")
    if len(axes) != 1 or x.axis(call.b, axes[0]) != 1:
        raise LayerError(f"axis is {axis}; expected that of the channels")
    mean, variance, _ = (array.reshape(-1).astype(np.float64) for array in call.arrays("mean", "variance", "count"))
    factor = 1 / np.maximum(np.sqrt(variance), 1e-7)
    blobs = [factor, -mean * factor]
    return replace(x, top=call.b.add("Scale", call.name, [x.top], blobs, bias_term=True))


def with_number(call: Call, kind: str) -> Tensor:
    """An operation on a tensor and a number, either of which may stand first."""
    x = settled(call.b, call.x)
    if len(call.numbers) != 2:
        raise LayerError(f"is called with {len(call.numbers)} arguments; expected a tensor and a number")
    first = call.numbers[1] is None
    number = float(call.numbers[0 if first else 1] or 0)
    options = {
        "Add": {"shift": number},
        "Multiply": {"scale": number},
        "Subtract": {"scale": -1.0, "shift": number} if first else {"shift": -number},
        "TrueDivide": {} if first or not number else {"scale": 1 / number},
    }.get(kind)
    if not options:
        raise LayerError(f"is called with the number {number:g}, which cannot be imported")
    more: dict[str, Any] = dict(options)
    return replace(x, top=call.b.add("Power", call.name, [x.top], **more))
