"""Numba kernels: pure functions on arrays and scalars, one file per family of operations."""
