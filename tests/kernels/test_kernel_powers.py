import numpy as np
import pytest
from oracle import run_kernel

from minicaffe.kernels import powers
from minicaffe.kernels._jit import ELEMENTS

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
RTOL = {"float32": 1.2e-7, "float64": 5e-14}  # half a float32's last place is 6e-8


def apply(kernel, x, *scalars):
    """On arrays apart and in place, which must agree."""
    y, same = np.empty_like(x), x.copy()
    run_kernel(kernel, x.size, x, *scalars, y, grain=ELEMENTS)
    run_kernel(kernel, x.size, None, *scalars, same, grain=ELEMENTS)
    np.testing.assert_array_equal(y, same)
    return y


def gradient(kernel, dy, side, *scalars):
    dx, same = np.empty_like(dy), dy.copy()
    run_kernel(kernel, dy.size, dy, side, *scalars, dx, grain=ELEMENTS)
    run_kernel(kernel, dy.size, None, side, *scalars, same, grain=ELEMENTS)
    np.testing.assert_array_equal(dx, same)
    return dx


@DTYPES
@pytest.mark.parametrize("scale, shift", [(1.0, 0.0), (np.log(10), -1.7), (-0.01, 3.0)])
def test_exp(dtype, scale, shift):
    x = np.linspace(-36, 36, 50021).astype(dtype)
    y = apply(powers.exp_forward, x, scale, shift)
    np.testing.assert_allclose(y, np.exp(x.astype("float64") * scale + shift), rtol=RTOL[dtype])
    dx = gradient(powers.exp_backward, x, y, scale)
    np.testing.assert_allclose(dx, x.astype("float64") * y * scale, rtol=4e-7)


@DTYPES
@pytest.mark.parametrize("scale, shift", [(1.0, 0.0), (0.5, 1.0), (-3.0, 9.0)])
def test_log(dtype, scale, shift):
    x = np.linspace(0.001, 2.9, 50021).astype(dtype)
    exact, factor = x.astype("float64") * scale + shift, 1.25
    # beside 1 even the exact argument's last place shows
    tolerance = {"rtol": 3 * RTOL[dtype], "atol": 3e-15}
    np.testing.assert_allclose(apply(powers.log_forward, x, scale, shift, factor), factor * np.log(exact), **tolerance)
    dx = gradient(powers.log_backward, np.ones_like(x), x, scale, shift, factor)
    np.testing.assert_allclose(dx, factor * scale / exact, rtol=RTOL[dtype])


def test_log_over_the_whole_range_of_float32():
    x = np.exp(np.linspace(-103, 88.7, 50021)).astype("float32")
    y = apply(powers.log_forward, x, 1.0, 0.0, 1.0)
    np.testing.assert_allclose(y, np.log(x.astype("float64")), rtol=RTOL["float32"])


@DTYPES
@pytest.mark.parametrize("power", [3.0, 0.5, -0.75, -1.0, 2.5, 30.0])
def test_power(dtype, power):
    x = np.linspace(0.01, 3, 50021).astype(dtype)
    scale, shift = 2.0, 0.25
    exact = x.astype("float64") * scale + shift
    rtol = RTOL[dtype]
    np.testing.assert_allclose(apply(powers.power_forward, x, scale, shift, power), exact**power, rtol=rtol)
    dx = gradient(powers.power_backward, np.ones_like(x), x, scale, shift, power)
    np.testing.assert_allclose(dx, scale * power * exact ** (power - 1), rtol=2 * rtol)


@DTYPES
def test_square_and_line(dtype):
    x = np.random.default_rng(1).standard_normal(9001).astype(dtype)
    dy, line = x[::-1].copy(), x.astype("float64") * 0.5 - 2
    np.testing.assert_allclose(apply(powers.square_forward, x, 0.5, -2.0), line**2, rtol=RTOL[dtype], atol=1e-15)
    found = gradient(powers.square_backward, dy, x, 0.5, -2.0)
    np.testing.assert_allclose(found, dy.astype("float64") * line, rtol=RTOL[dtype], atol=1e-14)
    np.testing.assert_allclose(apply(powers.line_forward, x, 0.5, -2.0), line, rtol=0, atol=4e-7)


@DTYPES
@pytest.mark.parametrize("repeat", [1, 40])
def test_special_values(dtype, repeat):
    x = np.tile(np.array([np.nan, np.inf, -np.inf, 0.0, -1.0, -8.0, 1.0], dtype), repeat)
    with np.errstate(all="ignore"):
        for power in (3.0, 2.0, -1.0, -2.0, 0.5, -0.5, 1 / 3):
            expected = np.power(x, np.dtype(dtype).type(power))
            found = apply(powers.power_forward, x, 1.0, 0.0, power)
            finite = x != -np.inf  # there C has infinities for powers that are no integers
            np.testing.assert_allclose(found[finite], expected[finite], rtol=1e-6)
        np.testing.assert_allclose(apply(powers.log_forward, x, 1.0, 0.0, 1.0), np.log(x), rtol=1e-6)
        np.testing.assert_allclose(apply(powers.exp_forward, x * 1000, 1.0, 0.0), np.exp(x * 1000), rtol=1e-6)
