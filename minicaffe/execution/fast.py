"""The fast plan: fused layers, and arrays only for what someone outside reads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arena import Arena, Views, aligned_zeros
from ..errors import DataError, LayerError, UsageError, shape_text
from ..graph import Graph, Node, reshaped
from ..layers.base import Shape, count
from ..plan import differentiates
from ..plan.fast import fast_plan
from ..runner import Runner
from .base import WHOLE, Execution, Span, named
from .finite import NonFinite


class FastExecution(Execution):
    """Rows of kernels, and arrays only for what plain layers, users and losses see."""

    def __init__(self, graph: Graph, dtype: np.dtype):
        self.plan = fast_plan(graph)
        super().__init__(graph, self.plan.gradients, dtype)
        self._changed, self._used_up = True, False
        self._handed_out = Views()

    def _roots(self, root: Any) -> set[int]:
        return {root[value] for value in self.plan.fixed}

    def numbers(self) -> int:
        values = self.graph.values
        arrays = [values[i].count for root in (self.plan.root, self.plan.diff_root) for i in self._roots(root)]
        return sum(arrays) + self.plan.layout.shared_size + self.plan.layout.local_size

    def scratch_nodes(self) -> list[Node]:
        return list(self.plan.plain)

    def allocate(self) -> None:
        values, root, diff_root = self.graph.values, self.plan.root, self.plan.diff_root
        data = {i: aligned_zeros(values[i].count, self.dtype) for i in self._roots(root)}
        self.data = [data[root[v.id]].reshape(v.shape) if v.id in self.plan.fixed else None for v in values]
        losses = {diff_root[value.id] for value, _ in self.graph.loss_values()}
        kept = self._roots(diff_root) if differentiates(self.graph) else losses
        self._allocate_diffs({i: aligned_zeros(values[i].count, self.dtype) for i in kept}, diff_root.__getitem__)

    def bind(self, param_data: list[np.ndarray], param_diff: list[np.ndarray], arena: Arena) -> None:
        super().bind(param_data, param_diff, arena)
        self._params, self._arena = (param_data, param_diff, arena), arena
        self._losses = [self.data[value.id] for value, _ in self.graph.loss_values()]
        self._added_to = arena.without(set(self.plan.overwritten.values()))
        self.overwrites = bool(self.plan.overwritten)
        arrays = {"data": self.data, "diff": self.diff, "param": param_data, "param_diff": param_diff}
        self.runner = Runner(self.plan, lambda source: arrays[source[0]][source[1]], self._plain)
        self._always = any(self.gradients.nodes)
        self._overwritten_inputs = self.graph.overwritten_inputs()
        self._one_diff = [
            (first, last) for first, last in self._overwritten_inputs if self.graph.first_in_place(last) == first
        ]

    def share(self) -> None:
        self._always = True

    def _plain(self, index: int, backward: bool) -> None:
        node = self.graph.nodes[index]
        if backward:
            node.layer.backward(*self._calls[index])
        else:
            if node.layer.dynamic:
                self._adapt(node)
            self._layer_forward(node)

    def give_shape(self, value: int, shape: Shape) -> None:
        producer, late = self.graph.values[value].producer, self._late
        self.graph, _, self._late = reshaped(self.graph, {value: shape}, late, producer, producer + 1)
        self._late |= late  # layers above this input may wait for others still
        for arrays in (self.data, self.diff):
            if arrays[value] is not None:
                arrays[value] = aligned_zeros(count(shape), self.dtype).reshape(shape)

    def settle(self) -> None:
        """Everything is planned and laid out again; what stands in the inputs stays."""
        if self._late:
            inputs = {i: self.data[i] for i in self.graph.inputs}
            graph, _, _ = reshaped(self.graph, {}, self._late)
            always, handed_out = self._always, self._handed_out
            self.__init__(graph, self.dtype)  # type: ignore[misc]  # a plan of its own class, made again
            self.allocate()
            for i, array in inputs.items():
                self.data[i][...] = array
            self.bind(*self._params)
            self._always, self._handed_out = always, handed_out

    def _follow(self, node: Node, shapes: Mapping[int, Shape]) -> None:
        top, shape = next((i, shape) for i, shape in shapes.items() if shape != self.graph.values[i].shape)
        value = self.graph.values[top]
        raise LayerError(
            f'blob "{value.name}" becomes {shape_text(shape)} after {shape_text(value.shape)}, '
            f'which the fast plan cannot do; expected plan="inspect"'
        )

    def forward(self, span: Span = WHOLE) -> None:
        self._refuse_parts(span)
        self.settle()
        self._forward("forward")

    def forward_backward(self) -> None:
        self.settle()
        if not self.runner.joined:
            return super().forward_backward()
        anew = self._begin_gradients()
        try:
            self._forward("both")
        finally:
            if anew and not all(math.isfinite(loss.item()) for loss in self._losses):  # which ends the pass
                self._arena.clear(later=True)
        self._used_up = True
        self._finish_diffs()

    def _forward(self, name: str) -> None:
        """The pass of this name, which begins with forward."""
        if self._always or self._changed or self._handed_out:
            self.runner.run("prepare")
            self._changed = False
        for first, last in self._overwritten_inputs:
            self.data[first][...] = self.data[last]
        self.runner.run(name)
        self._used_up = False
        self._check_labels()

    def _check_labels(self) -> None:
        """DataError where a loss is NaN because of a label."""
        for node in self.plan.labelled:
            if math.isnan(self.data[node.tops[0]].item()):
                try:
                    node.layer.check_labels(self.data[node.bottoms[1]])
                except DataError as error:
                    raise named(node, error) from None

    def _refuse_parts(self, span: Span) -> None:
        if span != WHOLE:
            raise UsageError('the fast plan cannot run a part of a net, or stop at layers; expected plan="inspect"')

    def backward(self, span: Span = WHOLE) -> None:
        self._refuse_parts(span)
        if not differentiates(self.graph):
            raise UsageError('the fast plan computes no gradients in phase TEST; expected plan="inspect"')
        if self._used_up:
            raise UsageError(
                "a second backward after one forward: the fast plan has given up what the first one used; "
                'expected another forward, or plan="inspect"'
            )
        self._begin_gradients()
        self.runner.run("backward")
        self._used_up = True
        self._finish_diffs()

    def _begin_gradients(self) -> bool:
        """Before parameters' gradients are computed: whether they begin anew, where clearing was put off."""
        anew = self._arena.clear_rest(self._added_to)
        self.runner.add_to_gradients(not anew)
        return anew

    def _finish_diffs(self) -> None:
        for first, last in self._one_diff:
            self.diff[last][...] = self.diff[first]

    def first_non_finite(self) -> NonFinite | None:
        seen, kept = super().first_non_finite(), self.runner.first_non_finite()
        if kept is None:
            return seen
        value, number = self.graph.values[kept[0]], kept[1]
        if seen is not None and seen.node.index <= value.producer:
            return seen
        return NonFinite(self.graph.nodes[value.producer], f'blob "{value.name}"', number)

    def parameters_changed(self) -> None:
        self._changed = True

    def shown_diff(self, value: int) -> np.ndarray | None:
        return self.diff[value] if value in self.plan.shown_diffs else None

    def watched(self, array: np.ndarray) -> np.ndarray:
        if self._always:
            return array
        self._changed = True
        return self._handed_out.give(array)

    def watched_diff(self, array: np.ndarray) -> np.ndarray:
        return self._arena.shown(array) if self.overwrites else array
