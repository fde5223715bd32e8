"""The update kernels and the gradient norm against plain loops."""

import numpy as np
import pytest

from minicaffe.kernels import update
from minicaffe.kernels.euclidean import euclidean_forward
from minicaffe.kernels.update import sgd_update, squared_norms

BLOCKS = np.array([[0, 5], [5, 9], [16, 20]], np.int64)


def test_squared_norms_are_summed_in_float64():
    diff = np.full(20, 1e30, np.float32)
    partial = np.zeros(3)
    squared_norms(0, 3, BLOCKS, diff, partial)
    np.testing.assert_allclose(partial, np.array([5, 4, 4]) * np.float64(np.float32(1e30)) ** 2, rtol=1e-12)


def test_distances_are_summed_in_float64():
    partial = np.zeros(1)
    euclidean_forward(0, 1, np.full(3, 1e30, np.float32), np.zeros(3, np.float32), partial)
    assert partial[0] == pytest.approx(3e60, rel=1e-6)


@pytest.mark.parametrize("l1", [False, True])
def test_sgd_update(l1):
    random = np.random.default_rng(1)
    data, diff, history = (random.normal(size=20).astype(np.float32) for _ in range(3))
    data[3] = 0
    rates = np.array([[0.1, 0.01], [0.2, 0.0], [0.3, 0.5]], np.float32)
    expected = [array.astype(np.float64) for array in (data, diff, history)]
    for (start, stop), (rate, decay) in zip(BLOCKS, rates.astype(np.float64)):
        for i in range(start, stop):
            w, g, v = (array[i] for array in expected)
            g = 0.5 * g + decay * (np.sign(w) if l1 else w)
            v = np.float64(np.float32(0.9)) * v + rate * g
            expected[0][i], expected[1][i], expected[2][i] = w - v, v, v
    args = (BLOCKS, rates, np.float32(0.9), np.float32(0.5), l1, data, diff, history)
    sgd_update(0, 3, *args)
    for found, wanted in zip((data, diff, history), expected):
        np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=1e-7)
    assert np.array_equal(data[9:16], expected[0][9:16].astype(np.float32)), (
        "what lies between parameters is not touched"
    )


def nesterov(g, rate, m, v):
    new = m * v + rate * g
    return (1 + m) * new - m * v, new


def adagrad(g, rate, delta, h):
    h = h + g * g
    return rate * g / (np.sqrt(h) + delta), h


def rmsprop(g, rate, keep, fresh, delta, h):
    h = keep * h + fresh * g * g
    return rate * g / (np.sqrt(h) + delta), h


def adadelta(g, rate, keep, fresh, delta, h, k):
    h = keep * h + fresh * g * g
    s = g * np.sqrt((k + delta) / (h + delta))
    return rate * s, h, keep * k + fresh * s * s


def adam(g, rate, keep, fresh, keep2, fresh2, delta, m, v):
    m, v = keep * m + fresh * g, keep2 * v + fresh2 * g * g
    return rate * m / (np.sqrt(v) + delta), m, v


@pytest.mark.parametrize("l1", [False, True])
@pytest.mark.parametrize("dtype, rtol", [(np.float32, 1e-5), (np.float64, 1e-13)])
@pytest.mark.parametrize(
    "rule, scalars, slots",
    [
        (nesterov, (0.9,), 1),
        (adagrad, (1e-3,), 1),
        (rmsprop, (0.75, 0.25, 1e-3), 1),
        (adadelta, (0.875, 0.125, 1e-3), 2),
        (adam, (0.75, 0.25, 0.875, 0.125, 1e-3), 2),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_rules(rule, scalars, slots, l1, dtype, rtol):
    random = np.random.default_rng(2)
    data, diff = random.normal(size=(2, 20)).astype(dtype)
    histories = np.abs(random.normal(size=(slots, 20))).astype(dtype)
    data[3], diff[6], data[6], histories[:, 6] = 0, 0, 0, 0  # a parameter that nothing has moved stays where it is
    rates = np.array([[0.1, 0.01], [0.2, 0.0], [0.3, 0.5]], dtype)
    before = [array.copy() for array in (data, diff, *histories)]
    expected = [array.astype(np.float64) for array in before]
    for (start, stop), (rate, decay) in zip(BLOCKS, rates.astype(np.float64)):
        w, g, *past = (array[start:stop] for array in expected)
        g = 0.5 * g + decay * (np.sign(w) if l1 else w)
        step, *new = rule(g, rate, *(np.float64(dtype(scalar)) for scalar in scalars), *past)
        for array, values in zip(expected, (w - step, step, *new)):
            array[start:stop] = values
    kernel = getattr(update, f"{rule.__name__}_update")
    kernel(0, 3, BLOCKS, rates, *(dtype(scalar) for scalar in scalars), dtype(0.5), l1, data, diff, *histories)
    for found, wanted, was in zip((data, diff, *histories), expected, before):
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol)
        assert np.array_equal(found[9:16], was[9:16])
    assert data[6] == diff[6] == 0
