"""First weights that suit the data: orthonormal ones, and these scaled until every layer's outputs have variance 1.

Mishkin and Matas, "All you need is a good init", arXiv 1511.06422 (LSUV); Saxe et al., arXiv 1312.6120.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import DataError, UsageError, did_you_mean
from ..execution import Span
from ..fillers import fill, generator
from ..graph import Node
from ..net import Net
from ..proto import caffe_pb2

__all__ = ["METHODS", "MOST_TRIALS", "TOLERANCE", "LayerStart", "initialise"]

METHODS = ("lsuv", "orthonormal")
TOLERANCE, MOST_TRIALS = 0.04, 10  # of the deviation, so that the variance is within 0.1 of 1, as in the paper
_TYPES = {"Convolution", "ConvolutionDepthwise", "DepthwiseConvolution", "Deconvolution", "InnerProduct"}


@dataclass(frozen=True)
class LayerStart:
    """One layer: the standard deviation of its outputs with orthonormal weights and with those it ended with."""

    layer: str
    type: str
    shape: tuple[int, ...]
    before: float
    after: float
    trials: int


def initialise(
    net: Net,
    method: str = "lsuv",
    tolerance: float = TOLERANCE,
    most_trials: int = MOST_TRIALS,
    told: Callable[[LayerStart], None] = lambda start: None,
) -> list[LayerStart]:
    """Give every convolution and inner product of ``net`` (inspect plan, TRAIN) its first weights; one batch is read.

    In running order: W = orthonormal, as the filler of that name has it for the net's seed; with "lsuv" then
    W /= std(y) for the layer's outputs y over the batch, until |std(y) - 1| < ``tolerance``, at most ``most_trials``
    times. y is what the layer itself puts out, before a BatchNorm or activation in place. BatchNorm normalises by the
    batch meanwhile, and its stored statistics are put back. Biases and all other parameters keep their fillers' values,
    as do weights with lr_mult 0; a weight that layers share is set by the first. ``told`` hears of each layer.

    Raises UsageError for a method there is not, or a net without such layers; DataError where outputs are all equal
    or not finite.
    """
    if method not in METHODS:
        raise UsageError(f'the method is "{method}"; expected {" or ".join(METHODS)}{did_you_mean(method, METHODS)}')
    nodes = [node for node in net.graph.nodes if _is_weighted(net, node)]
    if not nodes:
        raise UsageError(f"net {net.name or 'without a name'}: no convolution or inner product to be given weights")
    statistics, found, ran = net.arena.state.copy(), [], 0
    for node in nodes:
        weight, fact = net.params[node.name][0], net.graph.params[node.params[0]]
        orthonormal = caffe_pb2.FillerParameter(type="orthonormal")
        weight.data[...] = fill(fact.shape, orthonormal, generator(net.seed, fact.id), net.dtype)
        net.run_forward(Span(ran, node.index))
        before = after = _spread(net, node)
        trials = 0
        while method == "lsuv" and abs(after - 1) >= tolerance and trials < most_trials:
            weight.data[...] /= after
            net.run_forward(Span(node.index, node.index))
            after = _spread(net, node)
            trials += 1
        ran = node.index + 1
        found.append(LayerStart(node.name, node.type, fact.shape, before, after, trials))
        told(found[-1])
    net.arena.state[...] = statistics
    return found


def _is_weighted(net: Net, node: Node) -> bool:
    if node.type not in _TYPES:
        return False
    fact = net.graph.params[node.params[0]]
    return fact.owner == fact.id and fact.lr_mult != 0


def _spread(net: Net, node: Node) -> float:
    """The standard deviation of all numbers that the layer has put out."""
    tops = [net.value(top).data for top in node.tops]
    std = float(np.concatenate([top.reshape(-1) for top in tops]).std(dtype=np.float64))
    if std > 0 and math.isfinite(std):
        return std
    said = "are all equal, so that no factor gives them variance 1" if std == 0 else "are not finite"
    raise DataError(
        f'{node.place}: layer "{node.name}" ({node.type}): its outputs over the batch {said}; expected a batch of '
        "several images that differ, and layers before it that pass their differences on"
    )
