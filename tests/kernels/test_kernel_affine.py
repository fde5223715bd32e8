import numpy as np
import pytest
from oracle import assert_near, numbers, run_kernel

from minicaffe.kernels.affine import affine_forward, affine_sums

CASES = pytest.mark.parametrize("dtype", ["float32", "float64"])
SHAPES = pytest.mark.parametrize("shape", [(4, 5, 37), (6, 7, 1), (1, 9, 4), (3, 1, 50)])


@CASES
@SHAPES
@pytest.mark.parametrize("has_gamma, has_beta", [(True, True), (True, False), (False, True)])
def test_affine_map(shape, dtype, has_gamma, has_beta):
    x, gamma, beta = numbers(shape, dtype), numbers(shape[1], dtype, 1), numbers(shape[1], dtype, 2)
    exact = x.astype("float64") * (gamma[:, None] if has_gamma else 1) + (beta[:, None] if has_beta else 0)
    vectors = (gamma if has_gamma else None, beta if has_beta else None)
    y, same = np.empty_like(x), x.copy()
    run_kernel(affine_forward, shape[0] * shape[1], x, *vectors, y)
    run_kernel(affine_forward, shape[0] * shape[1], None, *vectors, same)
    assert_near(y, exact)
    assert_near(same, exact)


@CASES
@SHAPES
def test_sums_add_to_what_is_there(shape, dtype):
    x, dy = numbers(shape, dtype), numbers(shape, dtype, 1)
    dgamma, dbeta = numbers(shape[1], dtype, 2), numbers(shape[1], dtype, 3)
    product = dgamma + (x.astype("float64") * dy).sum(axis=(0, 2))
    total = dbeta + dy.astype("float64").sum(axis=(0, 2))
    alone = dbeta.copy()
    run_kernel(affine_sums, shape[1], x, dy, dgamma, dbeta)
    run_kernel(affine_sums, shape[1], None, dy, None, alone)
    assert_near(dgamma, product)
    assert_near(dbeta, total)
    assert_near(alone, total)
