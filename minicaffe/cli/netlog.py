"""What Caffe says while it builds a net: every layer's wiring, shapes and memory, and where gradients go."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..net import Net

_BYTES = 4  # of a float32


def net_lines(net: Net) -> list[tuple[str, str]]:
    """(source, text) of each line, from the graph and the plan of ``net``, in Caffe's order."""
    graph, needs = net.graph, net.gradients
    lines: list[tuple[str, str]] = []
    numbers = 0
    for node in graph.nodes:
        lines += [
            ("layer_factory.hpp:77", f"Creating layer {node.name}"),
            ("net.cpp:86", f"Creating Layer {node.name}"),
        ]
        lines += [("net.cpp:408", f"{node.name} <- {graph.values[i].name}") for i in node.bottoms]
        for i in node.tops:
            top = f"{node.name} -> {graph.values[i].name}"
            if graph.in_place(node) and i == node.tops[0]:
                lines.append(("net.cpp:369", f"{top} (in-place)"))
            else:
                lines.append(("net.cpp:382", top))
        lines.append(("net.cpp:124", f"Setting up {node.name}"))
        for i, weight in zip(node.tops, node.loss_weights):
            value = graph.values[i]
            numbers += value.count
            shape = " ".join(map(str, value.shape))
            lines.append(("net.cpp:131", f"Top shape: {shape}{' ' if shape else ''}({value.count})"))
            if weight:
                lines.append(("net.cpp:134", f"    with loss weight {weight:g}"))
        lines.append(("net.cpp:139", f"Memory required for data: {numbers * _BYTES}"))
    for node in reversed(graph.nodes):
        if needs.nodes[node.index]:
            lines.append(("net.cpp:200", f"{node.name} needs backward computation."))
        else:
            lines.append(("net.cpp:202", f"{node.name} does not need backward computation."))
    lines += [("net.cpp:244", f"This network produces output {name}") for name in net.outputs]
    return [*lines, ("net.cpp:257", "Network initialization done.")]
