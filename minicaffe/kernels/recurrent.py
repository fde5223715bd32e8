"""What happens at one time step of LSTM and RNN between the matrix products; units are rows, of one sequence each.

Rows hold ``size`` numbers, rows of gates 4 * size: input, forget, output gate and candidate (i, f, o, g). May be None:
``x`` where the input lies in ``gates``, and what the caller has no use for. ``c`` may lie in ``c_prev``, ``dc_prev``
in ``dc``.
"""

from ._jit import inline, kernel
from .exp import exp, tanh


@inline
def _sigmoid(x):
    one = type(x)(1)
    return one / (one + exp(-x))


@kernel
def lstm_forward(start, stop, cont, c_prev, x, recurrent, static, gates, c, h):
    """gates = (sigmoid, cont * sigmoid, sigmoid, tanh) of x + recurrent + static; c = f c_prev + i g; h = o tanh(c).

    Where cont is 0, f is 0 whatever its input.
    """
    size = c.shape[1]
    zero = c.dtype.type(0)
    for n in range(start, stop):
        into = gates[n]
        source = into if x is None else x[n]
        for j in range(4 * size):
            value = source[j]
            if recurrent is not None:
                value += recurrent[n, j]
            if static is not None:
                value += static[n, j]
            into[j] = value
        keep = cont[n]
        for j in range(3 * size):
            into[j] = _sigmoid(into[j])
        for d in range(size):
            into[size + d] = zero if keep == zero else keep * into[size + d]
            into[3 * size + d] = tanh(into[3 * size + d])
        for d in range(size):
            value = into[size + d] * c_prev[n, d] + into[d] * into[3 * size + d]
            c[n, d] = value
            h[n, d] = into[2 * size + d] * tanh(value)


@kernel
def lstm_backward(start, stop, cont_next, dh_next, dh, dc, gates, c_prev, c, dgates, dc_prev):
    """Gradients of what the gates were made of, and of c_prev, from those of h and c.

    ``dh_next`` is the gradient of cont_next * h from the step after, to be added to ``dh``.
    """
    size = c.shape[1]
    one = c.dtype.type(1)
    for n in range(start, stop):
        row = gates[n]
        for d in range(size):
            i, f, o, g = row[d], row[size + d], row[2 * size + d], row[3 * size + d]
            of_h = dh[n, d]
            if dh_next is not None:
                of_h += cont_next[n] * dh_next[n, d]
            t = tanh(c[n, d])
            of_c = dc[n, d] + of_h * o * (one - t * t)
            if dgates is not None:
                dgates[n, d] = of_c * g * i * (one - i)
                dgates[n, size + d] = of_c * c_prev[n, d] * f * (one - f)
                dgates[n, 2 * size + d] = of_h * t * o * (one - o)
                dgates[n, 3 * size + d] = of_c * i * (one - g * g)
            if dc_prev is not None:
                dc_prev[n, d] = of_c * f


@kernel
def rnn_forward(start, stop, x, recurrent, static, h):
    """h = tanh(x + recurrent + static)."""
    size = h.shape[1]
    for n in range(start, stop):
        into = h[n]
        for d in range(size):
            value = x[n, d] + recurrent[n, d]
            if static is not None:
                value += static[n, d]
            into[d] = tanh(value)


@kernel
def rnn_backward(start, stop, cont_next, dh_next, dh, h, dx):
    """dx = (dh + cont_next * dh_next) * (1 - h^2); ``dh_next`` as in ``lstm_backward``."""
    size = h.shape[1]
    one = h.dtype.type(1)
    for n in range(start, stop):
        for d in range(size):
            of_h = dh[n, d]
            if dh_next is not None:
                of_h += cont_next[n] * dh_next[n, d]
            dx[n, d] = of_h * (one - h[n, d] * h[n, d])
