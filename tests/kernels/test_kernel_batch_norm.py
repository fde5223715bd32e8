import numpy as np
import pytest
from oracle import assert_near, numbers, run_kernel

from minicaffe.kernels.batch_norm import batch_norm_backward, batch_statistics, normalise, scale_channels

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
SHAPES = pytest.mark.parametrize("shape", [(4, 5, 37), (1, 3, 1), (6, 7, 1), (2, 1, 300)])


@DTYPES
@SHAPES
def test_statistics_and_normalisation(shape, dtype):
    x = numbers(shape, dtype) * 3 + 7
    mean, variance, inv_std = np.empty((3, shape[1]), dtype)
    run_kernel(batch_statistics, shape[1], x, np.dtype(dtype).type(1e-3), mean, variance, inv_std)
    exact = x.astype("float64")
    assert_near(mean, exact.mean(axis=(0, 2)))
    assert_near(variance, exact.var(axis=(0, 2)))
    assert_near(inv_std, 1 / np.sqrt(exact.var(axis=(0, 2)) + 1e-3), factor=4)
    y, same = np.empty_like(x), x.copy()
    run_kernel(normalise, shape[1], x, mean, inv_std, y)
    run_kernel(normalise, shape[1], None, mean, inv_std, same)
    expected = (exact - mean[:, None]) * inv_std[:, None].astype("float64")
    assert_near(y, expected)
    assert_near(same, expected)


def test_the_variance_of_large_numbers_is_exact():
    x = (1e4 + numbers((3, 2, 5000), "float64")).astype("float32")
    mean, variance, inv_std = np.empty((3, 2), "float32")
    run_kernel(batch_statistics, 2, x, np.float32(1e-5), mean, variance, inv_std)
    np.testing.assert_allclose(variance, x.astype("float64").var(axis=(0, 2)), rtol=1e-6)


@DTYPES
@SHAPES
def test_backward(shape, dtype):
    dy, y = numbers(shape, dtype), numbers(shape, dtype, seed=1)
    inv_std = numbers(shape[1], dtype, seed=2)
    g, out, factor = (a.astype("float64") for a in (dy, y, inv_std[:, None]))
    means = [a.mean(axis=(0, 2), keepdims=True) for a in (g, g * out)]
    cases = [
        (batch_norm_backward, (y, inv_std), (g - means[0] - out * means[1]) * factor),
        (scale_channels, (inv_std,), g * factor),
    ]
    for kernel, args, expected in cases:
        dx, same = np.empty_like(dy), dy.copy()
        run_kernel(kernel, shape[1], dy, *args, dx)
        run_kernel(kernel, shape[1], None, *args, same)
        assert_near(dx, expected)
        assert_near(same, expected)
