"""Larger planes from smaller ones: pixels put back where maxima were, or repeated; units are planes."""

from ._jit import kernel


@kernel
def unpool_forward(start, stop, x, index, y):
    """y[p, index[p, i]] = x[p, i], the last where two meet, and 0 elsewhere."""
    for p in range(start, stop):
        into = y[p]
        for i in range(into.size):
            into[i] = y.dtype.type(0)
        for i in range(x.shape[1]):
            into[index[p, i]] = x[p, i]


@kernel
def unpool_backward(start, stop, dy, index, dx):
    """dx[p, i] = dy[p, index[p, i]]."""
    for p in range(start, stop):
        for i in range(dx.shape[1]):
            dx[p, i] = dy[p, index[p, i]]


@kernel
def repeat_forward(start, stop, x, scale_h, scale_w, y):
    """y[p, i, j] = x[p, i // scale_h, j // scale_w]."""
    for p in range(start, stop):
        for i in range(y.shape[1]):
            source, into = x[p, i // scale_h], y[p, i]
            for j in range(into.size):
                into[j] = source[j // scale_w]


@kernel
def repeat_backward(start, stop, dy, scale_h, scale_w, dx):
    """dx = the sums of dy over the copies, which may be cut at the end."""
    _, height, width = dy.shape
    for p in range(start, stop):
        for i in range(dx.shape[1]):
            for j in range(dx.shape[2]):
                total = dx.dtype.type(0)
                for r in range(i * scale_h, min(height, (i + 1) * scale_h)):
                    for c in range(j * scale_w, min(width, (j + 1) * scale_w)):
                        total += dy[p, r, c]
                dx[p, i, j] = total
