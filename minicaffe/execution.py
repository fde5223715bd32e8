"""How a net's graph runs under each plan: the arrays of its values, and the passes over them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from types import SimpleNamespace

import numpy as np

from .arena import aligned_zeros
from .errors import DataError, LayerError, UsageError, shape_text
from .graph import Graph, Node, reshaped, rests
from .layers.base import Shape, count
from .plan import Gradients, differentiates, inspect_plan
from .plan.fast import fast_plan
from .runner import Runner

After = Callable[[Node], None]


class Execution:
    """Arrays by value id (``data``, ``diff``; None where a plan keeps none), and ``forward`` and ``backward``."""

    def __init__(self, graph: Graph, gradients: Gradients, dtype: np.dtype):
        self.graph, self.gradients, self.dtype = graph, gradients, dtype
        self.data: list[np.ndarray | None] = [None] * len(graph.values)
        self.diff: list[np.ndarray | None] = [None] * len(graph.values)
        self._late: set[int] = set()  # values whose new shapes layers further down have not been told of

    def numbers(self) -> int:
        """How many numbers of the net's type its values will take, parameters and layers' scratch left out."""
        raise NotImplementedError

    def scratch_nodes(self) -> list[Node]:
        """The layers that run themselves, and so need their scratch."""
        raise NotImplementedError

    def allocate(self) -> None:
        """Make the arrays."""
        raise NotImplementedError

    def bind(self, param_data: list[np.ndarray], param_diff: list[np.ndarray]) -> None:
        """Give each layer its arrays, and keep the arguments of every call ready."""
        wanted = self.gradients.params
        for node in self.graph.nodes:
            node.layer.params = [param_data[i] for i in node.params]
            node.layer.param_diffs = [param_diff[i] if wanted[i] else None for i in node.params]
        self._calls: dict[int, tuple] = {}
        for node in self.scratch_nodes():
            self._give_scratch(node)
            self._keep_call(node)

    def _give_scratch(self, node: Node) -> None:
        arrays = {
            name: aligned_zeros(count(work.shape), work.dtype or self.dtype).reshape(work.shape)
            for name, work in node.scratch.items()
        }
        node.layer.scratch = SimpleNamespace(**arrays)

    def _keep_call(self, node: Node) -> None:
        bottoms = self.gradients.bottoms[node.index]
        self._calls[node.index] = (
            [self.data[i] for i in node.bottoms],
            [self.data[i] for i in node.tops],
            [self.diff[i] for i in node.tops],
            [self.diff[i] if want else None for i, want in zip(node.bottoms, bottoms)],
        )

    def forward(self, after: After | None) -> None:
        raise NotImplementedError

    def backward(self, after: After | None) -> None:
        raise NotImplementedError

    def reshape(self, changes: Mapping[int, Shape], start: int | None = None) -> None:
        """Give values (by id) other shapes, and shape anew whatever follows from them; LayerError if that cannot be.

        From within a forward, ``start`` is the layer they come from: what lies behind the next dynamic layer waits for
        that one's shapes.
        """
        raise NotImplementedError

    def parameters_changed(self) -> None:
        """Someone has written to a parameter."""

    def share(self) -> None:
        """The parameters lie in another net, which changes them as it likes."""

    def watched(self, array: np.ndarray) -> np.ndarray:
        """A parameter's array for a user, who may write to it at any time."""
        return array

    def _allocate_diffs(self, arrays: dict[int, np.ndarray], place) -> None:
        for value in self.graph.values:
            if place(value.id) in arrays:
                self.diff[value.id] = arrays[place(value.id)].reshape(value.shape)
        for value, weight in self.graph.loss_values():
            self.diff[value.id].fill(weight)

    def _layer_forward(self, node: Node) -> None:
        bottoms, tops, _, _ = self._calls[node.index]
        try:
            node.layer.forward(bottoms, tops)
        except (DataError, LayerError) as error:
            raise _named(node, error) from None

    def _adapt(self, node: Node) -> None:
        """Ask a dynamic layer for the shapes to come, and follow it."""
        try:
            shapes = node.layer.reshape(self._calls[node.index][0])
        except (DataError, LayerError) as error:
            raise _named(node, error) from None
        shapes = {top: tuple(int(n) for n in shape) for top, shape in zip(node.tops, shapes)}
        if self._late or any(self.graph.values[top].shape != shape for top, shape in shapes.items()):
            self.reshape(shapes, node.index)

    def first_non_finite(self) -> tuple[Node, str] | None:
        """The first layer, in running order, with a top that holds NaN or infinity, and the name of that top.

        Only arrays that are kept can tell.
        """
        for node in self.graph.nodes:
            for top in node.tops:
                if self.data[top] is not None and not np.isfinite(self.data[top]).all():
                    return node, self.graph.values[top].name
        return None


