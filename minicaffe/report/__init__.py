"""Inspections: one run of a net, looked at layer by layer, as data and as a page of HTML that needs nothing else."""

from .facts import Histogram, LayerFacts, Norm, Numbers, ParamFacts, Picture, Prediction, TopFacts, Units
from .inspection import Inspection, inspect_net, read_labels

__all__ = [
    "Histogram",
    "Inspection",
    "LayerFacts",
    "Norm",
    "Numbers",
    "ParamFacts",
    "Picture",
    "Prediction",
    "TopFacts",
    "Units",
    "inspect_net",
    "read_labels",
]
