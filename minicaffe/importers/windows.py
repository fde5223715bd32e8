"""Windows that Caffe cannot say in one field, made of what it can: padding that differs between the two ends.

Caffe pads both ends alike. A convolution of more padding at one end is one with the larger padding at both and a kernel
with zeros at the other end: the same products, and zeros. Pooling runs over more windows where it must; those that are
too many are cut off. Pads are ((top, bottom), (left, right)); a negative one crops.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from ..errors import LayerError
from .builder import Builder

Pair = Sequence[int]
"""A number for the height and one for the width."""

Pads = Sequence[Pair]
NO_PADS: Pads = ((0, 0), (0, 0))


def convolve(
    b: Builder,
    name: str,
    x: str,
    weights: np.ndarray,
    bias: np.ndarray | None,
    stride: Pair = (1, 1),
    pads: Pads = NO_PADS,
    dilation: Pair = (1, 1),
    group: int = 1,
) -> str:
    """y[i] = sum over k of weights[k] x[i stride - pad before + k dilation], x being 0 outside; Convolution.

    ``weights`` (outputs, channels / group, height, width). The last window ends within the input with its pads.
    """
    spread = []
    for axis, ends in enumerate(pads):
        weights, step = _with_zeros(weights, axis + 2, dilation[axis], *ends)
        spread.append(step)
    options = _window(weights.shape[2:], stride, [max(0, *ends) for ends in pads])
    if max(spread) > 1:
        options["dilation"] = spread if spread[0] != spread[1] else spread[:1]
    return b.add("Convolution", name, [x], _with_bias(weights, bias), num_output=len(weights),
                 **_grouped(group), **_bias(bias), **options)  # fmt: skip


def deconvolve(
    b: Builder, name: str, x: str, weights: np.ndarray, bias: np.ndarray | None, stride: Pair, crops: Pads
) -> str:
    """y[i stride + k - crop before] += weights[k] x[i]; ``crops`` end numbers are cut off; Deconvolution.

    ``weights`` (channels, outputs, height, width). A negative crop adds zeros.
    """
    for axis, ends in enumerate(crops):
        weights, _ = _with_zeros(weights, axis + 2, 1, *ends)
    options = _window(weights.shape[2:], stride, [max(0, *ends) for ends in crops])
    return b.add("Deconvolution", name, [x], _with_bias(weights, bias), num_output=weights.shape[1],
                 **_bias(bias), **options)  # fmt: skip


def shift(b: Builder, name: str, x: str, pads: Pads) -> str:
    """x with zeros around it, or cut where a pad is negative: a Convolution of each channel with one 1."""
    channels = b.shapes[x][1]
    return convolve(b, name, x, np.ones((channels, 1, 1, 1), np.float32), None, pads=pads, group=channels)


def pool(
    b: Builder,
    name: str,
    x: str,
    method: str,
    kernel: Pair,
    stride: Pair,
    before: Pair,
    outputs: Pair,
) -> str:
    """The maximum (MAX) or the mean (AVE) of ``outputs`` windows, the first of which begins ``before`` the image.

    What is outside of the image never counts. LayerError for windows that no Pooling has.
    """
    sizes = b.shapes[x][2:]
    fit = _fit(sizes, kernel, stride, before, outputs)
    if fit is None and kernel[0] > 1 and kernel[1] > 1:  # one axis after the other
        first = (kernel[0], 1), (stride[0], 1), (before[0], 0), (outputs[0], sizes[1])
        second = (1, kernel[1]), (1, stride[1]), (0, before[1]), outputs
        return pool(b, name, pool(b, f"{name}_rows", x, method, *first), method, *second)
    if fit is None:
        raise LayerError(
            f"no Pooling has {outputs[0]} x {outputs[1]} windows of {kernel[0]} x {kernel[1]}, stride {stride[0]} x "
            f"{stride[1]}, that begin {before[0]} and {before[1]} before the image"
        )
    rounding, pads, totals = fit
    skipped = [(p - first) // s for p, first, s in zip(pads, before, stride)]
    whole = list(totals) == list(outputs)
    options = _window(kernel, stride, pads)
    shape: dict[str, Any] = {"kernel_size": options.pop("kernel_size")[0]} if len(options["kernel_size"]) == 1 else {}
    for field, stem in (("kernel_size", "kernel"), ("stride", "stride"), ("pad", "pad")):
        values = options.get(field)
        if values and len(values) == 2:
            shape.update({f"{stem}_h": values[0], f"{stem}_w": values[1]})
        elif values:
            shape[field] = values[0]
    if rounding == "FLOOR":
        shape["round_mode"] = "FLOOR"
    top = b.add("Pooling", name if whole else f"{name}_all", [x], pool=method, **shape)
    if not whole and list(sizes) == list(outputs):
        top = b.add("Crop", name, [top, x], axis=2, offset=skipped)
    elif not whole:
        top = shift(b, name, top, tuple((-s, s + n - t) for s, n, t in zip(skipped, outputs, totals)))
    share = _share(sizes, kernel, stride, pads, skipped, outputs) if method == "AVE" else None
    if share is not None and np.any(share != 1):
        top = b.add("Scale", f"{name}_share", [top], [share], in_place=True, axis=2, num_axes=2)
    return top


def global_pool(b: Builder, name: str, x: str, method: str) -> str:
    """The maximum or mean of each plane: (N, C, H, W) to (N, C, 1, 1)."""
    return b.add("Pooling", name, [x], pool=method, global_pooling=True)


def _with_zeros(weights: np.ndarray, axis: int, dilation: int, before: int, after: int) -> tuple[np.ndarray, int]:
    """The kernel with zeros at one end, as padding ``max(before, after)`` at both ends needs it; its dilation."""
    pad = max(0, before, after)
    ends = [pad - before, pad - after]
    if weights.shape[axis] == 1:
        dilation = 1
    if any(n % dilation for n in ends):
        shape = list(weights.shape)
        shape[axis] = (shape[axis] - 1) * dilation + 1
        spread = np.zeros(shape, weights.dtype)
        spread[(slice(None),) * axis + (slice(None, None, dilation),)] = weights
        weights, dilation = spread, 1
    widths = [(0, 0)] * weights.ndim
    widths[axis] = (ends[0] // dilation, ends[1] // dilation)
    return np.pad(weights, widths), dilation


def _window(kernel: Pair, stride: Pair, pads: Pair) -> dict[str, Any]:
    """The options of a window: one number where both axes agree, none where it is the default."""
    options = {"kernel_size": kernel, "stride": stride, "pad": pads}
    short = {name: [int(n) for n in (v if v[0] != v[1] else v[:1])] for name, v in options.items()}
    return {name: v for name, v in short.items() if (name, v) not in (("stride", [1]), ("pad", [0]))}


def _grouped(group: int) -> dict[str, Any]:
    return {"group": group} if group > 1 else {}


def _bias(bias: np.ndarray | None) -> dict[str, Any]:
    return {"bias_term": False} if bias is None else {}


def _with_bias(weights: np.ndarray, bias: np.ndarray | None) -> list[np.ndarray]:
    return [weights] if bias is None else [weights, bias]


def _fit(
    sizes: Pair, kernel: Pair, stride: Pair, before: Pair, outputs: Pair
) -> tuple[str, tuple[int, ...], tuple[int, ...]] | None:
    """The rounding and pads of a Pooling that has these windows, without others where possible; its windows."""
    second = None
    ranges = [range(first, max(k, first + 1), s) for first, k, s in zip(before, kernel, stride)]
    for pads, rounding in product(product(*ranges), ("CEIL", "FLOOR")):
        axes = zip(sizes, kernel, stride, pads)
        totals = tuple(_count(*axis, rounding == "CEIL", any(pads)) for axis in axes)
        skipped = [(p - first) // s for p, first, s in zip(pads, before, stride)]
        if all(p < k for p, k in zip(pads, kernel)) and all(t - s >= n for t, s, n in zip(totals, skipped, outputs)):
            if totals == tuple(outputs) and not any(skipped):
                return rounding, pads, totals
            second = second or (rounding, pads, totals)
    return second


def _count(size: int, kernel: int, stride: int, pad: int, ceil: bool, padded: bool) -> int:
    """The windows of Caffe's Pooling along one axis; 0 where it refuses."""
    room = size + 2 * pad - kernel + (stride - 1 if ceil else 0)
    if room < 0:
        return 0
    last = room // stride
    if last * stride < size + pad:
        return last + 1
    return last if padded else 0


def _share(sizes: Pair, kernel: Pair, stride: Pair, pads: Pair, skipped: Pair, outputs: Pair) -> np.ndarray:
    """What Caffe's mean, which counts padding, is to be multiplied by at each place (outputs)."""
    shares = []
    for size, k, s, pad, skip, n in zip(sizes, kernel, stride, pads, skipped, outputs):
        start = (np.arange(n) + skip) * s - pad
        counted = np.minimum(start + k, size + pad) - start
        shares.append(counted / (np.minimum(start + k, size) - np.maximum(start, 0)))
    return np.outer(*shares).astype(np.float32)
