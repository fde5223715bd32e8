"""How a net is run: whole or in part, with arrays for its inputs, in batches; and what its layers are called.

The names are pycaffe's.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import batched
from .blobs import Blob
from .errors import UsageError, did_you_mean, shape_text
from .execution import WHOLE, Execution, Span
from .graph import Graph, Node
from .numbered import Numbered


@dataclass(frozen=True)
class Hooks:
    """Callables that want the number of each layer, before and after it runs."""

    before: list[Callable[[int], None]]
    after: list[Callable[[int], None]]

    def run(self, run: Callable[[Span], None], span: Span, order: Iterable[int]) -> None:
        """``run(span)``, telling of the layers numbered in ``order``, those with nothing to do included."""
        if not (self.before or self.after):
            return run(span)
        waiting = deque(order)

        def before(node: Node) -> None:
            while waiting[0] != node.index:
                self._idle(waiting.popleft())
            _tell(self.before, node.index)

        run(span._replace(before=before, after=lambda node: _tell(self.after, waiting.popleft())))
        for index in waiting:
            self._idle(index)

    def _idle(self, index: int) -> None:
        _tell(self.before, index)
        _tell(self.after, index)


def _tell(calls: Iterable[Callable[[int], None]], index: int) -> None:
    for call in calls:
        call(index)


class Running(Numbered):
    """What Net can do once it is built. It has ``blobs`` by name, its ``graph``, and an Execution that runs it."""

    blobs: OrderedDict[str, Blob]
    check_finite: bool = False
    """Whether forward and backward raise NonFiniteError for the first NaN or infinity in a top, or in a diff.

    Under plan "inspect" they look after each layer and stop there; under "fast" once all layers have run, at the blobs
    that it keeps, so that the layer named may not be the first, and what a later layer hides is not seen.
    """
    _run: Execution
    _hooks: dict[str, Hooks]

    if TYPE_CHECKING:

        @property
        def graph(self) -> Graph:
            """The facts of the net."""

        @property
        def loss(self) -> float:
            """The weighted sum of all losses of the last forward pass."""

    def forward(
        self, blobs: Iterable[str] = (), start: str | None = None, end: str | None = None, **inputs: Any
    ) -> dict[str, np.ndarray]:
        """Run the layers from ``start`` to ``end`` (names, both included; the whole net where not given).

        ``inputs`` are arrays for all of the net's inputs, by name. Returns arrays by name: the net's outputs, or with
        ``end`` that layer's tops, and ``blobs`` beside them. They are the net's own memory, which the next forward
        overwrites. Raises UsageError for inputs that do not match the net's, for names that the net lacks, and for
        parts of a net under the fast plan; DataError for what the data or labels hold.
        """
        self._known(blobs)
        span = self._part(start, end)
        if inputs:
            self._fill_blobs(self.inputs, inputs, "input", "data")
        self._forward_told(span)
        wanted = self.outputs if end is None else self.top_names[end]
        return {name: self.blobs[name].data for name in dict.fromkeys([*wanted, *(blobs or ())])}

    def backward(
        self, diffs: Iterable[str] = (), start: str | None = None, end: str | None = None, **outputs: Any
    ) -> dict[str, np.ndarray]:
        """Run the layers from ``start`` back to ``end``; parameter diffs add up.

        ``outputs`` are diffs for all of the net's outputs, by name. Returns diffs by name: of the net's inputs, or with
        ``end`` of that layer's bottoms, and of ``diffs`` beside them. Raises UsageError as ``forward`` does, and under
        the fast plan in phase TEST.
        """
        self._known(diffs)
        span = self._part(end, start)
        if outputs:
            self._fill_blobs(self.outputs, outputs, "output", "diff")
        self._backward_told(span)
        wanted = self.inputs if end is None else self.bottom_names[end]
        return {name: self.blobs[name].diff for name in dict.fromkeys([*wanted, *(diffs or ())])}

    def forward_backward(self) -> float:
        """``forward``, and where all losses are finite ``backward``: the loss. Faster than one after the other.

        Raises as they do.
        """
        if any(hooks.before or hooks.after for hooks in self._hooks.values()) or self.check_finite:
            self._forward_told(WHOLE)
            if math.isfinite(self.loss):
                self._backward_told(WHOLE)
        else:
            with np.errstate(all="ignore"):
                self._run.forward_backward()
        return self.loss

    def _forward_told(self, span: Span) -> None:
        self._hooks["forward"].run(self.run_forward, span, range(len(self.graph.nodes))[span.held])

    def _backward_told(self, span: Span) -> None:
        self._hooks["backward"].run(self.run_backward, span, range(len(self.graph.nodes))[span.held][::-1])

    def run_forward(self, span: Span = WHOLE) -> None:
        """``forward`` of the layers of ``span``, whose callables are told of each."""
        with np.errstate(all="ignore"):  # kernels do not warn either; whoever trains looks at the numbers
            (self._run.forward_checked if self.check_finite else self._run.forward)(span)

    def run_backward(self, span: Span = WHOLE) -> None:
        """``backward`` of the layers of ``span``, whose callables are told of each."""
        with np.errstate(all="ignore"):
            (self._run.backward_checked if self.check_finite else self._run.backward)(span)

    def _part(self, first: str | None, last: str | None) -> Span:
        """The layers from ``first`` to ``last``, in the order of the file."""
        span = Span(self._index(first, 0), self._index(last, None))
        if span.last is not None and span.first > span.last:
            raise UsageError(f'layer "{first}" stands behind "{last}", so that nothing lies between them')
        return span

    def _index(self, layer: str | None, default: Any) -> Any:
        if layer is None:
            return default
        try:
            return self._layer_names.index(layer)
        except ValueError:
            near = did_you_mean(layer, self._layer_names)
            raise UsageError(f'the net has no layer "{layer}"{near}') from None

    def _known(self, names: Iterable[str] | None) -> None:
        if isinstance(names, str):
            raise UsageError(f"found {names!r}; expected a list of blobs' names")
        for name in names or ():
            if name not in self.blobs:
                raise UsageError(f'the net has no blob "{name}"{did_you_mean(name, self.blobs)}')

    def _fill_blobs(self, names: list[str], arrays: Any, role: str, field: str) -> None:
        if set(arrays) != set(names):
            raise UsageError(
                f"found {role} arrays for {', '.join(arrays)}; expected one for each {role} of the net: "
                f"{', '.join(names) or 'none'}"
            )
        for name, array in arrays.items():
            into = getattr(self.blobs[name], field)
            array = np.asarray(array)
            if array.shape[:1] != into.shape[:1]:
                raise UsageError(
                    f'array for "{name}" is {shape_text(array.shape)}, which is not batch sized; '
                    f"expected {shape_text(into.shape)}"
                )
            try:
                into[...] = array
            except ValueError:
                raise UsageError(
                    f'array for "{name}" is {shape_text(array.shape)}; expected {shape_text(into.shape)}'
                ) from None

    def before_forward(self, call: Callable[[int], None]) -> None:
        """Have ``call`` called with the number of each layer before it runs forward."""
        self._hooks["forward"].before.append(call)

    def after_forward(self, call: Callable[[int], None]) -> None:
        """Have ``call`` called with the number of each layer after it has run forward."""
        self._hooks["forward"].after.append(call)

    def before_backward(self, call: Callable[[int], None]) -> None:
        """Have ``call`` called with the number of each layer before it runs backward."""
        self._hooks["backward"].before.append(call)

    def after_backward(self, call: Callable[[int], None]) -> None:
        """Have ``call`` called with the number of each layer after it has run backward."""
        self._hooks["backward"].after.append(call)

    def reshape(self) -> None:
        """Let all layers follow the shapes that inputs were given with ``blob.reshape``; ``forward`` does so too."""
        self._run.settle()

    def forward_all(self, blobs: Iterable[str] = (), **inputs: Any) -> dict[str, np.ndarray]:
        """``forward`` over arrays of any number of items, a batch at a time; see ``batched``."""
        return batched.forward_all(self, blobs, inputs)

    def forward_backward_all(self, blobs: Iterable[str] = (), diffs: Iterable[str] = (), **arrays: Any) -> Any:
        """``forward`` and ``backward`` over arrays of any number of items; see ``batched``."""
        return batched.forward_backward_all(self, blobs, diffs, arrays)

    def set_input_arrays(self, data: np.ndarray, labels: np.ndarray) -> None:
        """Give the net's first layer, a MemoryData, what it hands out batch by batch."""
        layer: Any = self.graph.nodes[0].layer
        if layer.type != "MemoryData":
            raise UsageError(f'the first layer is "{layer.name}" ({layer.type}); expected a MemoryData layer')
        layer.reset(data, labels)

    # -- names ---------------------------------------------------------------------------------------------

    @property
    def layers(self) -> list:
        """The layer objects, in running order; each has its ``type``, ``name`` and ``blobs``.

        Of a ``Python`` layer it is the object of the user's class.
        """
        return [node.layer.shown for node in self.graph.nodes]

    @property
    def layer_dict(self) -> OrderedDict:
        """The layer objects by name."""
        return OrderedDict((node.name, node.layer.shown) for node in self.graph.nodes)

    @property
    def _layer_names(self) -> list[str]:
        return [node.name for node in self.graph.nodes]

    @property
    def _blob_names(self) -> list[str]:
        return list(self.blobs)

    @property
    def top_names(self) -> OrderedDict[str, list[str]]:
        """By layer: the names of its tops."""
        return self._around(lambda node: node.tops)

    @property
    def bottom_names(self) -> OrderedDict[str, list[str]]:
        """By layer: the names of its bottoms, those of Splits included."""
        return self._around(lambda node: node.bottoms)

    def _around(self, ids: Callable[[Node], Iterable[int]]) -> OrderedDict[str, list[str]]:
        values = self.graph.values
        return OrderedDict((node.name, [values[i].name for i in ids(node)]) for node in self.graph.nodes)

    @property
    def inputs(self) -> list[str]:
        """The blobs that users fill: tops of Input layers, and ``input`` fields, in the file's order."""
        return [self.graph.values[i].name for i in self.graph.inputs]

    @property
    def outputs(self) -> list[str]:
        """The blobs that no layer reads, sorted by name as in Caffe."""
        return [self.graph.values[i].name for i in self.graph.outputs]
