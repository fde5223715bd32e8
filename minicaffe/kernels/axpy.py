"""y = a * x + z on (rows, inner) arrays, a factor for each row."""

from ._jit import kernel


@kernel
def axpy(start, stop, a, x, z, y):
    """y = a * x + z; units are rows."""
    for r in range(start, stop):
        into, row, other, factor = y[r], x[r], z[r], a[r]
        for i in range(into.size):
            into[i] = factor * row[i] + other[i]
