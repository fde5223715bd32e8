"""The largest numbers along the middle axis of an (outer, dim, inner) array. Units are (outer, inner) places."""

from ._jit import kernel


@kernel
def largest(start, stop, x, top_k, indices, values):
    """Into (outer, top_k, inner): where the top_k largest lie, largest first, and what they are; either may be None.

    Among equals the higher index comes first; a NaN counts as larger than any number.
    """
    dim, inner = x.shape[1:]
    for u in range(start, stop):
        o, i = u // inner, u % inner
        last, best = -1, -1
        for k in range(top_k):
            last, best = best, -1
            for d in range(dim):
                value = x[o, d, i]
                if last >= 0:
                    above = x[o, last, i]
                    if value == above or (value != value and above != above):
                        if d >= last:
                            continue
                    elif not (value < above or above != above):
                        continue
                if best < 0 or value >= x[o, best, i] or value != value:
                    best = d
            if indices is not None:
                indices[o, k, i] = best
            if values is not None:
                values[o, k, i] = x[o, best, i]
