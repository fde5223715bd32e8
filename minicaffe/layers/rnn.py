"""RNN: the plain recurrent layer."""

import numpy as np

from ..kernels import inner_product as kernels
from ..kernels._jit import ELEMENTS, distinct
from ..kernels._threads import run
from ..kernels.activations import tanh_backward, tanh_forward
from ..kernels.affine import affine_sums
from ..kernels.recurrent import rnn_backward, rnn_forward
from .base import Inferred, Param, Scratch, Shape, register
from .recurrent import Recurrent


@register("RNN", options="recurrent_param", bottoms=(2, 4), tops=(1, 2))
class RNN(Recurrent):
    """y_t = tanh(W_ho h_t + b_o), h_t = tanh(W_xh x_t + b_h + W_hh (cont_t h_{t-1}) (+ W_xh_static x_static)).

    Bottoms: x (T, N, ...); cont (T, N), 0 where a sequence begins, else 1; perhaps x_static (N, ...); with
    ``expose_hidden`` h before the first step, (1, N, D). Tops: y (T, N, D); with ``expose_hidden`` h after the last
    step. More of the state: ``layers/recurrent.py``. Parameters: W_xh (D, inputs), b_h (D), W_xh_static (D, static
    inputs) if there is x_static, W_hh (D, D), W_ho (D, D), b_o (D), D = num_output. Source: Caffe's RNN. Raises
    LayerError for a num_output of 0, and for numbers and shapes of bottoms and tops that do not fit.
    """

    backward_reads = ("bottoms", "tops")

    def infer(self, x: Shape, cont: Shape, *others: Shape) -> Inferred:
        inferred = super().infer(x, cont, *others)
        outputs, options = self.options.num_output, self.options
        weights = Param("weights_o", (outputs, outputs), options.weight_filler)
        bias = Param("bias_o", (outputs,), options.bias_filler)
        more = {name: Scratch(inferred.tops[0]) for name in ("dsum", "dh")}
        return Inferred(inferred.tops, (*inferred.params, weights, bias), {**inferred.scratch, **more})

    def step(self, t: int, cont: np.ndarray, static: np.ndarray | None) -> None:
        s = self.scratch
        run(rnn_forward, len(cont), s.gates[t], s.recurrent, static, s.h[t + 1])

    def step_back(self, t: int, after: tuple[np.ndarray | None, np.ndarray | None], dh: np.ndarray) -> None:
        s = self.scratch
        run(rnn_backward, len(dh), *after, dh, s.h[t + 1], s.dgates[t])

    def output(self, y: np.ndarray) -> None:
        steps, rows, outputs, *_ = self.sizes
        h, weights, y = self.scratch.h[1:].reshape(-1), self.params[-2].reshape(-1), y.reshape(-1)
        kernels.multiply_transposed(steps * rows, outputs, outputs, h, weights, self.params[-1], self.scratch, y)
        run(tanh_forward, y.size, None, y, grain=ELEMENTS)

    def output_back(self, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
        s, (steps, rows, outputs, *_) = self.scratch, self.sizes
        dsum, weights, dh = s.dsum.reshape(-1), self.params[-2].reshape(-1), s.dh.reshape(-1)
        dy = dy.reshape(-1)
        run(tanh_backward, dsum.size, distinct(dy, dsum), y.reshape(-1), dsum, grain=ELEMENTS)
        dweights, dbias = self.param_diffs[-2:]
        if dweights is not None:
            h = s.h[1:].reshape(-1)
            kernels.add_transposed_product(outputs, outputs, steps * rows, dsum, h, s, dweights.reshape(-1))
        if dbias is not None:
            run(affine_sums, outputs, None, s.dsum.reshape(-1, outputs, 1), None, dbias)
        kernels.multiply(steps * rows, outputs, outputs, dsum, weights, weights[:0], s, dh)
        return s.dh
