"""Rows of a matrix gathered and added by index."""

from ._jit import kernel


@kernel
def add_rows(start, stop, index, dy, dx):
    """dx[r] = the sum of dy[n] over all n with index[n] == r, added in the order of n; units are columns.

    dy is (indices, columns), dx (rows, columns).
    """
    dx[:, start:stop] = 0
    for n in range(index.size):
        source, target = dy[n], dx[index[n]]
        for j in range(start, stop):
            target[j] += source[j]
