import numpy as np
import pytest
from oracle import run_kernel

from minicaffe.kernels.argmax import largest


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("top_k", [1, 4])
def test_sorted_by_value_then_by_index(top_k, dtype):
    x = np.random.default_rng(1).integers(0, 5, (6, 9, 7)).astype(dtype)
    indices, values = np.empty((6, top_k, 7), dtype), np.empty((6, top_k, 7), dtype)
    run_kernel(largest, 42, x, top_k, indices, values)
    for o in range(6):
        for i in range(7):
            ranked = sorted(((x[o, d, i], d) for d in range(9)), reverse=True)[:top_k]
            assert list(zip(values[o, :, i], indices[o, :, i])) == ranked
    alone = np.empty_like(values)
    run_kernel(largest, 42, x, top_k, None, alone)
    np.testing.assert_array_equal(alone, values)
    alone = np.empty_like(indices)
    run_kernel(largest, 42, x, top_k, alone, None)
    np.testing.assert_array_equal(alone, indices)
