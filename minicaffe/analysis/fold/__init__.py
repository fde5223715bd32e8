"""Nets for use alone: affine layers folded into those with weights, checked against the net as it was."""

from .compare import Difference, data_batches, differences, random_batches
from .folding import Change, Folded, Left, fold
from .writing import net_text, write_both

__all__ = [
    "Change",
    "Difference",
    "Folded",
    "Left",
    "data_batches",
    "differences",
    "fold",
    "net_text",
    "random_batches",
    "write_both",
]
