"""The parameters of a net: their memory, their first values, and which of them lie elsewhere."""

from __future__ import annotations

import numpy as np

from .arena import Arena
from .errors import GraphError, ProtoError
from .fillers import fill, generator
from .graph import Graph, Node
from .proto import array_from_blob


class Parameters:
    """Arrays ``data`` and ``diff`` by parameter id, in an ``arena`` of the net's own.

    ``shared`` are the ids of those whose data lie in another net.
    """

    def __init__(self, graph: Graph, dtype: np.dtype):
        self._graph, self._dtype = graph, dtype
        self.arena = Arena(graph.params, dtype)
        self.data, self.diff = list(self.arena.data), list(self.arena.diff)
        self.shared: set[int] = set()

    def share(self, other: Parameters) -> None:
        """Use the other net's parameters for every layer that both have; gradients stay apart, as in Caffe.

        A parameter that is shared by name inside this net follows the one that found a partner. GraphError for layers
        of one name whose parameters differ.
        """
        theirs = {node.name: node for node in other._graph.nodes}
        owners: dict[int, np.ndarray] = {}
        problems = []
        for node in self._graph.nodes:
            there = theirs.get(node.name)
            if there is None:
                continue
            shapes = [self._graph.params[i].shape for i in node.params]
            other_shapes = [other._graph.params[i].shape for i in there.params]
            if shapes != other_shapes:
                problems.append(
                    f'{node.place}: layer "{node.name}" ({node.type}) has parameters {shapes}, '
                    f"but {other_shapes} in phase {other._graph.phase}; expected the same"
                )
                continue
            for mine, its in zip(node.params, there.params):
                self.data[mine] = other.data[its]
                self.shared.add(mine)
                owners.setdefault(self._graph.params[mine].owner, other.data[its])
        if problems:
            raise GraphError(problems)
        for fact in self._graph.params:
            if fact.owner in owners and fact.id not in self.shared:
                self.data[fact.id] = owners[fact.owner].reshape(fact.shape)
                self.shared.add(fact.id)

    def fill(self, seed: int) -> None:
        """Give every parameter of the net's own its first values."""
        for fact in self._graph.params:
            if fact.filler is None or fact.owner != fact.id or fact.id in self.shared:
                continue
            self.data[fact.id][...] = fill(fact.shape, fact.filler, generator(seed, fact.id), self._dtype)

    def own_blobs(self) -> dict[str, list[np.ndarray]]:
        """Blobs that stand in the net itself, as in a caffemodel, by layer; not of layers that use another net's."""
        own = {}
        for node in self._graph.nodes:
            if node.params and node.layer.param.blobs and not self.shared.intersection(node.params):
                try:
                    own[node.name] = [array_from_blob(blob) for blob in node.layer.param.blobs]
                except ProtoError as error:
                    raise ProtoError(f'{node.place}: layer "{node.name}": {error}') from None
        return own

    def kept(self, node: Node, diffs: bool) -> list[tuple[np.ndarray, np.ndarray | None]]:
        """What a file of weights holds of a layer."""
        self.arena.settle()
        return [(self.data[i], self.diff[i] if diffs else None) for i in node.params]

    def shared_places(self) -> dict[tuple[str, int], tuple[str, int]]:
        """(layer, number) of every parameter that uses the memory of another of this net, and of that other."""
        facts, nodes = self._graph.params, self._graph.nodes
        place = [(nodes[fact.node].name, fact.index) for fact in facts]
        return {place[fact.id]: place[fact.owner] for fact in facts if fact.owner != fact.id}
