"""y = x * gamma + beta on (outer, channels, inner) arrays, and the sums that its gradient needs.

gamma and beta hold one number per channel; each may be None, and ``x`` may be None where it lies in ``y``
(``distinct``).
"""

from ._jit import kernel


@kernel
def affine_forward(start, stop, x, gamma, beta, y):
    """Units are rows: (outer, channel) pairs. Without gamma y = x + beta, without beta y = x * gamma."""
    _, channels, inner = y.shape
    for r in range(start, stop):
        o, c = r // channels, r % channels
        into = y[o, c]
        row = into if x is None else x[o, c]
        factor = y.dtype.type(1) if gamma is None else gamma[c]
        offset = y.dtype.type(0) if beta is None else beta[c]
        for i in range(inner):
            into[i] = row[i] * factor + offset


@kernel
def affine_sums(start, stop, x, dy, dgamma, dbeta):
    """dgamma += sum(dy * x), dbeta += sum(dy) over each channel; units are channels, sums are float64.

    dgamma or dbeta may be None; without dgamma x is not read.
    """
    outer, _, inner = dy.shape
    for c in range(start, stop):
        product, total = 0.0, 0.0
        for o in range(outer):
            row = dy[o, c]
            if dgamma is not None:
                other = x[o, c]
                for i in range(inner):
                    product += row[i] * other[i]
            if dbeta is not None:
                for i in range(inner):
                    total += row[i]
        if dgamma is not None:
            dgamma[c] += product
        if dbeta is not None:
            dbeta[c] += total
