"""Pure passes over a graph: which gradients are needed, which values share memory, what runs in which order."""

from .gradients import Gradients, differentiates, needed_gradients, no_gradients
from .inspect import Plan, inspect_plan
from .memory import Storage, inspect_storage

__all__ = [
    "Gradients",
    "Plan",
    "Storage",
    "differentiates",
    "inspect_plan",
    "inspect_storage",
    "needed_gradients",
    "no_gradients",
]
