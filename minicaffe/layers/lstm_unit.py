"""LSTMUnit: one time step of an LSTM, after the products."""

from ..errors import LayerError, shape_text
from ..kernels._threads import run
from ..kernels.recurrent import lstm_backward, lstm_forward
from .base import Arrays, Diffs, Inferred, Layer, Scratch, Shape, register
from .shapes import checked_shape


@register("LSTMUnit", bottoms=3, tops=2)
class LSTMUnit(Layer):
    """c = f c_prev + i g, h = o tanh(c); i, o = sigmoid, f = cont * sigmoid, g = tanh of their quarters of x.

    Bottoms: c_prev (1, N, D); x (1, N, 4 D) with the quarters i, f, o, g; cont (1, N), 0 where a sequence begins, else
    1. Tops: c, h (1, N, D). With t = tanh(c) and e = dc + dh o (1 - t^2): dc_prev = e f; dx = e g i (1 - i),
    e c_prev f (1 - f), dh t o (1 - o), e i (1 - g^2). As in Caffe the second is exact where cont is 0 or 1 only.
    Source: Caffe's LSTMUnit. Raises LayerError for other shapes.
    """

    in_place = True
    backward_reads = ("bottoms", "tops")
    no_gradient = (2,)

    def infer(self, c_prev: Shape, x: Shape, cont: Shape) -> Inferred:
        if len(c_prev) != 3 or c_prev[0] != 1:
            raise LayerError(f"bottom 0 has shape {shape_text(c_prev)}; expected 1 x sequences x numbers")
        _, rows, size = checked_shape(c_prev)
        for i, shape, expected in ((1, x, (1, rows, 4 * size)), (2, cont, (1, rows))):
            if shape != expected:
                raise LayerError(
                    f"bottom {i} has shape {shape_text(shape)}, bottom 0 has {shape_text(c_prev)}; "
                    f"expected {shape_text(expected)}"
                )
        return Inferred([c_prev, c_prev], scratch={"gates": Scratch((rows, 4 * size))})

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        (c_prev, x, cont), (c, h) = (array[0] for array in bottoms), (array[0] for array in tops)
        run(lstm_forward, len(c), cont, c_prev, x, None, None, self.scratch.gates, c, h)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        (dc, dh), c_prev, c = (array[0] for array in top_diffs), bottoms[0][0], tops[0][0]
        dc_prev, dx = (None if array is None else array[0] for array in bottom_diffs[:2])
        run(lstm_backward, len(c), None, None, dh, dc, self.scratch.gates, c_prev, c, dx, dc_prev)
