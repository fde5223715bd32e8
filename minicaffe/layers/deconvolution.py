"""Deconvolution: the transpose of a convolution, which spreads every number over a window of the output."""

from ..errors import LayerError, shape_text
from ..kernels._threads import run
from ..kernels.affine import affine_forward, affine_sums
from .base import Arrays, Diffs, Shape, register
from .convolution import Convolution
from .spatial import Window


@register("Deconvolution", options="convolution_param", bottoms=(1, None), tops=(1, None))
class Deconvolution(Convolution):
    """y[n, m, p * stride + k * dilation - pad] = bias[m] + sum over c, k of weights[c, m, k] * x[n, c, p].

    What Convolution with the same options does to dy: forward is its data gradient, backward its forward. Output size
    stride (n - 1) + dilation (kernel - 1) + 1 - 2 pad. With ``group`` g, input channels see only their share of the
    output channels. Parameters: weights (channels, num_output / group, *kernel) and, unless ``bias_term: false``,
    bias (num_output). Several bottoms, axes and errors as in Convolution. Source: Caffe's Deconvolution.
    """

    transposed = True

    def _outputs(self, inputs: Shape, window: Window) -> Shape:
        outputs = window.covered(inputs)
        if any(size < 1 for size in outputs):
            raise LayerError(
                f"the output would be {shape_text(outputs)}: pad {shape_text(window.pad)} is too large for "
                f"{shape_text(inputs)} windows of {shape_text(window.reach())}"
            )
        return outputs

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        weights = self.params[0].reshape(-1)
        for x, y in zip(bottoms, tops):
            into = y.reshape(-1)
            self.family.backward(self.plan, into, weights, x.reshape(-1), self.scratch, into, None)
            if self.options.bias_term:
                run(affine_forward, self.view[0] * self.view[1], None, None, self.params[1], y.reshape(self.view))

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        weights, diffs = self.params[0].reshape(-1), self.param_diffs
        for x, dy, dx in zip(bottoms, top_diffs, bottom_diffs):
            slopes = dy.reshape(-1)
            if dx is not None:
                self.family.forward(self.plan, slopes, weights, weights[:0], self.scratch, dx.reshape(-1))
            if diffs[0] is not None:
                dw = diffs[0].reshape(-1)
                self.family.backward(self.plan, slopes, weights, x.reshape(-1), self.scratch, None, dw)
            if self.options.bias_term and diffs[1] is not None:
                run(affine_sums, self.view[1], None, dy.reshape(self.view), None, diffs[1])
