"""PReLU on (outer, channels, inner) arrays: a slope per channel for what is not positive, or one for all.

``slope`` holds one number per channel, or one. The first array may be None where it lies in the output (``distinct``).
"""

from ._jit import kernel


@kernel
def prelu_forward(start, stop, x, slope, y):
    """y = x where x > 0, else slope * x; units are rows: (outer, channel) pairs."""
    _, channels, inner = y.shape
    flat = y.reshape(-1)
    source = flat if x is None else x.reshape(-1)
    zero = y.dtype.type(0)
    c = start % channels
    for r in range(start, stop):
        factor = slope[c if slope.size > 1 else 0]
        for i in range(r * inner, (r + 1) * inner):
            flat[i] = source[i] if source[i] > zero else factor * source[i]
        c = 0 if c + 1 == channels else c + 1


@kernel
def prelu_backward(start, stop, dy, x, slope, dx):
    """dx = dy where x > 0, else slope * dy; units are rows."""
    _, channels, inner = dx.shape
    flat, side = dx.reshape(-1), x.reshape(-1)
    source = flat if dy is None else dy.reshape(-1)
    zero, one = dx.dtype.type(0), dx.dtype.type(1)
    c = start % channels
    for r in range(start, stop):
        factor = slope[c if slope.size > 1 else 0]
        for i in range(r * inner, (r + 1) * inner):
            flat[i] = source[i] * (one if side[i] > zero else factor)
        c = 0 if c + 1 == channels else c + 1


@kernel
def prelu_slope_sums(start, stop, dy, x, total):
    """total[c] = the sum of dy * min(x, 0) over channel c, in float64; units are channels."""
    outer, _, inner = x.shape
    zero = x.dtype.type(0)
    for c in range(start, stop):
        sum_ = 0.0
        for o in range(outer):
            diff, row = dy[o, c], x[o, c]
            for i in range(inner):
                sum_ += diff[i] * (zero if row[i] > zero else row[i])
        total[c] = sum_
