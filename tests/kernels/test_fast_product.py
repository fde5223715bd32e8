"""The blocked product against numpy in float64, for every rest of rows and columns, and what it must not touch."""

import numpy as np
import pytest

from minicaffe.kernels.fast.product import multiply
from minicaffe.kernels.fast.vector import LANES

CANARY = np.float32(-777)


def in_middle(matrix, row, margin):
    """The matrix in a flat array of NaN: rows at distance ``row``, ``margin`` elements before and after."""
    flat = np.full(2 * margin + matrix.shape[0] * row, np.nan, np.float32)
    flat[margin : margin + matrix.shape[0] * row].reshape(-1, row)[:, : matrix.shape[1]] = matrix
    return flat


@pytest.mark.parametrize("rows", [*range(1, 18), 24, 31])
@pytest.mark.parametrize("vectors, depth", [(1, 1), (2, 3), (3, 16), (5, 37), (2, 0)])
@pytest.mark.parametrize("turned", [False, True])
def test_matches_numpy_and_stays_inside(rows, vectors, depth, turned):
    columns = vectors * LANES
    rng = np.random.default_rng(rows * 100 + depth)
    a = rng.standard_normal((rows, depth)).astype(np.float32)
    b = rng.standard_normal((depth, columns)).astype(np.float32)
    c = rng.standard_normal((rows, columns)).astype(np.float32)
    a_flat = in_middle(a.T if turned else a, max(rows, depth) + 2, 7)
    b_flat = in_middle(b, columns + 3, 5)
    a_row, a_step = (1, max(rows, depth) + 2) if turned else (max(rows, depth) + 2, 1)
    c_row, margin = columns + 2, 3 * LANES
    for accumulate in (False, True):
        held = np.full((rows, c_row), CANARY)
        held[:, :columns] = c if accumulate else np.nan
        flat = np.concatenate([np.full(margin, CANARY), held.reshape(-1), np.full(margin, CANARY)])
        multiply(
            a_flat, 7, a_row, a_step, b_flat, 5, columns + 3, flat, margin, c_row, rows, columns, depth, accumulate
        )
        found = flat[margin:-margin].reshape(rows, c_row)
        expected = a.astype(float) @ b.astype(float) + (c if accumulate else 0)
        np.testing.assert_allclose(found[:, :columns], expected, rtol=0, atol=4e-6 * max(depth, 1) ** 0.5)
        assert (found[:, columns:] == CANARY).all()
        assert (flat[:margin] == CANARY).all() and (flat[-margin:] == CANARY).all()


def test_sizes_of_zero_touch_nothing():
    c = np.full(4 * LANES, CANARY)
    x = np.ones(4 * LANES, np.float32)
    multiply(x, 0, 1, 1, x, 0, LANES, c, 0, LANES, 0, LANES, 2, False)
    multiply(x, 0, 1, 1, x, 0, LANES, c, 0, LANES, 3, 0, 2, False)
    assert (c == CANARY).all()
