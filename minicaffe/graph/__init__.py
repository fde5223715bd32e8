"""From a net's text to a graph of plain facts: wiring, versions, splits, shapes, shared parameters."""

from .build import build_graph, close_layers
from .cost import layer_work
from .facts import Graph, Node, ParamFact, Value
from .outline import Outline, OutlineLayer, outline_graph
from .reshape import reshaped, rests

__all__ = [
    "Graph",
    "Node",
    "Outline",
    "OutlineLayer",
    "ParamFact",
    "Value",
    "build_graph",
    "close_layers",
    "layer_work",
    "outline_graph",
    "reshaped",
    "rests",
]
