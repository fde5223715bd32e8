"""The inspect plan: a layer at a time, every blob and diff readable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..arena import Arena, aligned_zeros
from ..graph import Graph, Node, reshaped, rests
from ..layers.base import Shape
from ..plan import inspect_plan
from .base import WHOLE, Execution, Span
from .finite import refuse


class InspectExecution(Execution):
    """Every layer in turn, every blob and diff readable. Shapes may change from one forward to the next."""

    def __init__(self, graph: Graph, dtype: np.dtype):
        self.plan = inspect_plan(graph)
        super().__init__(graph, self.plan.gradients, dtype)

    def numbers(self) -> int:
        return self.plan.storage.numbers()

    def scratch_nodes(self) -> list[Node]:
        return list(self.graph.nodes)

    def allocate(self) -> None:
        storage, values = self.plan.storage, self.graph.values
        data = [aligned_zeros(n, self.dtype) for n in storage.data_counts]
        diff = {i: aligned_zeros(n, self.dtype) for i, n in enumerate(storage.diff_counts)}
        self.data = [data[storage.data[value.id]].reshape(value.shape) for value in values]
        self._allocate_diffs(diff, storage.diff.__getitem__)

    def bind(self, param_data: list[np.ndarray], param_diff: list[np.ndarray], arena: Arena) -> None:
        super().bind(param_data, param_diff, arena)
        self._resting: set[int] = set()
        self._find_overwritten()

    def _find_overwritten(self) -> None:
        storage = self.plan.storage
        self._public = public = self.graph.public()
        apart = {v.name for v in self.graph.values if storage.data[v.id] != storage.data[public[v.name].id]}
        self._versions = [value for value in self.graph.values if value.name in apart]
        self._overwritten_inputs = [
            (self.data[first], self.data[last])
            for first, last in self.graph.overwritten_inputs()
            if storage.data[first] != storage.data[last]
        ]
        self._overwritten_weights = [
            (self.diff[value.id], weight)
            for value, weight in self.graph.loss_values()
            if storage.diff.count(storage.diff[value.id]) > 1
        ]

    def forward(self, span: Span = WHOLE) -> None:
        self.settle()
        for first, last in self._overwritten_inputs:
            first[...] = last
        for current, shown in self._current(span.first - 1):
            current[...] = shown
        for index in self.plan.forward:
            node = self.graph.nodes[index]
            if not span.holds(index):
                continue
            if span.before is not None:
                span.before(node)
            if node.layer.dynamic:
                self._adapt(node)
            if index in self._resting:
                _fill_with_zeros(self._calls[index][1])
            else:
                self._layer_forward(self.graph.nodes[index])
            if span.after is not None:
                span.after(node)
        if span.last is not None:
            for current, shown in self._current(span.last, span.first):
                shown[...] = current

    def _current(self, last: int, first: int = 0) -> Any:
        """(Version, what users see) of each blob written again in place, where these are two arrays.

        The version is the one after layer number ``last``, if layer ``first`` or a later one has written it. To users a
        blob is one array, and so it is in Caffe: a part of a net begins with what they see and ends by showing it.
        """
        storage, public = self.plan.storage.data, self._public
        current = {value.name: value for value in self._versions if first <= value.producer <= last}
        for name, value in current.items():
            if storage[value.id] != storage[public[name].id]:
                yield self.data[value.id], self.data[public[name].id]

    def backward(self, span: Span = WHOLE) -> None:
        for diff, weight in self._overwritten_weights:
            diff.fill(weight)
        for index in self.plan.backward:
            node = self.graph.nodes[index]
            if not span.holds(index):
                continue
            if span.before is not None:
                span.before(node)
            if index not in self._resting:
                node.layer.backward(*self._calls[index])
            if span.after is not None:
                span.after(node)

    def forward_checked(self, span: Span = WHOLE) -> None:
        self.forward(_also_after(span, lambda node: refuse(self._broken_top(node))))

    def backward_checked(self, span: Span = WHOLE) -> None:
        def look(node: Node) -> None:
            refuse(self._broken_bottom_diff(node) or self._broken_param_diff(node))

        self.backward(_also_after(span, look))

    def give_shape(self, value: int, shape: Shape) -> None:
        producer, late = self.graph.values[value].producer, self._late
        self._reshape({value: shape}, producer, producer + 1)
        self._late |= late  # layers above this input may wait for others still

    def settle(self) -> None:
        if self._late:
            self._reshape({}, 0, None)

    def _follow(self, node: Node, shapes: Mapping[int, Shape]) -> None:
        """What lies behind the next dynamic layer waits for that one's shapes."""
        dynamic = (other.index + 1 for other in self.graph.nodes[node.index + 1 :] if other.layer.dynamic)
        self._reshape(shapes, node.index, next(dynamic, None))

    def _reshape(self, changes: Mapping[int, Shape], start: int, stop: int | None) -> None:
        """Give values other shapes, and layers from ``start`` up to ``stop`` the shapes that follow."""
        before, late = self.graph, self._late
        self.graph, nodes, self._late = reshaped(before, changes, late, start, stop)
        storage = self.plan.storage
        for arrays, places in ((self.data, storage.data), (self.diff, storage.diff)):
            renewed: dict[int, np.ndarray] = {places[i]: arrays[i] for i in late if i not in changes}
            for value in self.graph.values:
                if value.shape == before.values[value.id].shape:
                    continue
                place = places[value.id]
                if value.count == before.values[value.id].count:
                    renewed[place] = arrays[value.id]
                elif place not in renewed:
                    renewed[place] = aligned_zeros(value.count, self.dtype)
                arrays[value.id] = renewed[place].reshape(value.shape)
        for value, weight in self.graph.loss_values():
            self.diff[value.id].fill(weight)
        for node in nodes:
            bottoms = [self.graph.values[i].shape for i in node.bottoms]
            (self._resting.add if rests(bottoms) else self._resting.discard)(node.index)
            self._give_scratch(node)
            self._keep_call(node)
        self._find_overwritten()


def _fill_with_zeros(arrays: Iterable[np.ndarray]) -> None:
    for array in arrays:
        array.fill(0)


def _also_after(span: Span, call: Callable[[Node], None]) -> Span:
    """The span with ``call`` called after each layer, before whoever else is told of it."""
    if span.after is None:
        return span._replace(after=call)
    told = span.after

    def both(node: Node) -> None:
        call(node)
        told(node)

    return span._replace(after=both)
