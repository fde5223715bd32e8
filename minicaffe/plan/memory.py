"""Which values share memory.

The inspect plan keeps every blob readable, so memory is shared only where Caffe's users expect it: views
(Flatten, Split) and layers that run in place, the latter only where no one reads the overwritten version again.
Diffs of all versions of a blob are one array, as in Caffe: in-place layers turn the diff of the new version
into that of the old one.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..graph import Graph, Node
from .gradients import Gradients


@dataclass(frozen=True)
class Storage:
    """By value id: the number of the array that holds its data, and of the one that holds its diff."""

    data: tuple[int, ...]
    diff: tuple[int, ...]
    data_counts: tuple[int, ...]
    diff_counts: tuple[int, ...]

    def numbers(self) -> int:
        """How many numbers all arrays hold together."""
        return sum(self.data_counts) + sum(self.diff_counts)


def inspect_storage(graph: Graph, gradients: Gradients) -> Storage:
    """Storage that keeps every blob and its diff readable."""
    data: list[int] = []
    diff: list[int] = []
    data_counts: list[int] = []
    diff_counts: list[int] = []
    for value in graph.values:
        node = graph.nodes[value.producer]
        old = node.bottoms[0] if node.bottoms else -1
        in_place = value.slot == 0 and graph.in_place(node)
        shares = node.layer.shares or ""
        if shares or (in_place and _may_overwrite(graph, gradients, node, data)):
            data.append(data[old])
        else:
            data.append(len(data_counts))
            data_counts.append(value.count)
        if shares == "data+diff" or in_place:
            diff.append(diff[old])
        else:
            diff.append(len(diff_counts))
            diff_counts.append(value.count)
    return Storage(tuple(data), tuple(diff), tuple(data_counts), tuple(diff_counts))


def _may_overwrite(graph: Graph, gradients: Gradients, node: Node, data: list[int]) -> bool:
    """Whether no one reads what lies in the array of the node's first bottom, once the node has run.

    Outputs and losses are read when all nodes have run.
    """
    array = data[node.bottoms[0]]
    inside = {i for i, used in enumerate(data) if used == array}
    if inside.intersection(graph.outputs) or inside.intersection(value.id for value, _ in graph.loss_values()):
        return False
    for other in graph.nodes:
        reads = inside.intersection(other.bottoms)
        if other.index > node.index and reads:
            return False
        if gradients.nodes[other.index]:
            if reads and "bottoms" in other.layer.backward_reads:
                return False
            if inside.intersection(other.tops) and "tops" in other.layer.backward_reads:
                return False
    return True
