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
    "elu": lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
    "swish": lambda x, beta: x * sigmoid(beta * x),
    "bnll": lambda x: np.logaddexp(0, x),
    "abs": np.abs,
    "clip": np.clip,
    "threshold": lambda x, threshold: np.where(x > threshold, 1.0, 0.0),
}
BACKWARD = {
    "relu": lambda dy, y, slope: np.where(y > 0, dy, slope * dy),
    "sigmoid": lambda dy, y: dy * y * (1 - y),
    "tanh": lambda dy, y: dy * (1 - y * y),
    "elu": lambda dy, y, alpha: np.where(y > 0, dy, dy * (y + alpha)),
    "swish": lambda dy, x, beta: dy * sigmoid(beta * x) * (1 + beta * x * (1 - sigmoid(beta * x))),
    "bnll": lambda dy, x: dy * sigmoid(x),
    "abs": lambda dy, x: dy * np.sign(x),
    "clip": lambda dy, x, low, high: np.where((x >= low) & (x <= high), dy, 0),
}
SCALARS = {"relu": [0.1], "elu": [0.7], "swish": [1.5], "clip": [-0.25, 0.75], "threshold": [0.5]}
INFINITIES = {  # what becomes of -infinity and infinity, and of NaN where it does not stay
    "relu": (-np.inf, np.inf),
    "sigmoid": (0, 1),
    "tanh": (-1, 1),
    "elu": (-0.7, np.inf),
    "swish": (np.nan, np.inf),
    "bnll": (0, np.inf),
    "abs": (np.inf, np.inf),
    "clip": (-0.25, 0.75),
    "threshold": (0, 1, 0),
}


def scalars(name, dtype):
    return [np.dtype(dtype).type(value) for value in SCALARS.get(name, [])]


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
    between = [y, y] if name == "elu" else [y]
    run_kernel(kernel, SIZE, dy, *between, *extra, dx, grain=ELEMENTS)
    expected = BACKWARD[name](dy.astype("float64"), y.astype("float64"), *extra)
    assert_near(dx, expected)
    run_kernel(kernel, SIZE, None, *between, *extra, same, grain=ELEMENTS)
    assert_near(same, expected)


@pytest.mark.parametrize("name", FORWARD)
def test_nan_stays_nan_and_infinity_saturates(name):
    x = np.array([np.nan, np.inf, -np.inf] * 20, "float32")
    y = np.empty_like(x)
    run_kernel(getattr(kernels, f"{name}_forward"), x.size, x, *scalars(name, "float32"), y, grain=ELEMENTS)
    low, high, *nan = INFINITIES[name]
    np.testing.assert_array_equal(y, np.array([*(nan or [np.nan]), high, low] * 20, "float32"))


@pytest.mark.parametrize("name, size", [("elu", 1e-6), ("elu", 20.0), ("bnll", 1.0), ("bnll", 80.0)])
def test_small_results_are_relatively_exact(name, size):
    x = np.linspace(-size, 0, SIZE, dtype="float32")[:-1]
    y, extra = np.empty_like(x), scalars(name, "float32")
    run_kernel(getattr(kernels, f"{name}_forward"), x.size, x, *extra, y, grain=ELEMENTS)
    exact = FORWARD[name](x.astype("float64"), *[float(value) for value in extra])
    np.testing.assert_allclose(y, exact, rtol=5e-7)


def test_elu_backward_takes_the_side_from_elsewhere():
    x, y = np.array([-1.0, 2.0]), np.array([1.5, 2.0])
    dx = np.empty(2)
    run_kernel(kernels.elu_backward, 2, np.ones(2), x, y, -2.0, dx, grain=ELEMENTS)
    np.testing.assert_array_equal(dx, [-0.5, 1.0])
