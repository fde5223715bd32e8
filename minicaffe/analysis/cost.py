"""What a layer costs, from integers: multiply-adds of products with learned weights, and bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..graph import OutlineLayer
from ..layers.base import Shape, count

_BYTES = 4  # of a float32


def multiply_adds(layer: OutlineLayer) -> int | None:
    """Multiplications with learned weights in one forward pass over the whole batch, each with an addition.

    Counted are convolutions, inner products and recurrent layers; all others are 0. None where shapes are not known.
    """
    if layer.inferred is None:
        return None
    rule = _RULES.get(layer.draft.layer.type)
    return rule(layer.bottoms, layer.tops, [tuple(param.shape) for param in layer.inferred.params]) if rule else 0


def parameters(layer: OutlineLayer) -> int | None:
    """How many numbers the layer's parameter blobs hold."""
    return None if layer.inferred is None else sum(count(param.shape) for param in layer.inferred.params)


def top_bytes(layer: OutlineLayer) -> int | None:
    """Bytes of the tops in float32; 0 where they lie in the bottom's memory: views, and layers in place."""
    if None in layer.tops:
        return None
    kind, param = layer.draft.layer, layer.draft.layer.param
    if kind.shares:
        return 0
    own = [shape for name, shape in zip(param.top, layer.tops) if name not in param.bottom]
    return _BYTES * sum(count(shape) for shape in own)


def _by_outputs(bottoms: Sequence[Shape], tops: Sequence[Shape], params: Sequence[Shape]) -> int:
    """Every output number is a sum over one row of the weights."""
    return sum(count(top) for top in tops) * count(params[0], 1)


def _inner_product(bottoms, tops, params) -> int:
    """Every item uses the whole matrix."""
    return count(tops[0], 0, len(tops[0]) - 1) * count(params[0])


def _by_inputs(bottoms, tops, params) -> int:
    """Every input number is multiplied with one row of the weights."""
    return sum(count(bottom) for bottom in bottoms) * count(params[0], 1)


def _recurrent(bottoms, tops, params) -> int:
    """Every step of every stream uses each matrix; that of a static input counts likewise."""
    steps, streams = bottoms[0][:2]
    return steps * streams * sum(count(shape) for shape in params if len(shape) > 1)


_RULES: dict[str, Callable[..., int]] = {
    "Convolution": _by_outputs,
    "ConvolutionDepthwise": _by_outputs,
    "Deconvolution": _by_inputs,
    "DepthwiseConvolution": _by_outputs,
    "InnerProduct": _inner_product,
    "LSTM": _recurrent,
    "RNN": _recurrent,
}
