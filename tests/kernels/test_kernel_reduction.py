import numpy as np
import pytest
from oracle import numbers, run_kernel

from minicaffe.kernels import reduction
from minicaffe.kernels.mean_removal import remove_mean
from minicaffe.kernels.reduction import ASUM, BLOCK, SUM, SUMSQ

SUMS = {SUM: lambda x: x, ASUM: np.abs, SUMSQ: np.square}
SLOPES = {SUM: np.ones_like, ASUM: np.sign, SUMSQ: lambda x: 2 * x}
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


@DTYPES
@pytest.mark.parametrize("kind", SUMS)
@pytest.mark.parametrize("shape", [(7, 5), (2, 2 * BLOCK + 77), (1, BLOCK)])
def test_sums_and_their_gradients(shape, kind, dtype):
    x, blocks = numbers(shape, dtype), -(-shape[1] // BLOCK)
    x[0, 0] = 0
    partial, dx = np.empty((shape[0], blocks)), np.empty_like(x)
    run_kernel(reduction.block_sums, partial.size, x, kind, partial)
    exact = x.astype("float64")
    np.testing.assert_allclose(partial.sum(1), SUMS[kind](exact).sum(1), rtol=1e-12)
    dy, factor = numbers(shape[0], dtype, 1), np.dtype(dtype).type(-2.5)
    run_kernel(reduction.spread, partial.size, dy, x, kind, factor, blocks, dx)
    np.testing.assert_allclose(dx, -2.5 * dy[:, None] * SLOPES[kind](exact), rtol=1e-6)


@DTYPES
def test_means_are_removed_apart_and_in_place(dtype):
    x = numbers((5, 77), dtype)
    y, same = np.empty_like(x), x.copy()
    run_kernel(remove_mean, 5, x, y)
    np.testing.assert_allclose(y, x - x.astype("float64").mean(1, keepdims=True), atol=1e-6)
    run_kernel(remove_mean, 5, None, same)
    np.testing.assert_array_equal(same, y)
