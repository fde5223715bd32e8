"""Convolution: the same learned weights over every window of the input."""

from ..errors import LayerError, plural, shape_text
from ..kernels._jit import run
from ..kernels.affine import affine_sums
from ..kernels.choice import convolution_family
from ..kernels.unfold import windows
from .base import Inferred, Layer, Param, Scratch, axis_index, count, register
from .shapes import checked_shape, same_shapes
from .spatial import check_window, per_axis, window_values

LARGEST_WINDOW = 2**18


@register("Convolution", options="convolution_param", bottoms=(1, None), tops=(1, None))
class Convolution(Layer):
    """y[n, m, p] = bias[m] + sum over c, k of weights[m, c, k] * x[n, c, p * stride + k * dilation - pad].

    Over zero to three spatial axes after ``axis`` (the channels); what lies before it is the batch. Output size
    floor((n + 2 pad - dilation (kernel - 1) - 1) / stride) + 1. With ``group`` g, output channels see only their
    share of the input channels. Several bottoms of one shape share the weights, each with a top of its own.
    Parameters: weights (num_output, channels / group, *kernel) and, unless ``bias_term: false``, bias
    (num_output). ``engine`` and ``force_nd_im2col`` change nothing. Source: Caffe's Convolution, which also takes
    more than three axes.

    Raises LayerError for options that contradict each other and windows that do not fit.
    """

    backward_reads = ("bottoms",)

    def setup(self):
        found = len(self.param.bottom), len(self.param.top)
        if found[0] != found[1]:
            raise LayerError(
                f"found {plural(found[0], 'bottom')} and {plural(found[1], 'top')}; expected as many tops as bottoms"
            )
        o = self.options
        for field in ("num_output", "group"):
            if getattr(o, field) < 1:
                raise LayerError(f"{field} is {getattr(o, field)}; expected at least 1")
        if o.num_output % o.group:
            raise LayerError(f"num_output {o.num_output} is not divisible by group {o.group}")
        self.kernel = window_values(o, "kernel_size", 1, "kernel")
        self.stride = window_values(o, "stride", 1, "stride")
        self.pad = window_values(o, "pad", 0, "pad")
        self.dilation = window_values(o, "dilation", 1)

    def infer(self, x, *others):
        o = self.options
        same_shapes([x, *others])
        axis = axis_index(o.axis, len(checked_shape(x)))
        channels, inputs = x[axis], x[axis + 1 :]
        if channels % o.group:
            raise LayerError(f"the bottom has {plural(channels, 'channel')}, which group {o.group} does not divide")
        kernel, stride, pad, dilation = self._geometry(inputs)
        outputs = tuple(
            (n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in zip(inputs, kernel, stride, pad, dilation)
        )
        missing = 3 - len(inputs)
        ones, zeros = (1,) * missing, (0,) * missing
        w = self.windows = windows(
            count(x, 0, axis), channels // o.group, ones + inputs, ones + outputs, ones + kernel, ones + stride,
            zeros + pad, ones + dilation,
        )  # fmt: skip
        per_group = o.num_output // o.group
        self.family = convolution_family(w, o.group, per_group, self.dtype, self.kernels)
        self.plan = self.family.plan(w, o.group, per_group)
        self.view = (w.images, o.num_output, count(outputs))
        params = [Param("weights", (o.num_output, channels // o.group, *kernel), o.weight_filler)]
        if o.bias_term:
            params.append(Param("bias", (o.num_output,), o.bias_filler))
        scratch = {name: Scratch(shape) for name, shape in self.family.work_shapes(self.plan).items()}
        return Inferred([(*x[:axis], o.num_output, *outputs)] * (1 + len(others)), params, scratch)

    def _geometry(self, inputs):
        axes = len(inputs)
        if axes > 3:
            raise LayerError(f"the bottom has {axes} spatial axes; expected at most 3")
        if axes and not self.kernel:
            raise LayerError("kernel_size is missing; expected kernel_size, or kernel_h and kernel_w")
        if axes != 2:
            for stem in ("kernel", "stride", "pad"):
                if self.options.HasField(f"{stem}_h") or self.options.HasField(f"{stem}_w"):
                    raise LayerError(f"{stem}_h and {stem}_w need 2 spatial axes; found {axes}")
        kernel = per_axis(self.kernel, "kernel_size", axes, 1)
        stride, pad = per_axis(self.stride, "stride", axes, 1), per_axis(self.pad, "pad", axes, 0)
        dilation = per_axis(self.dilation, "dilation", axes, 1)
        check_window(kernel, pad, inputs, dilation)
        if count(kernel) > LARGEST_WINDOW:
            raise LayerError(f"kernel {shape_text(kernel)} is too large; expected at most {LARGEST_WINDOW} elements")
        return kernel, stride, pad, dilation

    def forward(self, bottoms, tops):
        weights = self.params[0].reshape(-1)
        bias = self.params[1] if self.options.bias_term else weights[:0]
        for x, y in zip(bottoms, tops):
            self.family.forward(self.plan, x.reshape(-1), weights, bias, self.scratch, y.reshape(-1))

    def backward(self, bottoms, tops, top_diffs, bottom_diffs):
        weights, diffs = self.params[0].reshape(-1), self.param_diffs
        for x, dy, dx in zip(bottoms, top_diffs, bottom_diffs):
            dy = dy.reshape(-1)
            dw = None if diffs[0] is None else diffs[0].reshape(-1)
            into = None if dx is None else dx.reshape(-1)
            if into is not None or dw is not None:
                self.family.backward(self.plan, x.reshape(-1), weights, dy, self.scratch, into, dw)
            if self.options.bias_term and diffs[1] is not None:
                run(affine_sums, self.view[1], None, dy.reshape(self.view), None, diffs[1])
