"""The graph of a net: plain facts, never changed once built.

A ``Value`` is one version of a blob: a layer that writes a name again (in place) makes the next version. A
``Node`` is a layer with the values it reads and writes. A ``ParamFact`` is one parameter blob of a layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..layers.base import Layer, Scratch, Shape, count


@dataclass(frozen=True)
class Value:
    """Version ``version`` of blob ``name``, written by node ``producer`` as its top number ``slot``."""

    id: int
    name: str
    version: int
    producer: int
    slot: int
    shape: Shape

    @property
    def count(self) -> int:
        return count(self.shape)


@dataclass(frozen=True)
class ParamFact:
    """Parameter blob ``index`` of node ``node``. ``owner`` is the id of the parameter whose memory it uses."""

    id: int
    node: int
    index: int
    label: str  # the layer file's name for it, such as "gamma"
    shape: Shape
    filler: Any
    learned: bool
    lr_mult: float
    decay_mult: float
    share_name: str
    owner: int


@dataclass(frozen=True)
class Node:
    """One layer: the values it reads and writes, by id, and what the prototxt says about its gradients."""

    index: int
    name: str
    type: str
    layer: Layer
    bottoms: tuple[int, ...]
    tops: tuple[int, ...]
    params: tuple[int, ...]
    loss_weights: tuple[float, ...]
    propagate_down: tuple[bool, ...]
    scratch: Mapping[str, Scratch]
    place: str  # "file:line", for messages


@dataclass(frozen=True)
class Graph:
    """A net for one phase. ``inputs`` and ``outputs`` are value ids; outputs are sorted by name, as Caffe's are."""

    name: str
    phase: str
    nodes: tuple[Node, ...]
    values: tuple[Value, ...]
    params: tuple[ParamFact, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    force_backward: bool = False
    notes: tuple[str, ...] = ()  # for the user

    def consumers(self, value: int) -> list[int]:
        """Indices of the nodes that read a value, in order."""
        return [node.index for node in self.nodes if value in node.bottoms]

    def moving(self) -> Node | None:
        """The first layer whose tops change their shapes as it runs, for which the fast plan has no place."""
        return next((node for node in self.nodes if node.layer.dynamic and not node.layer.steady), None)

    def public(self) -> dict[str, Value]:
        """Blob name -> its last version, in the order in which the names first appear."""
        names: dict[str, Value] = {}
        for value in self.values:
            names[value.name] = value
        return names

    def overwritten_inputs(self) -> list[tuple[int, int]]:
        """Inputs whose blob a layer writes again in place: the input's value, and the last version of its blob."""
        public = self.public()
        pairs = [(i, public[self.values[i].name].id) for i in self.inputs]
        return [(first, last) for first, last in pairs if first != last]

    def in_place(self, node: Node) -> bool:
        """Whether the node's first top is a new version of its first bottom."""
        if not node.bottoms or not node.tops:
            return False
        bottom, top = self.values[node.bottoms[0]], self.values[node.tops[0]]
        return bottom.name == top.name

    def first_in_place(self, value: int) -> int:
        """The value that in-place layers, one after the other, have turned into this one."""
        node = self.nodes[self.values[value].producer]
        while node.tops[0] == value and self.in_place(node):
            value = node.bottoms[0]
            node = self.nodes[self.values[value].producer]
        return value

    def loss_values(self) -> list[tuple[Value, float]]:
        """The values that count as losses, with their weights."""
        return [
            (self.values[top], weight)
            for node in self.nodes
            for top, weight in zip(node.tops, node.loss_weights)
            if weight
        ]
