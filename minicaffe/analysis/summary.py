"""What there is to say of each layer of a net, without running it; memory by plan; and what weights are like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..execution import FastExecution, InspectExecution
from ..graph import Graph
from ..layers.base import Shape, count
from ..proto import Message, caffe_pb2, filter_net
from ..report.numbers import numbers_of
from .check import PHASES, Checked
from .cost import multiply_adds, parameters, top_bytes

_SINGLE = np.dtype(np.float32)


@dataclass(frozen=True)
class LayerSummary:
    """One layer; None for what cannot be told without data. ``lr_mult`` has a number for each parameter blob.

    ``phases`` are those in which the layer is part of the net, at this level and in these stages.
    """

    name: str
    type: str
    bottoms: dict[str, Shape | None]
    tops: dict[str, Shape | None]
    parameters: int | None
    multiply_adds: int | None
    bytes: int | None
    lr_mult: tuple[float, ...]
    in_place: bool
    phases: tuple[str, ...]


@dataclass(frozen=True)
class Totals:
    """Sums over the layers, parameters that layers share counted once; ``open`` tells where more comes, unknown."""

    parameters: int
    multiply_adds: int
    bytes: int
    open: tuple[bool, bool, bool]

    @property
    def values(self) -> tuple[int, int, int]:
        return self.parameters, self.multiply_adds, self.bytes


@dataclass(frozen=True)
class ParamStatistics:
    """One parameter blob of a file of weights. ``zeros`` and ``broken`` (NaN or infinite) are counts; the rest is of
    the finite numbers, None where there are none."""

    layer: str
    index: int
    shape: Shape
    mean: float | None
    std: float | None
    min: float | None
    max: float | None
    zeros: int
    broken: int


def summarise(state: Checked, level: int = 0) -> list[LayerSummary]:
    """The layers of a checked state of a net, without the splits that this program makes."""
    graph, found = state.outline.graph, []
    for i, layer in enumerate(state.outline.layers):
        if layer.draft.made:
            continue
        kind = layer.draft.layer
        names = kind.param
        found.append(
            LayerSummary(
                name=kind.name,
                type=kind.type,
                bottoms=dict(zip(names.bottom, layer.bottoms)),
                tops=dict(zip(names.top, layer.tops)),
                parameters=parameters(layer),
                multiply_adds=multiply_adds(layer),
                bytes=top_bytes(layer),
                lr_mult=_rates(layer, i, graph),
                in_place=bool(set(names.top) & set(names.bottom)),
                phases=_phases(names, state, level),
            )
        )
    return found


def _phases(param: Message, state: Checked, level: int) -> tuple[str, ...]:
    rules = caffe_pb2.NetParameter()
    rules.layer.add(include=param.include, exclude=param.exclude)
    return tuple(p for p in PHASES if p in state.phases or filter_net(rules, p, level, state.stages))


def totals(layers: Sequence[LayerSummary], graph: Graph | None) -> Totals:
    """The sums; ``graph``, where there is one, tells which parameters are shared."""
    columns = [[getattr(layer, name) for layer in layers] for name in ("parameters", "multiply_adds", "bytes")]
    sums = [sum(value or 0 for value in column) for column in columns]
    if graph is not None:
        sums[0] = sum(count(fact.shape) for fact in graph.params if fact.owner == fact.id)
    parameters, multiply_adds, size = (None in column for column in columns)
    return Totals(sums[0], sums[1], sums[2], (parameters, multiply_adds, size))


def peak_bytes(graph: Graph, plan: str) -> int | None:
    """Bytes that a net of this graph takes under ``plan``: values, gradients, layers' scratch, parameters with theirs.

    What a solver adds (its history, mostly once or twice the parameters) and prefetched batches are left out. None
    where the fast plan cannot run the net, as shapes change.
    """
    if plan == "fast" and graph.moving():
        return None
    run = (FastExecution if plan == "fast" else InspectExecution)(graph, _SINGLE)
    own = sum(count(fact.shape) for fact in graph.params if fact.owner == fact.id)
    return run.bytes_needed() + 2 * own * _SINGLE.itemsize


def statistics(weights: Mapping[str, Sequence[np.ndarray | None]]) -> list[ParamStatistics]:
    """What the numbers of each parameter are like, in the order of the file; those kept with another are left out."""
    return [
        _statistics(name, i, array)
        for name, arrays in weights.items()
        for i, array in enumerate(arrays)
        if array is not None
    ]


def _statistics(layer: str, index: int, array: np.ndarray) -> ParamStatistics:
    found = numbers_of(array, bins=0)
    extremes = (found.mean, found.std, found.min, found.max)
    return ParamStatistics(layer, index, found.shape, *extremes, found.zeros, found.broken)


def _rates(layer: Message, index: int, graph: Graph | None) -> tuple[float, ...]:
    """The lr_mult of each parameter blob, 0 for statistics; shared ones as the graph has it."""
    if graph is not None:
        return tuple(fact.lr_mult for fact in graph.params if fact.node == index)
    if layer.inferred is None:
        return ()
    specs = [*layer.draft.layer.param.param, *[caffe_pb2.ParamSpec()] * len(layer.inferred.params)]
    return tuple(spec.lr_mult if param.learned else 0.0 for param, spec in zip(layer.inferred.params, specs))
