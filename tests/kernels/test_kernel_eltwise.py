import numpy as np
import pytest
from oracle import assert_near, numbers, run_kernel

from minicaffe.kernels import eltwise
from minicaffe.kernels._jit import ELEMENTS

SIZE = 3 * ELEMENTS + 5
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def both(kernel, first, *args):
    """The outputs with ``first`` apart from the output and lying in it."""
    apart, same = np.empty_like(first), first.copy()
    run_kernel(kernel, SIZE, first, *args, apart, grain=ELEMENTS)
    run_kernel(kernel, SIZE, None, *args, same, grain=ELEMENTS)
    return apart, same


@DTYPES
def test_sums_products_and_quotients(dtype):
    a, b, c = (numbers(SIZE, dtype, seed) for seed in range(3))
    c += 10 * np.sign(c)
    scalar = np.dtype(dtype).type
    cases = [
        (eltwise.weighted_sum, (scalar(0.5), b, scalar(-2)), 0.5 * a.astype("float64") - 2 * b.astype("float64")),
        (eltwise.scaled, (scalar(3),), 3 * a.astype("float64")),
        (eltwise.product, (b,), a.astype("float64") * b),
        (eltwise.quotient_gradient, (b, c), a.astype("float64") * b / c),
    ]
    for kernel, args, expected in cases:
        for found in both(kernel, a, *args):
            assert_near(found, expected)


@DTYPES
def test_maximum_keeps_the_earlier_of_equals_and_takes_nan(dtype):
    random = np.random.default_rng(0)
    a, b = (random.integers(0, 4, SIZE).astype(dtype) for _ in range(2))
    b[5] = np.nan
    takes = (b > a) | np.isnan(b)
    for first in (a, None):
        y, winner = a.copy(), np.full(SIZE, 7, np.int32)
        run_kernel(eltwise.maximum, SIZE, first, b, np.int32(3), y, winner, grain=ELEMENTS)
        np.testing.assert_array_equal(y, np.where(takes, b, a))
        np.testing.assert_array_equal(winner, np.where(takes, 3, 7))
    dy = numbers(SIZE, dtype)
    for found in both(eltwise.select_winner, dy, winner, np.int32(3)):
        np.testing.assert_array_equal(found, np.where(winner == 3, dy, 0))
