"""Bilinear interpolation between planes whose corner pixels meet; units are planes."""

from ._jit import inline, kernel


@inline
def _between(i, ratio, size):
    """(first pixel, distance to the next, share of the next) for pixel ``i`` of the output."""
    at = ratio * i
    first = min(int(at), size - 1)
    return first, 1 if first < size - 1 else 0, at - first


@kernel
def interp_forward(start, stop, x, crop, height, width, ratio_h, ratio_w, y):
    """y (planes, h, w) from the ``height`` x ``width`` pixels of x that begin at (crop, crop)."""
    one = y.dtype.type(1)
    for p in range(start, stop):
        source, into = x[p], y[p]
        for i in range(into.shape[0]):
            r, down, v64 = _between(i, ratio_h, height)
            v = y.dtype.type(v64)
            upper, lower = source[crop + r], source[crop + r + down]
            for j in range(into.shape[1]):
                c, right, u64 = _between(j, ratio_w, width)
                c, u = c + crop, y.dtype.type(u64)
                above = (one - u) * upper[c] + u * upper[c + right]
                below = (one - u) * lower[c] + u * lower[c + right]
                into[i, j] = (one - v) * above + v * below


@kernel
def interp_backward(start, stop, dy, crop, height, width, ratio_h, ratio_w, dx):
    """dx = the sums of dy times the share that each pixel had; 0 where it was cropped."""
    zero, one = dx.dtype.type(0), dx.dtype.type(1)
    for p in range(start, stop):
        source, into = dy[p], dx[p]
        for i in range(into.shape[0]):
            for j in range(into.shape[1]):
                into[i, j] = zero
        for i in range(source.shape[0]):
            r, down, v64 = _between(i, ratio_h, height)
            v = dx.dtype.type(v64)
            upper, lower = into[crop + r], into[crop + r + down]
            for j in range(source.shape[1]):
                c, right, u64 = _between(j, ratio_w, width)
                c, u, diff = c + crop, dx.dtype.type(u64), source[i, j]
                upper[c] += (one - v) * (one - u) * diff
                upper[c + right] += (one - v) * u * diff
                lower[c] += v * (one - u) * diff
                lower[c + right] += v * u * diff
