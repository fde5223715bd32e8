"""Rows gathered and added by index, copies added: against NumPy, and on one, two and three threads."""

import numpy as np
import pytest
from oracle import assert_near, numbers, run_kernel

from minicaffe.kernels.rows import BLOCK, add_rows, gather_rows, sum_copies


@pytest.mark.parametrize("columns", [1, 7, 10000])
def test_add_rows(columns):
    index = np.array([2, 0, 2, 2, 3], "int64")
    dy, dx, expected = (
        numbers((5, columns), "float32"),
        np.ones((5, columns), "float32"),
        np.ones((5, columns)),
    )
    np.add.at(expected, index, dy)
    run_kernel(add_rows, columns, index, dy, dx, grain=4096)
    assert_near(dx, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gather_rows(dtype):
    index, x, bias = np.array([2, 0, 2], "int32"), numbers((3, 5), dtype), numbers(5, dtype, seed=1)
    y = np.empty((3, 5), dtype)
    run_kernel(gather_rows, 3, index, x, None, y)
    np.testing.assert_array_equal(y, x[index])
    run_kernel(gather_rows, 3, index, x, bias, y)
    np.testing.assert_array_equal(y, x[index] + bias)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 4, 5), (2, 3, BLOCK + 7)])
def test_sum_copies(shape, dtype):
    dy, dx = numbers(shape, dtype), np.empty((shape[0], shape[2]), dtype)
    run_kernel(sum_copies, shape[0] * -(-shape[2] // BLOCK), dy, dx)
    assert_near(dx, dy.astype(float).sum(axis=1))
