"""Which neighbours are computed together: a table of patterns, matched along the graph."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from ...graph import Graph, Node
from .builder import Group

ACTIVATIONS = ("ReLU", "Sigmoid", "TanH")
CONVOLUTIONS = ("Convolution", "ConvolutionDepthwise", "DepthwiseConvolution")


class Pattern(NamedTuple):
    """``first``, then each of ``then`` at most once, in this order: types of layers."""

    first: tuple[str, ...]
    then: tuple[tuple[str, ...], ...]


TRAINING = (
    Pattern(("BatchNorm",), (("Scale",), ("Eltwise",), ACTIVATIONS)),
    Pattern(("Scale", "Bias"), (("Eltwise",), ACTIVATIONS)),
    Pattern((*CONVOLUTIONS, "InnerProduct", "Eltwise"), (("ReLU",),)),
)
"""For nets that compute gradients."""

INFERENCE = (
    Pattern(CONVOLUTIONS, (("BatchNorm",), ("Scale",), ("Bias",), ("Eltwise",), ("ReLU",))),
    *TRAINING,
)
"""For nets that only run forward: statistics do not change, so they fold into the weights."""


def chains(graph: Graph, patterns: Sequence[Pattern]) -> list[Group]:
    """The longest groups that patterns allow; every node is in one. Groups come in the order of their last nodes.

    A layer joins the one before it where no one else sees what is handed on.
    """
    seen = {value.id for value, _ in graph.loss_values()} | set(graph.outputs)
    seen.update(last for _, last in graph.overwritten_inputs())
    readers: dict[int, list[int]] = {}
    for node in graph.nodes:
        for bottom in node.bottoms:
            readers.setdefault(bottom, []).append(node.index)
    taken: set[int] = set()
    groups = []
    for node in graph.nodes:
        if node.index not in taken:
            chain = _chain(graph, node, patterns, seen, readers, taken)
            taken.update(member.index for member in chain)
            groups.append(make_group(chain))
    return sorted(groups, key=lambda group: group.nodes[-1].index)


def make_group(nodes: list[Node]) -> Group:
    """The group of these nodes, each of which reads what the one before makes."""
    bottoms = list(nodes[0].bottoms)
    for before, node in itertools.pairwise(nodes):
        bottoms += [bottom for bottom in node.bottoms if bottom != before.tops[0]]
    return Group(tuple(nodes), tuple(bottoms), nodes[-1].tops[0] if nodes[-1].tops else -1)


def _chain(
    graph: Graph,
    node: Node,
    patterns: Sequence[Pattern],
    seen: set[int],
    readers: dict[int, list[int]],
    taken: set[int],
) -> list[Node]:
    chain = [node]
    pattern = next((pattern for pattern in patterns if node.type in pattern.first), None)
    for types in pattern.then if pattern else ():
        if len(chain[-1].tops) != 1:
            break
        top = chain[-1].tops[0]
        if top in seen or len(readers.get(top, ())) != 1:
            break
        following = graph.nodes[readers[top][0]]
        if following.type in types and following.index not in taken and len(following.tops) == 1:
            chain.append(following)
    return chain
