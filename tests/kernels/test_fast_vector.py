"""Vectors: how wide they are on which processor, and the intrinsics on arrays."""

import numba
import numpy as np
import pytest

from minicaffe.kernels.fast import vector
from minicaffe.kernels.fast.vector import LANES, add, load, splat, store, transpose


@pytest.mark.parametrize(
    "features, expected",
    [
        ({"avx512f", "avx2", "avx", "fma"}, (16, 8)),
        ({"avx2", "avx", "fma", "sse2"}, (8, 6)),
        ({"avx", "sse2"}, (8, 6)),
        ({"sse2"}, (4, 6)),
        ({"neon"}, (4, 8)),
        (set(), (4, 6)),
    ],
)
def test_blocking_follows_the_processor(features, expected):
    assert vector.blocking(features) == expected


def test_forced_features_count(monkeypatch):
    monkeypatch.setattr(vector.config, "CPU_FEATURES", "+avx2,-avx512f,+fma")
    assert vector._features() == {"avx2", "fma"}


@numba.njit
def _axpy(x, y, offset, at):
    store(y, at, add(load(x, at), splat(offset)))


def test_arithmetic_touches_its_lanes_only():
    x = np.arange(3 * LANES, dtype=np.float32)
    y = np.full(3 * LANES, -1, np.float32)
    at = LANES - 1  # not aligned
    _axpy(x, y, np.float32(0.5), at)
    expected = np.full(3 * LANES, -1, np.float32)
    expected[at : at + LANES] = x[at : at + LANES] + 0.5
    np.testing.assert_array_equal(y, expected)


@numba.njit
def _turn(x, at, row, y, to):
    transpose(x, at, row, y, to)


def test_transpose():
    row = LANES + 3
    x = np.random.default_rng(0).standard_normal(2 + LANES * row).astype(np.float32)
    y = np.full(LANES * LANES + 10, -1, np.float32)
    _turn(x, 2, row, y, 5)
    block = x[2:].reshape(LANES, row)[:, :LANES]
    np.testing.assert_array_equal(y[5:-5].reshape(LANES, LANES), block.T)
    np.testing.assert_array_equal(y[:5], -1)
    np.testing.assert_array_equal(y[-5:], -1)
