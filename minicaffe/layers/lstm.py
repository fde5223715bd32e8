"""LSTM: long short-term memory over time."""

import numpy as np

from ..kernels._threads import run
from ..kernels.recurrent import lstm_backward, lstm_forward
from .base import Inferred, Scratch, Shape, register
from .recurrent import Recurrent


@register("LSTM", options="recurrent_param", bottoms=(2, 5), tops=(1, 3))
class LSTM(Recurrent):
    """y_t = h_t, (c_t, h_t) = LSTMUnit(c_{t-1}, gates_t, cont_t),
    gates_t = W_xc x_t + b_c + W_hc (cont_t h_{t-1}) (+ W_xc_static x_static).

    Bottoms: x (T, N, ...); cont (T, N), 0 where a sequence begins, else 1; perhaps x_static (N, ...); with
    ``expose_hidden`` h and c before the first step, (1, N, D) each. Tops: y (T, N, D); with ``expose_hidden`` h and c
    after the last step. More of the state: ``layers/recurrent.py``. Parameters: W_xc (4 D, inputs), b_c (4 D),
    W_xc_static (4 D, static inputs) if there is x_static, W_hc (4 D, D), D = num_output; gates in the order i, f, o, g.
    Source: Hochreiter and Schmidhuber, Neural Computation 9(8), 1997; Caffe's LSTM. Raises LayerError for a num_output
    of 0, and for numbers and shapes of bottoms and tops that do not fit.
    """

    hidden = ("h", "c")
    gates = 4

    def infer(self, x: Shape, cont: Shape, *others: Shape) -> Inferred:
        inferred = super().infer(x, cont, *others)
        more = {"dc": Scratch(inferred.scratch["dcontinued"].shape)}
        return Inferred(inferred.tops, inferred.params, {**inferred.scratch, **more})

    def step(self, t: int, cont: np.ndarray, static: np.ndarray | None) -> None:
        s = self.scratch
        run(lstm_forward, len(cont), cont, s.c[t], None, s.recurrent, static, s.gates[t], s.c[t + 1], s.h[t + 1])

    def output(self, y: np.ndarray) -> None:
        np.copyto(y, self.scratch.h[1:])

    def output_back(self, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
        self.scratch.dc.fill(0)
        return dy

    def step_back(self, t: int, after: tuple[np.ndarray | None, np.ndarray | None], dh: np.ndarray) -> None:
        s = self.scratch
        run(lstm_backward, len(dh), *after, dh, s.dc, s.gates[t], s.c[t], s.c[t + 1], s.dgates[t], s.dc)
