"""Random numbers by counter: number ``k`` of a seed is always the same, whatever was drawn before it.

A state to resume from is then one integer, and the bits are those of integer arithmetic: equal on every
machine and with every version of numpy. The mixer is SplitMix64 (Steele, Lea and Flood, "Fast splittable
pseudorandom number generators", 2014).
"""

from __future__ import annotations

import numpy as np

__all__ = ["below", "draw", "unit"]

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


def _mix_one(z: int) -> int:
    for shift, factor in _MIX:
        z = (z ^ (z >> shift)) * factor & _MASK
    return z ^ (z >> 31)


def draw(seed: int, lane: int, first: int, count: int) -> np.ndarray:
    """Numbers ``first`` to ``first + count - 1`` of a seed's stream ``lane``: uint64, all 64 bits random."""
    key = _mix_one((_mix_one(seed & _MASK) + (lane + 1) * _STEP) & _MASK)
    start = np.array([(key + first * _STEP) & _MASK], np.uint64)
    z = start + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_STEP)
    for shift, factor in _MIX:
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    return z ^ (z >> np.uint64(31))


def below(bits: np.ndarray, limit: int) -> np.ndarray:
    """Map uint64 ``bits`` to integers in [0, limit), int64; ``limit`` is at most 2**31."""
    return ((bits >> np.uint64(32)) * np.uint64(limit) >> np.uint64(32)).astype(np.int64)


def unit(bits: np.ndarray) -> np.ndarray:
    """Map uint64 ``bits`` to [0, 1), float64, in steps of 2**-53."""
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
