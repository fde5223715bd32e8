"""What a layer costs, from integers: multiply-adds of products with learned weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..layers.base import Shape, count

__all__ = ["layer_work"]


def layer_work(kind: str, bottoms: Sequence[Shape], tops: Sequence[Shape], params: Sequence[Shape]) -> int:
    """Multiplications with learned weights in one forward pass over the whole batch, each with an addition.

    ``kind`` is the layer's type; the rest are shapes. Counted are convolutions, inner products and recurrent
    layers; all others are 0.
    """
    rule = _RULES.get(kind)
    return rule(bottoms, tops, params) if rule else 0


def _by_outputs(bottoms: Sequence[Shape], tops: Sequence[Shape], params: Sequence[Shape]) -> int:
    """Every output number is a sum over one row of the weights."""
    return sum(count(top) for top in tops) * count(params[0], 1)


def _inner_product(bottoms: Sequence[Shape], tops: Sequence[Shape], params: Sequence[Shape]) -> int:
    """Every item uses the whole matrix."""
    return count(tops[0], 0, len(tops[0]) - 1) * count(params[0])


def _by_inputs(bottoms: Sequence[Shape], tops: Sequence[Shape], params: Sequence[Shape]) -> int:
    """Every input number is multiplied with one row of the weights."""
    return sum(count(bottom) for bottom in bottoms) * count(params[0], 1)


def _recurrent(bottoms: Sequence[Shape], tops: Sequence[Shape], params: Sequence[Shape]) -> int:
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
