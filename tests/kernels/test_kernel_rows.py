"""Rows added by index, against NumPy, and on one, two and three threads."""

import numpy as np
import pytest
from oracle import assert_near, numbers, run_kernel

from minicaffe.kernels.rows import add_rows


@pytest.mark.parametrize("columns", [1, 7, 10000])
def test_add_rows(columns):
    index = np.array([2, 0, 2, 2, 3], "int64")
    dy, dx, expected = (
        numbers((5, columns), "float32"),
        np.full((5, columns), np.nan, "float32"),
        np.zeros((5, columns)),
    )
    np.add.at(expected, index, dy)
    run_kernel(add_rows, columns, index, dy, dx, grain=4096)
    assert_near(dx, expected)
