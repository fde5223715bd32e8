"""Random bits from a counter: the bits of element i depend on a key and i alone, never on threads or order.

The hash is the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", 2014) on key + i * golden ratio.
"""

import numpy as np

from ._jit import inline, kernel

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_MASK = (1 << 64) - 1


@inline
def random_bits(key, index):
    """64 random bits of element ``index`` in stream ``key``, both uint64."""
    z = key + (index + np.uint64(1)) * _STEP
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


def stream_key(*words: int) -> np.uint64:
    """A key from any integers, such as a seed and a counter; order matters."""
    key = 0
    for word in words:
        key = _mix(key ^ _mix(word))
    return np.uint64(key)


def _mix(word: int) -> int:
    """``random_bits`` on Python's integers, for a key of 0 and index ``word``."""
    z = (word + 1) * int(_STEP) & _MASK
    z = (z ^ (z >> 30)) * int(_FIRST) & _MASK
    z = (z ^ (z >> 27)) * int(_SECOND) & _MASK
    return z ^ (z >> 31)


@kernel
def drop(start, stop, x, key, threshold, factor, y):
    """y = x * factor where the upper 32 random bits of the element reach ``threshold``, else 0; units are elements.

    threshold = ratio * 2^32 drops that share of the elements. ``x`` may be None where it lies in ``y``.
    """
    y = y[start:stop]
    source = y if x is None else x[start:stop]
    zero, first = y.dtype.type(0), np.uint64(start)
    for i in range(y.size):
        upper = random_bits(key, first + np.uint64(i)) >> np.uint64(32)
        y[i] = source[i] * factor if upper >= threshold else zero
