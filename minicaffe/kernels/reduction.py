"""Sums along the rows of a (rows, dim) array, and their gradients. Units are blocks of ``BLOCK`` numbers of a row."""

import numpy as np

from ._jit import kernel

BLOCK = 8192
SUM, ASUM, SUMSQ = 0, 1, 2


@kernel
def block_sums(start, stop, x, operation, partial):
    """partial[row, block] = the sum of x, |x| or x^2 over a block of the row, in float64."""
    blocks, dim = partial.shape[1], x.shape[1]
    for u in range(start, stop):
        row, block = u // blocks, u % blocks
        part = x[row, block * BLOCK : min(dim, (block + 1) * BLOCK)]
        total = 0.0
        if operation == ASUM:
            for i in range(part.size):
                total += abs(part[i])
        elif operation == SUMSQ:
            for i in range(part.size):
                total += np.float64(part[i]) * np.float64(part[i])
        else:
            for i in range(part.size):
                total += part[i]
        partial[row, block] = total


@kernel
def spread(start, stop, dy, x, operation, factor, blocks, dx):
    """dx = factor * dy[row] times 1, sign(x) or 2 x. Units as above, ``blocks`` of them to a row."""
    dim = dx.shape[1]
    zero, one = dx.dtype.type(0), dx.dtype.type(1)
    for u in range(start, stop):
        row, block = u // blocks, u % blocks
        first, last = block * BLOCK, min(dim, (block + 1) * BLOCK)
        into, part = dx[row, first:last], x[row, first:last]
        slope = factor * dy[row]
        if operation == ASUM:
            for i in range(into.size):
                into[i] = slope * (one if part[i] > zero else (-one if part[i] < zero else zero))
        elif operation == SUMSQ:
            for i in range(into.size):
                into[i] = slope * (part[i] + part[i])
        else:
            for i in range(into.size):
                into[i] = slope
