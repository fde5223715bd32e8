"""Keras's layers that run a window over an image: convolutions, pooling, zeros and cuts at the ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...errors import LayerError, shape_text
from ..windows import Pads, convolve, deconvolve, global_pool, pool, shift
from .call import Call, pair
from .tensors import Tensor, settled


def _pads(call: Call, x: Tensor, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Pads:
    """The zeros around the image: those that it lacks yet, or those of padding: same."""
    mode = call.config.get("padding", "valid")
    if mode == "valid":
        return x.pads
    if mode != "same":
        raise LayerError(f"padding is {mode}; expected valid or same")
    found = []
    for n, k, s, d in zip(call.image(x), kernel, stride, dilation):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        found.append((total // 2, total - total // 2))
    return tuple(found)


def _convolved(call: Call, name: str, weights: np.ndarray, bias: np.ndarray | None, group: int) -> str:
    """A convolution with the stride, padding and dilation of the layer."""
    x = call.x
    if call.config.get("padding") == "same":
        x = settled(call.b, x)
    call.image(x)
    stride, dilation = pair(call.config["strides"]), pair(call.config.get("dilation_rate", 1))
    pads = _pads(call, x, weights.shape[2:], stride, dilation)
    return convolve(call.b, name, x.top, weights, bias, stride, pads, dilation, group)


def _with_bias(call: Call, *names: str) -> list[Any]:
    """The weights of these names, and the bias or None."""
    if call.config.get("use_bias", True):
        return call.arrays(*names, "bias")
    return [*call.arrays(*names), None]


def conv(call: Call) -> Tensor:
    kernel, bias = _with_bias(call, "kernel")
    return call.activated(_convolved(call, call.name, kernel.transpose(3, 2, 0, 1), bias, call.config.get("groups", 1)))


def _depthwise(kernel: np.ndarray) -> np.ndarray:
    """(height, width, channels, multiplier) as (channels * multiplier, 1, height, width)."""
    turned = kernel.transpose(2, 3, 0, 1)
    return turned.reshape(-1, 1, *turned.shape[2:])


def depthwise(call: Call) -> Tensor:
    kernel, bias = _with_bias(call, "kernel")
    return call.activated(_convolved(call, call.name, _depthwise(kernel), bias, kernel.shape[2]))


def separable(call: Call) -> Tensor:
    kernel, points, bias = _with_bias(call, "depthwise kernel", "pointwise kernel")
    top = _convolved(call, f"{call.name}_depthwise", _depthwise(kernel), None, kernel.shape[2])
    return call.activated(convolve(call.b, call.name, top, points.transpose(3, 2, 0, 1), bias))


def transposed(call: Call) -> Tensor:
    kernel, bias = _with_bias(call, "kernel")
    x, stride = settled(call.b, call.x), pair(call.config["strides"])
    call.image(x)
    if call.config.get("output_padding") is not None:
        raise LayerError(f"output_padding is {call.config['output_padding']}; expected none")
    if pair(call.config.get("dilation_rate", 1)) != (1, 1):
        raise LayerError(f"dilation_rate is {call.config['dilation_rate']}; expected 1")
    mode, crops = call.config.get("padding", "valid"), []
    for k, s in zip(kernel.shape, stride):
        total = max(k - s, 0) if mode == "same" else 0
        crops.append((total // 2, k - s - total // 2 if mode == "same" else min(k - s, 0)))
    return call.activated(deconvolve(call.b, call.name, x.top, kernel.transpose(3, 2, 0, 1), bias, stride, crops))


def dense(call: Call) -> Tensor:
    kernel, bias = _with_bias(call, "kernel")
    x = settled(call.b, call.x)
    axes = len(call.b.shapes[x.top])
    if axes == 4 and x.last:
        return call.activated(convolve(call.b, call.name, x.top, kernel.T[:, :, None, None], bias))
    arrays = [x.vector(kernel).T] + ([] if bias is None else [bias])
    options: dict[str, Any] = {} if bias is not None else {"bias_term": False}
    if axes != 2:
        options["axis"] = axes - 1
    return call.activated(call.b.add("InnerProduct", call.name, [x.top], arrays, num_output=kernel.shape[1], **options))


def pooling(method: str) -> Callable[[Call], Tensor]:
    def convert(call: Call) -> Tensor:
        x, kernel = settled(call.b, call.x), pair(call.config["pool_size"])
        stride = pair(call.config.get("strides") or kernel)
        pads, sizes = _pads(call, x, kernel, stride, (1, 1)), call.image(x)
        counts = [(n + sum(ends) - k) // s + 1 for n, ends, k, s in zip(sizes, pads, kernel, stride)]
        if min(counts) < 1:
            raise LayerError(f"pool_size {shape_text(kernel)} is larger than the image {shape_text(sizes)}")
        before = [ends[0] for ends in pads]
        return replace(x, top=pool(call.b, call.name, x.top, method, kernel, stride, before, counts))

    return convert


def global_pooling(method: str) -> Callable[[Call], Tensor]:
    def convert(call: Call) -> Tensor:
        x = settled(call.b, call.x)
        call.image(x)
        if call.config.get("keepdims"):
            return replace(x, top=global_pool(call.b, call.name, x.top, method))
        top = global_pool(call.b, f"{call.name}_pool", x.top, method)
        return replace(x, top=call.b.add("Flatten", call.name, [top]))

    return convert


def _ends(value: Any) -> Pads:
    """((top, bottom), (left, right)) of one number, two, or two pairs."""
    sides = (value, value) if isinstance(value, int) else value
    return tuple((side, side) if isinstance(side, int) else (side[0], side[1]) for side in sides)


def zero_padding(call: Call) -> Tensor:
    x = call.x
    call.image(x)
    pads = _ends(call.config["padding"])
    return replace(x, pads=tuple((a + c, b + d) for (a, b), (c, d) in zip(x.pads, pads)))


def cropping(call: Call) -> Tensor:
    x, crops = settled(call.b, call.x), _ends(call.config["cropping"])
    sizes = call.image(x)
    if any(sum(ends) >= n for ends, n in zip(crops, sizes)):
        raise LayerError(f"cropping {crops} leaves nothing of {shape_text(sizes)}")
    return replace(x, top=shift(call.b, call.name, x.top, tuple((-a, -b) for a, b in crops)))


def up_sampling(call: Call) -> Tensor:
    x, (rows, columns) = settled(call.b, call.x), pair(call.config["size"])
    call.image(x)
    if call.config.get("interpolation", "nearest") != "nearest":
        raise LayerError(f"interpolation is {call.config['interpolation']}; expected nearest")
    scale: dict[str, Any] = {"scale": rows} if rows == columns else {"scale_h": rows, "scale_w": columns}
    return replace(x, top=call.b.add("Upsample", call.name, [x.top], **scale))
