"""Rows of a matrix gathered and added by index; copies of an array added."""

from ._jit import ELEMENTS, kernel

BLOCK = ELEMENTS


@kernel
def gather_rows(start, stop, index, x, bias, y):
    """y[n] = x[index[n]], + bias where that is not None; units are rows of y."""
    for n in range(start, stop):
        source, into = x[index[n]], y[n]
        for j in range(into.size):
            into[j] = source[j] if bias is None else source[j] + bias[j]


@kernel
def add_rows(start, stop, index, dy, dx):
    """dx[r] += dy[n] for all n with index[n] == r, in the order of n; units are columns.

    dy is (indices, columns), dx (rows, columns).
    """
    for n in range(index.size):
        source, target = dy[n], dx[index[n]]
        for j in range(start, stop):
            target[j] += source[j]


@kernel
def sum_copies(start, stop, dy, dx):
    """dx[o] = dy[o, 0] + dy[o, 1] + ...; dy is (outer, copies, inner).

    Units are pieces of ``BLOCK`` numbers, each of one outer index.
    """
    _, copies, inner = dy.shape
    pieces = -(-inner // BLOCK)
    for u in range(start, stop):
        o, first = u // pieces, u % pieces * BLOCK
        end = min(inner, first + BLOCK)
        into = dx[o, first:end]
        into[:] = dy[o, 0, first:end]
        for t in range(1, copies):
            source = dy[o, t, first:end]
            for i in range(into.size):
                into[i] += source[i]
