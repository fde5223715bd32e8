"""From a net's text to a graph of plain facts: wiring, versions, splits, shapes, shared parameters."""

from .build import build_graph, close_layers
from .facts import Graph, Node, ParamFact, Value
from .reshape import reshaped, rests

__all__ = ["Graph", "Node", "ParamFact", "Value", "build_graph", "close_layers", "reshaped", "rests"]