def _named(node: Node, error: DataError | LayerError) -> DataError | LayerError:
    return type(error)(f'layer "{node.name}" ({node.type}): {error}')


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

    def bind(self, param_data, param_diff):
        super().bind(param_data, param_diff)
        self._resting: set[int] = set()
        self._find_overwritten()

    def _find_overwritten(self) -> None:
        storage = self.plan.storage
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

    def forward(self, after):
        for first, last in self._overwritten_inputs:
            first[...] = last
        for index in self.plan.forward:
            node = self.graph.nodes[index]
            if node.layer.dynamic:
                self._adapt(node)
            if index in self._resting:
                _fill_with_zeros(self._calls[index][1])
            else:
                self._layer_forward(self.graph.nodes[index])
            if after is not None:
                after(node)

    def backward(self, after):
        for diff, weight in self._overwritten_weights:
            diff.fill(weight)
        for index in self.plan.backward:
            node = self.graph.nodes[index]
            if index not in self._resting:
                node.layer.backward(*self._calls[index])
            if after is not None:
                after(node)

    def reshape(self, changes, start=None):
        before, late, stop = self.graph, self._late, None
        if start is not None:
            stop = next((node.index + 1 for node in before.nodes[start + 1 :] if node.layer.dynamic), None)
        self.graph, nodes, self._late = reshaped(before, changes, late, start or 0, stop)
        storage = self.plan.storage
        for arrays, places in ((self.data, storage.data), (self.diff, storage.diff)):
            renewed: dict[int, np.ndarray] = {places[i]: arrays[i] for i in late}
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


def _fill_with_zeros(arrays) -> None:
    for array in arrays:
        array.fill(0)


class _Window:
    """Hands out an array through NumPy's interface, so that every view of it keeps the first one alive."""

    def __init__(self, array: np.ndarray):
        self.array = array
        self.__array_interface__ = array.__array_interface__


class FastExecution(Execution):
    """The fast plan: rows of kernels, and arrays only for what plain layers, users and losses see."""

    def __init__(self, graph: Graph, dtype: np.dtype):
        self.plan = fast_plan(graph)
        super().__init__(graph, self.plan.gradients, dtype)
        self._changed = True
        self._handed_out: list[weakref.ref] = []

    def _roots(self, root) -> set[int]:
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
        kept = self._roots(diff_root) if any(self.gradients.nodes) else losses
        self._allocate_diffs({i: aligned_zeros(values[i].count, self.dtype) for i in kept}, diff_root.__getitem__)

    def bind(self, param_data, param_diff):
        super().bind(param_data, param_diff)
        arrays = {"data": self.data, "diff": self.diff, "param": param_data, "param_diff": param_diff}
        self.runner = Runner(self.plan, lambda source: arrays[source[0]][source[1]], self._plain)
        self._always = any(self.gradients.nodes)
        self._overwritten_inputs = self.graph.overwritten_inputs()
        self._one_diff = [
            (first, last) for first, last in self._overwritten_inputs if self.graph.first_in_place(last) == first
        ]

    def share(self):
        self._always = True

    def _plain(self, index: int, backward: bool) -> None:
        node = self.graph.nodes[index]
        if backward:
            node.layer.backward(*self._calls[index])
        else:
            if node.layer.dynamic:
                self._adapt(node)
            self._layer_forward(node)

    def reshape(self, changes, start=None):
        for i, shape in changes.items():
            value = self.graph.values[i]
            if value.shape != shape:
                raise LayerError(
                    f'blob "{value.name}" becomes {shape_text(shape)} after {shape_text(value.shape)}, '
                    f'which the fast plan cannot do; expected plan="inspect"'
                )

    def forward(self, after):
        if after is not None:
            raise UsageError('the fast plan cannot stop after each layer; expected plan="inspect"')
        self._handed_out = [view for view in self._handed_out if view() is not None]
        if self._always or self._changed or self._handed_out:
            self.runner.run("prepare")
            self._changed = False
        for first, last in self._overwritten_inputs:
            self.data[first][...] = self.data[last]
        self.runner.run("forward")

    def backward(self, after):
        if after is not None:
            raise UsageError('the fast plan cannot stop after each layer; expected plan="inspect"')
        if not differentiates(self.graph):
            raise UsageError('the fast plan computes no gradients in phase TEST; expected plan="inspect"')
        self.runner.run("backward")
        for first, last in self._one_diff:
            self.diff[last][...] = self.diff[first]

    def first_non_finite(self):
        seen = super().first_non_finite()
        value = self.runner.first_non_finite()
        if value is None:
            return seen
        value = self.graph.values[value]
        if seen is not None and seen[0].index < value.producer:
            return seen
        return self.graph.nodes[value.producer], value.name

    def parameters_changed(self):
        self._changed = True

    def watched(self, array):
        if self._always:
            return array
        view = np.asarray(_Window(array))
        self._handed_out.append(weakref.ref(view))
        self._changed = True
        return view
