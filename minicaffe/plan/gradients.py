"""Which gradients a net needs: for each node whether it runs backward, for each bottom and parameter whether
its gradient is wanted.

A gradient is wanted where it leads to a parameter with ``lr_mult`` other than 0 and comes from a loss.
``propagate_down`` overrides the first condition bottom by bottom; ``force_backward`` wants every gradient
that exists. A bottom that can have none, such as labels, is refused where one is wanted; in phase TEST, where nobody
trains, the gradient ends there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import GraphError
from ..graph import Graph, Node


@dataclass(frozen=True)
class Gradients:
    """By node index: whether it runs backward, and which bottoms want a gradient. By parameter id: likewise."""

    nodes: tuple[bool, ...]
    bottoms: tuple[tuple[bool, ...], ...]
    params: tuple[bool, ...]


def needed_gradients(graph: Graph) -> Gradients:
    """Walk down for what leads to parameters, up for what comes from a loss; keep what is both."""
    params = tuple(fact.learned and (fact.lr_mult != 0 or graph.force_backward) for fact in graph.params)
    if graph.force_backward:
        return Gradients(
            tuple(True for _ in graph.nodes), tuple(tuple(_possible(node)) for node in graph.nodes), params
        )
    wanted = _wanted_bottoms(graph, params)
    runs, bottoms = [False] * len(graph.nodes), [tuple(False for _ in node.bottoms) for node in graph.nodes]
    receives: set[int] = set()  # values whose diff is, or may be, written
    for node in reversed(graph.nodes):
        from_loss = any(node.loss_weights) or any(top in receives for top in node.tops)
        if not from_loss or not (any(wanted[node.index]) or any(params[i] for i in node.params)):
            continue
        _refuse_labels(node, wanted[node.index])
        runs[node.index], bottoms[node.index] = True, wanted[node.index]
        receives.update(bottom for bottom, want in zip(node.bottoms, wanted[node.index]) if want)
    used = tuple(want and runs[fact.node] for fact, want in zip(graph.params, params))
    return Gradients(tuple(runs), tuple(bottoms), used)


def differentiates(graph: Graph) -> bool:
    """The fast plan's test nets run forward only, unless they ask for gradients."""
    return graph.phase == "TRAIN" or graph.force_backward


def no_gradients(graph: Graph) -> Gradients:
    """For a net that only runs forward."""
    return Gradients(
        tuple(False for _ in graph.nodes),
        tuple(tuple(False for _ in node.bottoms) for node in graph.nodes),
        tuple(False for _ in graph.params),
    )


def _possible(node: Node) -> list[bool]:
    return [i not in node.layer.no_gradient for i in range(len(node.bottoms))]


def _wanted_bottoms(graph: Graph, params: Sequence[bool]) -> list[tuple[bool, ...]]:
    leads: set[int] = set()  # values below which a wanted parameter lies
    wanted = []
    for node in graph.nodes:
        wants = [bottom in leads for bottom in node.bottoms]
        if node.propagate_down:
            wants = list(node.propagate_down)
        if graph.phase == "TEST":
            wants = [want and i not in node.layer.no_gradient for i, want in enumerate(wants)]
        wanted.append(tuple(wants))
        if any(params[i] for i in node.params) or (any(wants) and not node.layer.pairwise):
            leads.update(node.tops)
        elif node.layer.pairwise:
            leads.update(top for top, want in zip(node.tops, wants) if want)
    return wanted


def _refuse_labels(node: Node, wanted: Sequence[bool]) -> None:
    for i, want in enumerate(wanted):
        if want and i in node.layer.no_gradient:
            reason = "it holds labels or indices" if i else f"{node.type} gives none"
            raise GraphError(
                [
                    f'{node.place}: layer "{node.name}" ({node.type}): bottom {i} "{node.layer.param.bottom[i]}" '
                    f"would need a gradient, but {reason}; expected a blob that no parameter feeds"
                ]
            )
