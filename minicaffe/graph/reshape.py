"""New shapes for a graph that runs already: what a layer or a user has changed, carried down the net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

from ..errors import LayerError, shape_text
from ..layers.base import Inferred, Shape, count
from .facts import Graph, Node


def reshaped(
    graph: Graph, changes: Mapping[int, Shape], late: Set[int] = frozenset(), start: int = 0, stop: int | None = None
) -> tuple[Graph, list[Node], set[int]]:
    """The graph with the shapes of ``changes`` (by value id) and all that follows from them; the nodes concerned.

    The layers below are asked again (``infer``), and keep what they answered; only those from ``start`` up to ``stop``.
    The third answer is the changed values that layers from ``stop`` on read: they are ``late`` in the call that goes on
    from there. A layer all of whose bottoms are empty has empty tops, and rests. LayerError where a layer cannot take
    its new shapes, or would need other parameters.
    """
    shapes: dict[int, Shape] = {value.id: value.shape for value in graph.values}
    shapes.update(changes)
    nodes, concerned = list(graph.nodes), []
    changed = {i for i, shape in changes.items() if shape != graph.values[i].shape} | late
    for node in graph.nodes[start:stop]:
        own = any(top in changes for top in node.tops)
        if not own and changed.isdisjoint(node.bottoms):
            continue
        if not own:
            inferred = _infer(graph, node, [shapes[i] for i in node.bottoms])
            shapes.update((top, tuple(shape)) for top, shape in zip(node.tops, inferred.tops))
            nodes[node.index] = replace(node, scratch=inferred.scratch)
            changed.update(top for top in node.tops if shapes[top] != graph.values[top].shape)
        concerned.append(nodes[node.index])
    values = tuple(replace(value, shape=tuple(int(n) for n in shapes[value.id])) for value in graph.values)
    unheard = [] if stop is None else [i for node in graph.nodes[stop:] for i in node.bottoms if i in changed]
    return replace(graph, nodes=tuple(nodes), values=values), concerned, set(unheard)


def rests(bottoms: Sequence[Shape]) -> bool:
    """Whether a layer with bottoms of these shapes has nothing to do."""
    return bool(bottoms) and all(count(shape) == 0 for shape in bottoms)


def _infer(graph: Graph, node: Node, bottoms: list[Shape]) -> Inferred:
    empty = rests(bottoms)
    asked = [tuple(max(1, n) for n in shape) for shape in bottoms] if empty else bottoms
    try:
        inferred = node.layer.infer(*asked)
    except LayerError as error:
        raise LayerError(f'{node.place}: layer "{node.name}" ({node.type}): {error}') from None
    for param, fact in zip(inferred.params, (graph.params[i] for i in node.params)):
        if tuple(param.shape) != fact.shape:
            raise LayerError(
                f'{node.place}: layer "{node.name}" ({node.type}): with a bottom of {shape_text(bottoms[0])} its '
                f"{param.name} would be {shape_text(param.shape)}; expected {shape_text(fact.shape)}, as it was built"
            )
    if empty:
        inferred = replace(inferred, tops=[(0, *shape[1:]) if shape else () for shape in inferred.tops])
    return inferred
