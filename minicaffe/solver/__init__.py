"""Training: learning-rate policies, update rules, the loop, snapshots and exact resume."""

from .events import Display, Listener, Output, TestResult
from .kinds import get_solver
from .solver import Solver

__all__ = ["Display", "Listener", "Output", "Solver", "TestResult", "get_solver"]
