import numpy as np
import pytest
from oracle import run_kernel

from minicaffe.kernels._jit import ELEMENTS, kernel
from minicaffe.kernels.exp import exp, tanh

FLOAT32_SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 88.7, 88.8, 1e30, -103.0, -104.0, -1e30]


@kernel
def exp_all(start, stop, x, y):
    for i in range(start, stop):
        y[i] = exp(x[i])


@kernel
def tanh_all(start, stop, x, y):
    for i in range(start, stop):
        y[i] = tanh(x[i])


def apply(function, x):
    y = np.empty_like(x)
    run_kernel(function, x.size, x, y, grain=ELEMENTS)
    return y


def test_exp_of_float32_is_within_1e_7():
    x = np.linspace(-87.3, 88.7, 300001, dtype="float32")
    exact = np.exp(x.astype("float64"))
    assert np.abs(apply(exp_all, x) / exact - 1).max() < 1e-7


def test_exp_of_float32_reaches_into_subnormals():
    x = np.linspace(-103.9, -87.4, 10001, dtype="float32")
    assert np.abs(apply(exp_all, x) - np.exp(x.astype("float64"))).max() < 1.5e-45


@pytest.mark.parametrize("repeat", [1, 7])
def test_exp_of_special_float32_values(repeat):
    x = np.tile(np.array(FLOAT32_SPECIAL, "float32"), repeat)  # 7 times: through vector code
    with np.errstate(over="ignore", under="ignore"):
        expected = np.exp(x.astype("float64")).astype("float32")
    np.testing.assert_allclose(apply(exp_all, x), expected, rtol=2e-7)


@pytest.mark.parametrize("scale", [1e-6, 1e-2, 0.6, 1.0, 12.0])
def test_tanh_of_float32_is_relatively_exact_at_every_size(scale):
    x = (np.linspace(-1, 1, 20000) * scale).astype("float32")
    exact = np.tanh(x.astype("float64"))
    assert np.abs(apply(tanh_all, x) / exact - 1).max() < 2e-7


def test_tanh_of_special_float32_values():
    x = np.array([np.nan, np.inf, -np.inf, 0.0, 1e30, -1e30], "float32")
    np.testing.assert_array_equal(apply(tanh_all, x), np.tanh(x))


def test_float64_is_the_library_s_own():
    x = np.linspace(-800, 800, 4001)
    with np.errstate(over="ignore", under="ignore"):
        np.testing.assert_allclose(apply(exp_all, x), np.exp(x), rtol=1e-15)
    np.testing.assert_allclose(apply(tanh_all, x), np.tanh(x), rtol=1e-15)


def test_exp_called_from_python_chooses_by_type():
    assert exp(np.float64(1)) == np.exp(1.0)
    assert 0 < abs(exp(np.float32(1)) - np.exp(1.0)) < 3e-7
