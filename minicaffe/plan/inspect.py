"""The inspect plan: every layer in turn, every blob and diff readable. It is what pycaffe's users know."""

from __future__ import annotations

from dataclasses import dataclass

from ..graph import Graph
from .gradients import Gradients, needed_gradients
from .memory import Storage, inspect_storage


@dataclass(frozen=True)
class Plan:
    """The order in which nodes run, by index, which gradients they compute, and where values lie."""

    forward: tuple[int, ...]
    backward: tuple[int, ...]
    gradients: Gradients
    storage: Storage


def inspect_plan(graph: Graph) -> Plan:
    """Forward in the order of the file, backward in reverse; views (Flatten, Split) have nothing to do forward."""
    gradients = needed_gradients(graph)
    forward = tuple(node.index for node in graph.nodes if node.layer.shares is None)
    backward = tuple(
        node.index for node in reversed(graph.nodes) if gradients.nodes[node.index] and node.layer.shares != "data+diff"
    )
    return Plan(forward, backward, gradients, inspect_storage(graph, gradients))
