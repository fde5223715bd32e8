"""A net while it is being rewritten: layers and the values between them, each written once, whatever its name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import UsageError, did_you_mean
from ...layers.base import Layer, Shape
from ...net import Net
from ...proto import caffe_pb2
from .affine import KeptError

if TYPE_CHECKING:
    from ...graph import Node


@dataclass(eq=False)
class Op:
    """One layer. ``param`` is its own copy; ``layer`` knows its geometry; ``shared`` names who uses its parameters.

    ``labels`` are what it calls its parameters; ``place`` is where it stands in the file.
    """

    param: Any
    layer: Layer
    bottoms: list[int]
    tops: list[int]
    arrays: list[np.ndarray]
    labels: tuple[str, ...]
    place: str
    shared: str = ""

    @property
    def name(self) -> str:
        return self.param.name

    @property
    def type(self) -> str:
        return self.param.type


class Draft:
    """The layers of a net in order. ``kept`` are the values that must stay what they are, under their names."""

    def __init__(self, net: Net, keep: Iterable[str] = ()):
        graph = net.graph
        public = graph.public()
        for name in keep:
            if name not in public:
                raise UsageError(f'the net has no blob "{name}" to keep{did_you_mean(name, public)}')
        self.shapes: list[Shape] = [value.shape for value in graph.values]
        self.names = [value.name for value in graph.values]
        self.outputs = tuple(graph.outputs)
        self.kept = {*graph.inputs, *graph.outputs, *(public[name].id for name in keep)}
        self.ops: list[Op] = []
        source: dict[int, int] = {}
        for node in graph.nodes:
            bottoms = [source.get(value, value) for value in node.bottoms]
            if node.type == "Split" and self.kept.isdisjoint(node.tops):
                source.update(dict.fromkeys(node.tops, bottoms[0]))
                continue
            param = caffe_pb2.LayerParameter()
            param.CopyFrom(node.layer.param)
            param.ClearField("blobs")
            arrays = [blob.data.copy() for blob in net.params.get(node.name, ())] if node.params else []
            labels = tuple(graph.params[i].label for i in node.params)
            tops, sharer = list(node.tops), _sharer(net, node)
            self.ops.append(Op(param, node.layer, bottoms, tops, arrays, labels, node.place, sharer))

    def producer(self, value: int) -> Op:
        return next(op for op in self.ops if value in op.tops)

    def readers(self, value: int) -> list[Op]:
        """The layers that read a value, one as often as it does."""
        return [op for op in self.ops for bottom in op.bottoms if bottom == value]

    def free(self, value: int) -> None:
        """KeptError unless the value may change its meaning."""
        if value in self.kept:
            raise KeptError(f'the blob "{self.names[value]}" is an input or output of the net, or to be kept')

    def sole_reader(self, value: int) -> None:
        """KeptError if several layers read a value."""
        readers = self.readers(value)
        if len(readers) > 1:
            names = ", ".join(dict.fromkeys(f'"{op.name}"' for op in readers))
            raise KeptError(f'several layers read "{self.names[value]}": {names}')

    def write_instead(self, op: Op) -> None:
        """Remove ``op``: what wrote its bottom writes its top."""
        (bottom,), (top,) = op.bottoms, op.tops
        self.ops.remove(op)
        above = self.producer(bottom)
        above.tops = [top if value == bottom else value for value in above.tops]
        for reader in self.ops:
            reader.bottoms = [top if value == bottom else value for value in reader.bottoms]

    def read_instead(self, op: Op) -> None:
        """Remove ``op``: what reads its top reads its bottom. KeptError if that could not keep its name for so long."""
        (bottom,), (top,) = op.bottoms, op.tops
        name, here = self.names[bottom], self.ops.index(op)
        writers = [(i, v) for i, other in enumerate(self.ops) for v in other.tops if self.names[v] == name]
        if any(i < here and v in self.kept for i, v in writers):
            for reader in self.readers(top):
                if any(here < i < self.ops.index(reader) for i, _ in writers):
                    raise KeptError(f'the blob "{name}" is written again before "{reader.name}" reads it')
        self.ops.remove(op)
        for reader in self.ops:
            reader.bottoms = [bottom if value == top else value for value in reader.bottoms]

    def layers(self) -> list[Any]:
        """A LayerParameter for each layer, its blobs by names under which a net can be built."""
        names = self._blob_names()
        found = []
        for op in self.ops:
            param = caffe_pb2.LayerParameter()
            param.CopyFrom(op.param)
            for field, values in (("bottom", op.bottoms), ("top", op.tops)):
                param.ClearField(field)
                getattr(param, field).extend(names[value] for value in values)
            found.append(param)
        return found

    def _blob_names(self) -> dict[int, str]:
        """The values' own names; where a version is gone that made two of one name right, the older one has another."""
        written: dict[str, list[int]] = {}
        for op in self.ops:
            for top in op.tops:
                written.setdefault(self.names[top], []).append(top)
        names = {value: name for name, values in written.items() for value in values}
        for name, values in written.items():
            for i in range(len(values) - 1, 0, -1):
                if not self._in_place(values[i - 1], values[i]):
                    fresh = f"{name}_before_{self.producer(values[i]).name}"
                    while fresh in written:
                        fresh += "_"
                    names.update(dict.fromkeys([v for v in values[:i] if names[v] == name], fresh))
        return names

    def _in_place(self, old: int, new: int) -> bool:
        """Whether ``new`` may have the name of ``old``: its layer runs in place, and none reads ``old`` after it."""
        op = self.producer(new)
        at = self.ops.index(op)
        late = any(old in other.bottoms for other in self.ops[at + 1 :])
        return op.layer.in_place and op.tops[0] == new and op.bottoms[:1] == [old] and not late


def _sharer(net: Net, node: Node) -> str:
    """Another layer that uses the same parameters, or ""."""
    facts = net.graph.params
    owners = {facts[i].owner for i in node.params}
    others = (fact.node for fact in facts if fact.owner in owners and fact.node != node.index)
    return next((net.graph.nodes[other].name for other in others), "")
