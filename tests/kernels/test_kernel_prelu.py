import numpy as np
import pytest
from oracle import assert_near, numbers, run_kernel

from minicaffe.kernels import prelu


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 5, 77), (50, 7, 1), (1, 1, 9)])
@pytest.mark.parametrize("shared", [False, True])
def test_formula(shape, shared, dtype):
    x, dy = numbers(shape, dtype), numbers(shape, dtype, 1)
    slope = numbers(1 if shared else shape[1], dtype, 2)
    rows, y, dx = shape[0] * shape[1], np.empty_like(x), np.empty_like(x)
    wide = slope[:, None].astype("float64")
    run_kernel(prelu.prelu_forward, rows, x, slope, y)
    assert_near(y, np.where(x > 0, x, wide * x))
    run_kernel(prelu.prelu_backward, rows, dy, x, slope, dx)
    assert_near(dx, np.where(x > 0, dy, wide * dy))
    same = x.copy()
    run_kernel(prelu.prelu_forward, rows, None, slope, same)
    np.testing.assert_array_equal(same, y)
    same = dy.copy()
    run_kernel(prelu.prelu_backward, rows, None, x, slope, same)
    np.testing.assert_array_equal(same, dx)
    total = np.empty(shape[1])
    run_kernel(prelu.prelu_slope_sums, shape[1], dy, x, total)
    np.testing.assert_allclose(total, (dy.astype("float64") * np.minimum(x, 0)).sum((0, 2)), rtol=1e-5)
