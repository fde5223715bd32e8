"""Rows of a (rows, dim) array less their means; units are rows."""

from ._jit import kernel


@kernel
def remove_mean(start, stop, x, y):
    """y = x - mean(x) along each row, the sum in float64. ``x`` may be None where it lies in ``y`` (``distinct``)."""
    dim = y.shape[1]
    for r in range(start, stop):
        into = y[r]
        row = into if x is None else x[r]
        total = 0.0
        for i in range(dim):
            total += row[i]
        mean = y.dtype.type(total / dim)
        for i in range(dim):
            into[i] = row[i] - mean
