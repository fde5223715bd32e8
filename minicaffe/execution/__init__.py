"""How a net's graph runs under each plan: the arrays of its values, and the passes over them."""

from .base import WHOLE, Execution, Span
from .fast import FastExecution
from .finite import NonFinite
from .inspect import InspectExecution

__all__ = ["WHOLE", "Execution", "FastExecution", "InspectExecution", "NonFinite", "Span"]
