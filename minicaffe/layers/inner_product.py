"""InnerProduct: a dense layer, every output a weighted sum of all inputs."""

from ..errors import LayerError
from ..kernels import inner_product as kernels
from ..kernels._threads import run
from ..kernels.affine import affine_sums
from .base import Arrays, Diffs, Inferred, Layer, Param, Scratch, Shape, axis_index, count, register
from .shapes import checked_shape


@register("InnerProduct", options="inner_product_param")
class InnerProduct(Layer):
    """y[n, m] = bias[m] + sum over k of weights[m, k] * x[n, k], x flattened from ``axis`` on.

    x (*batch, *inputs) gives y (*batch, num_output). Parameters: weights (num_output, inputs), or with
    ``transpose`` (inputs, num_output), and unless ``bias_term: false`` bias (num_output). Source: Caffe's
    InnerProduct. Raises LayerError for a num_output of 0 and an axis out of range.
    """

    backward_reads = ("bottoms",)

    def setup(self) -> None:
        if self.options.num_output < 1:
            raise LayerError(f"num_output is {self.options.num_output}; expected at least 1")

    def infer(self, x: Shape) -> Inferred:
        o = self.options
        axis = axis_index(o.axis, len(checked_shape(x)))
        outputs, inputs = o.num_output, count(x, axis)
        self.sizes = count(x, 0, axis), outputs, inputs
        params = [Param("weights", (inputs, outputs) if o.transpose else (outputs, inputs), o.weight_filler)]
        if o.bias_term:
            params.append(Param("bias", (outputs,), o.bias_filler))
        scratch = {name: Scratch(shape, dtype) for name, (shape, dtype) in kernels.work_shapes().items()}
        return Inferred([(*x[:axis], outputs)], params, scratch)

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        rows, outputs, inputs = self.sizes
        x, y, weights = bottoms[0].reshape(-1), tops[0].reshape(-1), self.params[0].reshape(-1)
        bias = self.params[1] if self.options.bias_term else weights[:0]
        product = kernels.multiply if self.options.transpose else kernels.multiply_transposed
        product(rows, outputs, inputs, x, weights, bias, self.scratch, y)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        rows, outputs, inputs = self.sizes
        x, dy, weights = bottoms[0].reshape(-1), top_diffs[0].reshape(-1), self.params[0].reshape(-1)
        transpose, work, diffs = self.options.transpose, self.scratch, self.param_diffs
        if diffs[0] is not None:
            dw = diffs[0].reshape(-1)
            if transpose:
                kernels.add_transposed_product(inputs, outputs, rows, x, dy, work, dw)
            else:
                kernels.add_transposed_product(outputs, inputs, rows, dy, x, work, dw)
        if self.options.bias_term and diffs[1] is not None:
            run(affine_sums, outputs, None, dy.reshape(rows, outputs, 1), None, diffs[1])
        if bottom_diffs[0] is not None:
            product = kernels.multiply_transposed if transpose else kernels.multiply
            product(rows, inputs, outputs, dy, weights, weights[:0], work, bottom_diffs[0].reshape(-1))
