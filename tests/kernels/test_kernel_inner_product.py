"""Matrix products against a naive oracle, and on one, two and three threads."""

from types import SimpleNamespace

import numpy as np
import pytest

from minicaffe.kernels import _threads, inner_product

SIZES = [(3, 5, 7), (1, 10, 9), (20, 1, 33), (17, 19, 1), (1, 1, 1), (33, 530, 70), (5, 40, 1100)]


def problem(rows, columns, depth, dtype="float64"):
    rng = np.random.default_rng(rows + columns + depth)
    work = {n: np.full(s, -1, d or dtype) for n, (s, d) in inner_product.work_shapes().items()}
    shapes = ((rows, depth), (columns, depth), (depth, columns), (depth, rows), (columns,), (rows, columns))
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes], SimpleNamespace(**work)


def compute(rows, columns, depth, dtype="float64"):
    """a b' + bias, a b + bias, c + a' b."""
    (a, b_rows, b, a_columns, bias, c), work = problem(rows, columns, depth, dtype)
    outs = [np.full((rows, columns), np.nan, dtype), np.full((rows, columns), np.nan, dtype), c]
    flat = [out.reshape(-1) for out in outs]
    size = (rows, columns, depth)
    inner_product.multiply_transposed(*size, a.reshape(-1), b_rows.reshape(-1), bias, work, flat[0])
    inner_product.multiply(*size, a.reshape(-1), b.reshape(-1), bias, work, flat[1])
    inner_product.add_transposed_product(*size, a_columns.reshape(-1), b.reshape(-1), work, flat[2])
    return outs


def naive(rows, columns, depth):
    (a, b_rows, b, a_columns, bias, c), _ = problem(rows, columns, depth)
    outs = [np.zeros((rows, columns)) + bias, np.zeros((rows, columns)) + bias, c]
    for r in range(depth):
        outs[0] += a[:, r, None] * b_rows[None, :, r]
        outs[1] += a[:, r, None] * b[r]
        outs[2] += a_columns[r, :, None] * b[r]
    return outs


@pytest.mark.parametrize("size", SIZES)
def test_products(size):
    for found, expected in zip(compute(*size), naive(*size)):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def test_an_empty_bias_is_zero():
    (a, b_rows, b, *_), work = problem(3, 5, 7)
    for product, other in ((inner_product.multiply_transposed, b_rows), (inner_product.multiply, b)):
        outs = np.empty(15), np.empty(15)
        for bias, out in zip((np.empty(0), np.zeros(5)), outs):
            product(3, 5, 7, a.reshape(-1), other.reshape(-1), bias, work, out)
        np.testing.assert_array_equal(*outs)


def test_same_bits_on_any_number_of_threads():
    before, runs = _threads.threads(), []
    try:
        for threads in (1, 2, 3):
            _threads.set_threads(threads)
            runs.append(compute(37, 700, 90, "float32"))
    finally:
        _threads.set_threads(before)
    for other in runs[1:]:
        for a, b in zip(runs[0], other):
            np.testing.assert_array_equal(a, b)
