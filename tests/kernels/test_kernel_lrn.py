"""LRN kernels against naive oracles."""

import numpy as np
import pytest

from minicaffe.kernels import lrn
from minicaffe.kernels._threads import run


@pytest.mark.parametrize("size", [1, 3, 5, 9])
def test_box_across(size):
    x = np.random.default_rng(1).standard_normal((2, 4, lrn.COLUMNS + 7))
    found, expected = np.full_like(x, np.nan), np.zeros_like(x)
    for c in range(4):
        for other in range(4):
            if abs(c - other) <= size // 2:
                expected[:, c] += x[:, other]
    run(lrn.box_across, 2 * lrn.blocks(x.shape[2]), x, size, found)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("size", [1, 3, 5, 15])
@pytest.mark.parametrize("kernel, axis", [(lrn.box_rows, 1), (lrn.box_columns, 2)])
def test_box_within(kernel, axis, size):
    x = np.random.default_rng(2).standard_normal((3, 6, 5))
    found, expected = np.full_like(x, np.nan), np.zeros_like(x)
    source, target = np.moveaxis(x, axis, 0), np.moveaxis(expected, axis, 0)
    for i in range(len(source)):
        for other in range(len(source)):
            if abs(i - other) <= size // 2:
                target[i] += source[other]
    run(kernel, 3, x, size, found)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype, rtol", [("float32", 1e-5), ("float64", 1e-12)])
@pytest.mark.parametrize("beta", [0.75, 0.6, 0.0, -1.0])
@pytest.mark.parametrize("inside", [False, True])
def test_elementwise(beta, inside, dtype, rtol):
    rng = np.random.default_rng(3)
    x, dy, sums, scale, y, out, dx = rng.uniform(0.5, 2, (7, 41)).astype(dtype)
    number = x.dtype.type
    k, alpha, beta, factor = number(1.5), number(0.3), number(beta), number(0.7)
    run(lrn.square, 41, x, y)
    np.testing.assert_allclose(y, x * x, rtol=rtol)
    expected = k + alpha * (scale if inside else sums)
    run(lrn.normalise, 41, x, k, alpha, beta, None if inside else sums, scale, y)
    np.testing.assert_allclose(scale, expected, rtol=rtol)
    np.testing.assert_allclose(y, x * expected**-beta, rtol=rtol)
    run(lrn.ratio, 41, dy, y, scale, out)
    np.testing.assert_allclose(out, dy * y / scale, rtol=rtol)
    expected = dy * scale**-beta - factor * x * (dx if inside else sums)
    run(lrn.gradient, 41, x, dy, scale, beta, factor, None if inside else sums, dx)
    np.testing.assert_allclose(dx, expected, rtol=rtol, atol=rtol)
