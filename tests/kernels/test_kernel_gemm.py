"""The two inner loops of all matrix products against sums written out."""

import numpy as np
import pytest

from minicaffe.kernels.gemm import LINE, TILE, add_dots, add_products, dot


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows, n, depth", [(4, 33, 9), (4, TILE, 4), (3, 17, 6), (1, 1, 1), (2, 5, 0), (4, 7, 3)])
def test_add_products(rows, n, depth, dtype):
    rng = np.random.default_rng(3)
    weights = rng.standard_normal(400).astype(dtype)
    w_rows = np.array([0, 7, 90, 31, 200, 150, 11], dtype=np.int64)
    offsets = rng.integers(0, 900, depth).astype(np.int64)
    x = rng.standard_normal(900 + TILE + 5).astype(dtype)
    tile = rng.standard_normal(4 * LINE).astype(dtype)
    expected = tile.copy()
    for r in range(rows):
        for j in range(n):
            for k in range(depth):
                expected[r * LINE + j] += weights[2 + w_rows[3 + r] + k * 5] * x[5 + offsets[k] + j]
    add_products(rows, n, depth, weights, 2, w_rows, 3, 5, x, 5, offsets, tile)
    np.testing.assert_allclose(tile, expected, rtol=0, atol=1e-4 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows, columns, n", [(4, 4, 50), (6, 9, 33), (1, 5, 7), (3, 2, 1), (5, 1, 16), (8, 3, 0)])
def test_add_dots(rows, columns, n, dtype):
    rng = np.random.default_rng(4)
    x, y = (rng.standard_normal(1000).astype(dtype) for _ in range(2))
    offsets = rng.integers(0, 900, columns).astype(np.int64)
    out = rng.standard_normal(200).astype(dtype)
    expected = out.copy()
    for r in range(rows):
        for k in range(columns):
            for j in range(n):
                expected[2 + r * 20 + k] += x[1 + r * 60 + j] * y[3 + offsets[k] + j]
    add_dots(rows, columns, n, x, 1, 60, y, 3, offsets, out, 2, 20)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-4 if dtype == "float32" else 1e-12)


def test_dot():
    x, y = np.arange(10.0), np.arange(10.0) ** 2
    assert dot(4, x, 2, y, 5) == 2 * 25 + 3 * 36 + 4 * 49 + 5 * 64
