import numpy as np
import pytest
from oracle import assert_near, numbers, run_kernel

from minicaffe.kernels import activations as kernels
from minicaffe.kernels._jit import ELEMENTS

SIZE = 3 * ELEMENTS + 77
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


FORWARD = {
    "relu": lambda x, slope: np.where(x > 0, x, slope * x),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
}
BACKWARD = {
    "relu": lambda dy, y, slope: np.where(y > 0, dy, slope * dy),
    "sigmoid": lambda dy, y: dy * y * (1 - y),
    "tanh": lambda dy, y: dy * (1 - y * y),
}


def scalars(name, dtype):
    return [np.dtype(dtype).type(0.1)] if name == "relu" else []


@DTYPES
@pytest.mark.parametrize("name", FORWARD)
def test_forward_equals_the_formula_apart_and_in_place(name, dtype):
    kernel, extra = getattr(kernels, f"{name}_forward"), scalars(name, dtype)
    x = numbers(SIZE, dtype) * 4
    y = np.empty_like(x)
    run_kernel(kernel, SIZE, x, *extra, y, grain=ELEMENTS)
    expected = FORWARD[name](x.astype("float64"), *extra)
    assert_near(y, expected)
    for first in (None, "same"):  # "same": the array itself, slower but allowed
        same = x.copy()
        run_kernel(kernel, SIZE, None if first is None else same, *extra, same, grain=ELEMENTS)
        assert_near(same, expected)


@DTYPES
@pytest.mark.parametrize("name", BACKWARD)
def test_backward_equals_the_formula_apart_and_in_place(name, dtype):
    kernel, extra = getattr(kernels, f"{name}_backward"), scalars(name, dtype)
    dy, y = numbers(SIZE, dtype), np.tanh(numbers(SIZE, dtype, seed=1))
    dx, same = np.empty_like(dy), dy.copy()
    run_kernel(kernel, SIZE, dy, y, *extra, dx, grain=ELEMENTS)
    expected = BACKWARD[name](dy.astype("float64"), y.astype("float64"), *extra)
    assert_near(dx, expected)
    run_kernel(kernel, SIZE, None, y, *extra, same, grain=ELEMENTS)
    assert_near(same, expected)


@pytest.mark.parametrize("name", FORWARD)
def test_nan_stays_nan_and_infinity_saturates(name):
    x = np.array([np.nan, np.inf, -np.inf] * 20, "float32")
    y = np.empty_like(x)
    run_kernel(getattr(kernels, f"{name}_forward"), x.size, x, *scalars(name, "float32"), y, grain=ELEMENTS)
    low, high = {"relu": (-np.inf, np.inf), "sigmoid": (0, 1), "tanh": (-1, 1)}[name]
    np.testing.assert_array_equal(y, np.array([np.nan, high, low] * 20, "float32"))
