"""Exact statistics for layers of batch normalisation: measured over training batches, with the weights as they are.

What a layer has stored is an average over about the last thousand iterations, whose weights were others. Here the
weights stand still: mean = E[mean of a batch], variance = E[variance of a batch, unbiased], each batch normalised with
its own statistics, as in training (Ioffe and Szegedy, arXiv 1502.03167, algorithm 2). One pass serves all layers.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .errors import GraphError, NonFiniteError
from .proto import NetFile, caffe_pb2

if TYPE_CHECKING:
    from .graph import Node
    from .net import Net

__all__ = [
    "BATCHES",
    "ExactTests",
    "Statistics",
    "measure",
    "measured",
    "normalising",
    "put",
    "stored",
    "with_statistics",
]

BATCHES = 100
"""How many batches are measured where nobody says otherwise."""

_OPTIONS = {"BatchNorm": "batch_norm_param", "BN": "bn_param"}
"""Types that normalise by statistics, and the message that has their ``use_global_stats``."""


class Statistics(NamedTuple):
    """Mean and variance of one layer, float64, in the shape that the layer stores them in."""

    mean: np.ndarray
    variance: np.ndarray


def normalising(net: Net) -> list[Node]:
    """The layers of ``net`` that normalise by statistics, of the batch or stored."""
    return [node for node in net.graph.nodes if node.type in _OPTIONS and node.layer.kept]


def measured(net: Net) -> list[Node]:
    """Those of them that use their batch's statistics, and store averages of these."""
    return [node for node in normalising(net) if not node.layer.use_stored]


def stored(node: Node) -> Statistics | None:
    """The statistics that a layer has stored; None where it has never seen a batch."""
    mean, variance = node.layer.statistics()
    return Statistics(mean, variance) if variance.any() or mean.any() else None


def measure(net: Net, batches: int = BATCHES, told: Callable[[int], None] | None = None) -> dict[str, Statistics]:
    """The statistics of all ``measured`` layers, by name, over the next ``batches`` forwards of ``net``.

    ``told`` is called with the number of batches done. What the layers have stored is afterwards as it was.
    Raises GraphError if there is no such layer, or if two of them share what they store; NonFiniteError where a batch
    gives NaN or infinity.
    """
    nodes = measured(net)
    _refuse_unmeasurable(net, nodes)
    sums: dict[str, list] = {node.name: [0.0, 0.0] for node in nodes}
    with _kept_aside(nodes):
        for batch in range(batches):
            for node in nodes:
                node.layer.clear_statistics()  # so that what the forward stores is this batch's alone
            net.run_forward()
            for node in nodes:
                found = node.layer.first_statistics()
                if not all(np.isfinite(array).all() for array in found):
                    raise NonFiniteError(
                        f'layer "{node.name}" ({node.type}): the statistics of batch {batch} are not finite; '
                        "expected weights and data that give finite numbers"
                    )
                sums[node.name] = [total + array for total, array in zip(sums[node.name], found)]
            if told is not None:
                told(batch + 1)
    return {name: Statistics(mean / batches, variance / batches) for name, (mean, variance) in sums.items()}


def _refuse_unmeasurable(net: Net, nodes: list[Node]) -> None:
    if not nodes:
        raise GraphError(
            [
                f'net "{net.name}" has no layer that normalises by its batch\'s statistics in phase {net.graph.phase}; '
                "expected a BatchNorm without use_global_stats: true"
            ]
        )
    owners: dict[int, str] = {}
    for node in nodes:
        owner = net.graph.params[node.params[node.layer.kept[0]]].owner
        if owner in owners:
            raise GraphError(
                [f'layers "{owners[owner]}" and "{node.name}" share their statistics; expected each to have its own']
            )
        owners[owner] = node.name


@contextlib.contextmanager
def _kept_aside(nodes: Iterable[Node]) -> Iterator[None]:
    """What the layers have stored is put back in the end."""
    arrays = [node.layer.params[i] for node in nodes for i in node.layer.kept]
    before = [array.copy() for array in arrays]
    try:
        yield
    finally:
        for array, old in zip(arrays, before):
            array[...] = old


def put(net: Net, statistics: Mapping[str, Statistics]) -> None:
    """Let layers of ``net`` store these statistics, by name."""
    for node in normalising(net):
        if node.name in statistics:
            values = node.layer.as_stored(*statistics[node.name])
            for i, value in zip(node.layer.kept, values):
                net.params[node.name][i].data[...] = value


class ExactTests:
    """Gives test nets exact statistics for the time of a test; the training that goes on beside it notices nothing.

    ``net`` is a TRAIN net of its own that shares the parameters of the net in training. Every test measures
    the same ``batches`` batches, the first of its data.
    """

    def __init__(self, net: Net, batches: int):
        self.net, self.batches = net, batches
        self.notes = (f"tests use BatchNorm statistics measured over {batches} training batches, not the stored ones",)
        _refuse_unmeasurable(net, measured(net))
        self._start = net.state()

    @contextlib.contextmanager
    def held(self, test: Net) -> Iterator[None]:
        """Measure, and let the layers of ``test`` that normalise by stored statistics find these, until it is over."""
        self.net.restore_state(self._start)
        found = measure(self.net, self.batches)
        nodes = [node for node in normalising(test) if node.layer.use_stored and node.name in found]
        with _kept_aside(nodes):
            put(test, {node.name: found[node.name] for node in nodes})
            yield


def with_statistics(file: NetFile, use_stored: bool) -> NetFile:
    """The net with ``use_global_stats`` set to ``use_stored`` in every layer that normalises by statistics."""
    param = caffe_pb2.NetParameter()
    param.CopyFrom(file.param)
    for layer in param.layer:
        if layer.type in _OPTIONS:
            getattr(layer, _OPTIONS[layer.type]).use_global_stats = use_stored
    return dataclasses.replace(file, param=param)
