"""Update kernels of the solvers, over the arena of learned parameters.

``blocks`` (int64, B x 2) cuts the arena into pieces of at most ``BLOCK`` numbers that never cross a parameter;
``rates`` (B x 2) holds each piece's learning rate and decay, multipliers applied. Units are blocks.
"""

import numpy as np

from ._jit import kernel

BLOCK = 8192


@kernel
def squared_norms(start, stop, blocks, diff, partial):
    """partial[b] = the sum of squares of block b of ``diff``, in float64."""
    for b in range(start, stop):
        row = diff[blocks[b, 0] : blocks[b, 1]]
        total = 0.0
        for i in range(row.size):
            value = np.float64(row[i])
            total += value * value
        partial[b] = total


@kernel
def sgd_update(start, stop, blocks, rates, momentum, scale, l1, data, diff, history):
    """g = scale * diff + decay * w (L2) or + decay * sign(w) (L1); v = momentum * v + rate * g; w -= v.

    The step v is left in ``diff``, as in Caffe.
    """
    for b in range(start, stop):
        rate = rates[b, 0]
        decay = rates[b, 1]
        first, last = blocks[b, 0], blocks[b, 1]
        if l1:
            for i in range(first, last):
                w = data[i]
                sign = data.dtype.type((w > 0) - (w < 0))
                diff[i] = scale * diff[i] + decay * sign
        else:
            for i in range(first, last):
                diff[i] = scale * diff[i] + decay * data[i]
        for i in range(first, last):
            step = momentum * history[i] + rate * diff[i]
            history[i] = step
            diff[i] = step
            data[i] -= step
