"""What both plans have in common: arrays by value, and how a layer is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from ..arena import Arena, aligned_zeros
from ..errors import DataError, LayerError
from ..graph import Graph, Node
from ..layers.base import Shape, count
from ..plan import Gradients
from .finite import NonFinite, broken, refuse


class Span(NamedTuple):
    """The layers from ``first`` to ``last`` (None: the last of the net), and who is told before and after each."""

    first: int = 0
    last: int | None = None
    before: Callable[[Node], None] | None = None
    after: Callable[[Node], None] | None = None

    @property
    def held(self) -> slice:
        """The same layers, as a slice of all."""
        return slice(self.first, None if self.last is None else self.last + 1)

    def holds(self, index: int) -> bool:
        return self.first <= index and (self.last is None or index <= self.last)


WHOLE = Span()
LATE = '; the fast plan looks once all layers have run, at the blobs it keeps: plan "inspect" looks after each layer'


class Execution:
    """Arrays by value id (``data``, ``diff``; None where a plan keeps none), and ``forward`` and ``backward``."""

    def __init__(self, graph: Graph, gradients: Gradients, dtype: np.dtype):
        self.graph, self.gradients, self.dtype = graph, gradients, dtype
        self.data: list[Any] = [None] * len(graph.values)  # arrays, or None for what is not kept
        self.diff: list[Any] = [None] * len(graph.values)
        self._late: set[int] = set()  # values whose new shapes layers further down have not been told of

    def numbers(self) -> int:
        """How many numbers of the net's type its values will take, parameters and layers' scratch left out."""
        raise NotImplementedError

    def scratch_nodes(self) -> list[Node]:
        """The layers that run themselves, and so need their scratch."""
        raise NotImplementedError

    def bytes_needed(self) -> int:
        """Bytes of values, gradients and layers' scratch, parameters left out; known before ``allocate``."""
        works = [work for node in self.scratch_nodes() for work in node.scratch.values()]
        scratch = sum(count(work.shape) * np.dtype(work.dtype or self.dtype).itemsize for work in works)
        return scratch + self.dtype.itemsize * self.numbers()

    def allocate(self) -> None:
        """Make the arrays."""
        raise NotImplementedError

    overwrites = False
    """Whether backward need not find zeros where parameters' gradients begin: it does what ``arena`` has put off."""

    def bind(self, param_data: list[np.ndarray], param_diff: list[np.ndarray], arena: Arena) -> None:
        """Give each layer its arrays, and keep the arguments of every call ready; ``param_diff`` lie in ``arena``."""
        wanted = self.gradients.params
        for node in self.graph.nodes:
            node.layer.params = [param_data[i] for i in node.params]
            node.layer.param_diffs = [param_diff[i] if wanted[i] else None for i in node.params]
        self._calls: dict[int, tuple] = {}
        for node in self.scratch_nodes():
            self._give_scratch(node)
            self._keep_call(node)
            node.layer.begin(self._calls[node.index][1])

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

    def forward(self, span: Span = WHOLE) -> None:
        """Run the layers of ``span`` in order."""
        raise NotImplementedError

    def backward(self, span: Span = WHOLE) -> None:
        """Run those of the layers of ``span`` that have gradients, the last one first."""
        raise NotImplementedError

    def forward_backward(self) -> None:
        """``forward``, and where all losses are finite ``backward``."""
        self.forward()
        if all(np.isfinite(self.data[value.id]).all() for value, _ in self.graph.loss_values()):
            self.backward()

    def give_shape(self, value: int, shape: Shape) -> None:
        """Give an input of the net another shape; layers below hear of it in ``settle``."""
        raise NotImplementedError

    def settle(self) -> None:
        """Shape anew whatever follows from the shapes that inputs were given; LayerError if that cannot be."""
        raise NotImplementedError

    def _follow(self, node: Node, shapes: Mapping[int, Shape]) -> None:
        """In a forward, a dynamic layer gives its tops (by value id) these shapes."""
        raise NotImplementedError

    def parameters_changed(self) -> None:
        """Someone has written to a parameter."""

    def share(self) -> None:
        """The parameters lie in another net, which changes them as it likes."""

    def watched(self, array: np.ndarray) -> np.ndarray:
        """A parameter's array for a user, who may write to it at any time."""
        return array

    def watched_diff(self, array: np.ndarray) -> np.ndarray:
        """A parameter's gradient for a user, likewise."""
        return array

    def shown_diff(self, value: int) -> np.ndarray | None:
        """The array that holds the gradient of a value after backward; None where there is none to show."""
        return self.diff[value]

    def _allocate_diffs(self, arrays: dict[int, np.ndarray], place: Any) -> None:
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
            raise named(node, error) from None

    def _adapt(self, node: Node) -> None:
        """Ask a dynamic layer for the shapes to come, and follow it."""
        try:
            told = node.layer.reshape(self._calls[node.index][0])
        except (DataError, LayerError) as error:
            raise named(node, error) from None
        shapes = {top: tuple(int(n) for n in shape) for top, shape in zip(node.tops, told)}
        if self._late or any(self.graph.values[top].shape != shape for top, shape in shapes.items()):
            self._follow(node, shapes)

    def forward_checked(self, span: Span = WHOLE) -> None:
        """``forward``; NonFiniteError for the first top, of those that are kept, that holds NaN or infinity."""
        self.forward(span)
        refuse(self.first_non_finite(), LATE)

    def backward_checked(self, span: Span = WHOLE) -> None:
        """``backward``; NonFiniteError for the first diff, of those that are kept, that holds NaN or infinity."""
        self.backward(span)
        for node in reversed(self.graph.nodes):
            refuse(self._broken_bottom_diff(node) or self._broken_param_diff(node), LATE)

    def first_non_finite(self) -> NonFinite | None:
        """The first top, in running order, that holds NaN or infinity. Only arrays that are kept can tell."""
        found = (self._broken_top(node) for node in self.graph.nodes)
        return next(filter(None, found), None)

    def first_non_finite_gradient(self) -> NonFinite | None:
        """The first parameter, in the order of backward, whose diff holds NaN or infinity."""
        found = (self._broken_param_diff(node) for node in reversed(self.graph.nodes))
        return next(filter(None, found), None)

    def _broken_top(self, node: Node) -> NonFinite | None:
        values = self.graph.values
        found = (broken(node, f'blob "{values[top].name}"', self.data[top]) for top in node.tops)
        return next(filter(None, found), None)

    def _broken_bottom_diff(self, node: Node) -> NonFinite | None:
        pairs = zip(node.bottoms, self.gradients.bottoms[node.index])
        names = ((bottom, f'blob "{self.graph.values[bottom].name}"') for bottom, wanted in pairs if wanted)
        found = (broken(node, name, self.shown_diff(bottom), diff=True) for bottom, name in names)
        return next(filter(None, found), None)

    def _broken_param_diff(self, node: Node) -> NonFinite | None:
        facts = (self.graph.params[i] for i in node.params)
        pairs = ((f"parameter {fact.index} ({fact.label})", fact.index) for fact in facts)
        found = (broken(node, name, node.layer.param_diffs[i], diff=True) for name, i in pairs)
        return next(filter(None, found), None)


def named(node: Node, error: DataError | LayerError) -> DataError | LayerError:
    """The error, with the layer that it comes from."""
    return type(error)(f'layer "{node.name}" ({node.type}): {error}')
