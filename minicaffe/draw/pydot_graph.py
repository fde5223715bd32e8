"""pycaffe's graph of a net: layers and blobs, both as nodes of a pydot graph."""

from __future__ import annotations

from typing import Any

from ..errors import UsageError
from ..proto import Message, net_file
from .labels import choose_color_by_layertype, get_edge_label, get_layer_label
from .states import plain_states
from .tones import IN_PLACE, OPEN


def get_pydot_graph(
    caffe_net: Message,
    rankdir: str,
    label_edges: bool = True,
    phase: int | str | None = None,
    display_lrm: bool = False,
) -> Any:
    """The ``pydot.Dot`` of a NetParameter. ``phase``: TRAIN, TEST, or None for all layers.

    ``display_lrm``: with the lr_mult of convolutions and inner products.

    Raises UsageError where pydot is not installed.
    """
    try:
        import pydot
    except ImportError:
        raise UsageError(
            "get_pydot_graph needs pydot, which is not installed: pip install minicaffe[draw] "
            "(draw_net_to_file writes svg, png and dot without it)"
        ) from None
    graph = pydot.Dot(_quoted(caffe_net.name or "Net"), graph_type="digraph", rankdir=rankdir)
    blobs = set()

    def blob_node(blob: str) -> str:
        name = _quoted(f"{blob}_blob")
        if name not in blobs:
            blobs.add(name)
            graph.add_node(pydot.Node(name, label=_quoted(blob), shape="octagon", fillcolor=OPEN, style="filled"))
        return name

    param = net_file(caffe_net).param
    for index in sorted({i for state in plain_states(param, phase) for i in state.layers}):
        layer = param.layer[index]
        in_place = len(layer.bottom) == len(layer.top) == 1 and layer.bottom[0] == layer.top[0]
        node = _quoted(f"{layer.name}_{layer.type}")
        color = IN_PLACE if in_place else choose_color_by_layertype(layer.type)
        label = _quoted(get_layer_label(layer, rankdir, display_lrm))
        graph.add_node(pydot.Node(node, label=label, shape="box", fillcolor=color, style="filled"))
        for blob in layer.bottom:
            graph.add_edge(pydot.Edge(blob_node(blob), node))
        for blob in layer.top:
            told = get_edge_label(layer) if label_edges else ""
            graph.add_edge(pydot.Edge(node, blob_node(blob), label=_quoted(told)))
    return graph


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
