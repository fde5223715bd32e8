"""Training: learning-rate policies, update rules, the loop, snapshots and exact resume."""

from .events import Display, Listener, Output, TestResult
from .solver import Solver, get_solver

__all__ = ["Display", "Listener", "Output", "Solver", "TestResult", "get_solver"]
