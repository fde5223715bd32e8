"""Stochastic pooling against a naive oracle, and on one, two and three threads."""

import numpy as np
import pytest
from oracle import assert_near, run_kernel

from minicaffe.kernels import stochastic_pooling as kernels
from minicaffe.kernels.pooling import Windows

# planes, height, width, out_height, out_width, kernel, stride, pad
CASES = {
    "overlapping": Windows(3, 8, 8, 4, 4, 3, 3, 2, 2, 0, 0),
    "uneven": Windows(2, 7, 9, 6, 3, 2, 4, 1, 3, 0, 0),
    "global": Windows(5, 4, 3, 1, 1, 4, 3, 1, 1, 0, 0),
}


def windows_of(w, x):
    for p, i, j in np.ndindex(w.planes, w.out_height, w.out_width):
        rows = slice(i * w.stride_h, i * w.stride_h + w.kernel_h)
        columns = slice(j * w.stride_w, j * w.stride_w + w.kernel_w)
        yield (p, rows, columns), x[p, rows, columns].astype(float)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_expected(case, dtype):
    w, random = CASES[case], np.random.default_rng(3)
    x = random.random((w.planes, w.height, w.width)).astype(dtype)
    dy = random.standard_normal(w.planes * w.out_height * w.out_width).astype(dtype)
    y, dx, expected = np.full_like(dy, np.nan), np.full(x.size, np.nan, dtype), np.zeros(x.shape)
    means = []
    for (place, part), slope in zip(windows_of(w, x), dy):
        means.append((part**2).sum() / part.sum())
        expected[place] += slope * (2 * part - means[-1]) / part.sum()
    run_kernel(kernels.expected_forward, w.planes, w, x.reshape(-1), y)
    run_kernel(kernels.expected_backward, w.planes, w, x.reshape(-1), y, dy, dx)
    assert_near(y, means)
    assert_near(dx, expected.reshape(-1))


@pytest.mark.parametrize("case", CASES)
def test_samples_lie_in_their_windows(case):
    w = CASES[case]
    x = np.random.default_rng(3).random((w.planes, w.height, w.width)).astype("float32")
    x[x < 0.3] = 0
    y = np.full(w.planes * w.out_height * w.out_width, np.nan, "float32")
    mask = np.full(y.shape, -1, "int32")
    run_kernel(kernels.sample_forward, w.planes, w, np.uint64(5), x.reshape(-1), y, mask)
    outputs = w.out_height * w.out_width
    np.testing.assert_array_equal(y, x.reshape(w.planes, -1)[np.arange(y.size) // outputs, mask])
    for (_, part), value in zip(windows_of(w, x), y):
        assert value in part.astype("float32") and (value > 0 or not part.any())
