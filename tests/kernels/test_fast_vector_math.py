"""exp, sigmoid and tanh of vectors, against float64."""

import numpy as np
import pytest

from minicaffe.kernels._jit import kernel
from minicaffe.kernels.fast import vector_math
from minicaffe.kernels.fast.vector import LANES, first_lanes, load, load_first, store, store_first

_exp, _sigmoid, _tanh = vector_math.bounded_exp, vector_math.sigmoid, vector_math.tanh
SAMPLES = np.concatenate(
    [np.linspace(-110, 95, 100_000), np.linspace(-1, 1, 50_000), 10.0 ** np.linspace(-40, 0, 2_000)]
).astype(np.float32)[: 152_000 // LANES * LANES]


@kernel
def exp_of(x, y):
    for i in range(0, x.size, LANES):
        store(y, i, _exp(load(x, i)))


@kernel
def sigmoid_of(x, y):
    for i in range(0, x.size, LANES):
        store(y, i, _sigmoid(load(x, i)))


@kernel
def tanh_of(x, y):
    for i in range(0, x.size, LANES):
        store(y, i, _tanh(load(x, i)))


def applied(function, x):
    y = np.empty_like(x)
    function(x, y)
    return y


def exact_sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(
    "function, exact, most", [(exp_of, np.exp, 1e-7), (sigmoid_of, exact_sigmoid, 2e-7), (tanh_of, np.tanh, 2e-7)]
)
def test_precision(function, exact, most):
    x = SAMPLES[np.abs(SAMPLES) < 87]
    x = x[: x.size // LANES * LANES]
    expected = exact(x.astype(np.float64))
    assert np.all(np.abs(applied(function, x) - expected) <= most * np.abs(expected) + 1e-44)


def test_beyond_the_range():
    x = np.resize(np.array([-np.inf, np.inf, -200, 200, np.nan, -95], np.float32), 16)
    expected = np.exp(np.clip(x, -87, 88))
    assert np.allclose(applied(exp_of, x), expected, rtol=1e-6, atol=0, equal_nan=True)
    ends = np.array([0, 1, 0, 1, np.nan], np.float32)
    assert np.allclose(applied(sigmoid_of, x)[:5], ends, rtol=0, atol=1e-38, equal_nan=True)
    assert np.array_equal(applied(tanh_of, x)[:5], np.array([-1, 1, -1, 1, np.nan], np.float32), equal_nan=True)


@kernel
def copy_first(x, count, y, z):
    store_first(y, 1, count, load(x, 0))
    store(z, 0, load_first(x, 0, count))
    store(z, LANES, first_lanes(load(x, 0), count))


@pytest.mark.parametrize("count", [0, 1, LANES - 1, LANES])
def test_first_lanes(count):
    x = np.arange(1, LANES + 1, dtype=np.float32)
    y, z = np.full(LANES + 1, -1, np.float32), np.empty(2 * LANES, np.float32)
    copy_first(x, count, y, z)
    assert np.array_equal(y, np.concatenate([[-1], x[:count], np.full(LANES - count, -1)]))
    assert np.array_equal(z, np.tile(np.where(np.arange(LANES) < count, x, 0), 2))
