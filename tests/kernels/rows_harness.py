"""Calls row kernels by their address, on arrays laid side by side in an arena."""

import ctypes
import itertools

import numpy as np

from minicaffe.kernels.fast.rows import Operand, RowKernel

_CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
_GAP = 64  # elements between operands, which no kernel may touch
_MARK = np.float32(-12345.5)


def call(kernel: RowKernel, units: int, cuts=(), **values) -> dict[str, np.ndarray]:
    """Run ``kernel`` over [0, units), in pieces that begin at ``cuts``; return its operands afterwards.

    Operands are given as (array, step) or (array, step, local); everything else is passed on. The gaps between
    operands must be untouched, and operands that the kernel does not write unchanged.
    """
    places, at = {}, _GAP
    for name, value in values.items():
        if isinstance(value, tuple) and isinstance(value[0], np.ndarray):
            places[name] = (at, value[0])
            at += value[0].size + _GAP
    raw = np.zeros(at * 4 + 64, np.uint8)
    start = -raw.ctypes.data % 64
    arena = raw[start : start + at * 4].view(np.float32)
    arena[:] = _MARK
    fields = dict(values)
    for name, (base, array) in places.items():
        arena[base : base + array.size] = array.reshape(-1)
        step, *local = values[name][1:]
        fields[name] = Operand(base, step, *(local or [0]))
    row = kernel.encode(kernel.fields(**fields))
    function = _CALL(kernel.address)
    edges = [0, *cuts, units]
    for first, last in itertools.pairwise(edges):
        function(arena.ctypes.data, row.ctypes.data, first, last)
    out, end = {}, 0
    for name, (base, array) in places.items():
        assert (arena[end:base] == _MARK).all(), f"{kernel.name} wrote before {name}"
        out[name] = arena[base : base + array.size].reshape(array.shape).copy()
        if name not in kernel.writes:
            assert np.array_equal(out[name], array.astype(np.float32), equal_nan=True), f"{kernel.name} changed {name}"
        end = base + array.size
    assert (arena[end:] == _MARK).all(), f"{kernel.name} wrote behind its last operand"
    return out


def to_lanes(x: np.ndarray, lanes: int) -> np.ndarray:
    """(N, C, H, W) channels last, filled up with zeros to ``lanes`` channels."""
    out = np.zeros((x.shape[0], *x.shape[2:], lanes), np.float32)
    out[..., : x.shape[1]] = np.moveaxis(x, 1, -1)
    return out


def to_planes(x: np.ndarray, channels: int) -> np.ndarray:
    """The inverse of ``to_lanes``."""
    return np.ascontiguousarray(np.moveaxis(x[..., :channels], -1, 1))
