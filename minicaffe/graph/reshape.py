"""New shapes for a graph that runs already: what a layer or a user has changed, carried down the net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..errors import LayerError, shape_text
from ..layers.base import Inferred, Shape, count
from .facts import Graph, Node


def reshaped(graph: Graph, changes: Mapping[int, Shape]) -> tuple[Graph, list[Node]]:
    """The graph with the shapes of ``changes`` (by value id) and all that follows from them; the nodes concerned.

    The layers below are asked again (``infer``), and keep what they answered. A layer all of whose bottoms are empty
    has empty tops, and rests. LayerError where a layer cannot take its new shapes, or would need other parameters.
    """
    shapes: dict[int, Shape] = {value.id: value.shape for value in graph.values}
    shapes.update(changes)
    nodes, concerned = list(graph.nodes), []
    for node in graph.nodes:
        own = any(top in changes for top in node.tops)
        if not own and all(shapes[i] == graph.values[i].shape for i in node.bottoms):
            continue
        if not own:
            inferred = _infer(graph, node, [shapes[i] for i in node.bottoms])
            shapes.update((top, tuple(shape)) for top, shape in zip(node.tops, inferred.tops))
            nodes[node.index] = replace(node, scratch=inferred.scratch)
        concerned.append(nodes[node.index])
    values = tuple(replace(value, shape=tuple(int(n) for n in shapes[value.id])) for value in graph.values)
    return replace(graph, nodes=tuple(nodes), values=values), concerned


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
