"""The fast plan: a graph becomes a program of rows, see ``builder`` and ``plan``."""

from .plan import FastPlan, fast_plan

__all__ = ["FastPlan", "fast_plan"]
