"""Nets for use alone: affine layers folded into those with weights, checked against the net as it was."""

from .compare import Difference, data_batches, differences, random_batches
from .deploy import Deployed, deploy_form, shapes_given
from .folding import Change, Folded, Left, fold
from .writing import net_text, write_both

__all__ = [
    "Change",
    "Deployed",
    "Difference",
    "Folded",
    "Left",
    "data_batches",
    "deploy_form",
    "differences",
    "fold",
    "net_text",
    "random_batches",
    "shapes_given",
    "write_both",
]
