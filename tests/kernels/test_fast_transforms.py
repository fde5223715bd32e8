"""Winograd's matrices compute a correlation exactly; the intrinsics apply them, and nothing else."""

import numba
import numpy as np
import pytest

from minicaffe.kernels.fast import transforms
from minicaffe.kernels.fast.vector import LANES

APPLIED = {
    f"{name}_{taps}": (getattr(transforms, f"{name}_{taps}"), matrix(transforms.matrices(taps)), adds)
    for taps in (3, 5)
    for name, matrix, adds in (
        ("input", lambda m: m.input, False),
        ("output", lambda m: m.output, False),
        ("weights", lambda m: m.weights, False),
        ("input_gradient", lambda m: m.input.T, True),
        ("output_gradient", lambda m: m.output.T, False),
        ("weights_gradient", lambda m: m.weights.T, False),
    )
}


@pytest.mark.parametrize("taps", [3, 5])
def test_matrices_make_a_correlation(taps):
    m = transforms.matrices(taps)
    rng = np.random.default_rng(taps)
    weights, inputs = rng.standard_normal(taps), rng.standard_normal(taps + 3)
    found = m.output @ ((m.weights @ weights) * (m.input @ inputs))
    np.testing.assert_allclose(found, np.correlate(inputs, weights, "valid"), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("taps", [3, 5])
def test_input_and_output_matrices_are_short_binary_fractions(taps):
    """Rounding then comes from sums and products alone, not from the constants."""
    m = transforms.matrices(taps)
    for matrix in (m.input, m.output):
        np.testing.assert_array_equal(matrix.astype(np.float32), matrix)


@pytest.mark.parametrize("name", APPLIED)
def test_intrinsics_apply_their_matrix(name):
    apply, matrix, adds = APPLIED[name]
    rows, columns = matrix.shape

    @numba.njit
    def call(x, at, down, across, y, to, to_down, to_across):
        apply(x, at, down, across, y, to, to_down, to_across)

    rng = np.random.default_rng(1)
    x = np.full((columns, columns + 1, LANES + 1), np.nan, np.float32)
    x[:, :columns, :LANES] = rng.standard_normal((columns, columns, LANES))
    y = rng.standard_normal((rows, rows + 2, LANES + 3)).astype(np.float32)
    before = y.copy()
    across, to_across = LANES + 1, LANES + 3
    call(x.reshape(-1), 0, (columns + 1) * across, across, y.reshape(-1), 0, (rows + 2) * to_across, to_across)

    tile = x[:, :columns, :LANES].astype(float)
    expected = np.einsum("ia,abl,jb->ijl", matrix, tile, matrix)
    if adds:
        expected += before[:, :rows, :LANES]
    tolerance = 1e-6 * np.abs(matrix).sum(1).max() ** 2
    np.testing.assert_allclose(y[:, :rows, :LANES], expected, rtol=0, atol=tolerance)
    y[:, :rows, :LANES] = before[:, :rows, :LANES]
    np.testing.assert_array_equal(y, before)  # nothing beside the tile


@pytest.mark.parametrize("name", APPLIED)
def test_the_gradients_are_exact_transposes(name):
    _, matrix, _ = APPLIED[name]
    if name.replace("_gradient", "") != name:
        np.testing.assert_array_equal(matrix.T, APPLIED[name.replace("_gradient", "")][1])
