"""Convolution: the same learned weights over every window of the input."""

from ..errors import LayerError, plural
from ..kernels._threads import run
from ..kernels.affine import affine_sums
from ..kernels.choice import convolution_family
from ..kernels.unfold import windows
from .base import Arrays, Diffs, Inferred, Layer, Param, Scratch, Shape, axis_index, count, register
from .patches import MoreAxes
from .shapes import checked_shape, same_shapes
from .spatial import Window, WindowOptions


@register("Convolution", options="convolution_param", bottoms=(1, None), tops=(1, None))
class Convolution(Layer):
    """y[n, m, p] = bias[m] + sum over c, k of weights[m, c, k] * x[n, c, p * stride + k * dilation - pad].

    Over any spatial axes after ``axis`` (the channels), none included; what lies before it is the batch. Output size
    floor((n + 2 pad - dilation (kernel - 1) - 1) / stride) + 1. With ``group`` g, output channels see only their
    share of the input channels. Several bottoms of one shape share the weights, each with a top of its own.
    Parameters: weights (num_output, channels / group, *kernel) and, unless ``bias_term: false``, bias
    (num_output). ``engine`` and ``force_nd_im2col`` change nothing. Source: Caffe's Convolution.

    Raises LayerError for options that contradict each other and windows that do not fit.
    """

    backward_reads = ("bottoms",)
    transposed = False

    def setup(self) -> None:
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
        self.window_options = WindowOptions(o)

    def infer(self, x: Shape, *others: Shape) -> Inferred:
        o = self.options
        same_shapes([x, *others])
        axis = axis_index(o.axis, len(checked_shape(x)))
        channels, inputs = x[axis], x[axis + 1 :]
        if channels % o.group:
            raise LayerError(f"the bottom has {plural(channels, 'channel')}, which group {o.group} does not divide")
        window = self.window_options.over(len(inputs))
        outputs = self._outputs(inputs, window)
        image, map_ = (channels, inputs), (o.num_output, outputs)
        if self.transposed:
            image, map_ = map_, image
        self._choose(count(x, 0, axis), image, map_, window)
        self.view = (count(x, 0, axis), o.num_output, count(outputs))
        params = [Param("weights", (map_[0], image[0] // o.group, *window.kernel), o.weight_filler)]
        if o.bias_term:
            params.append(Param("bias", (o.num_output,), o.bias_filler))
        scratch = {name: Scratch(shape) for name, shape in self.family.work_shapes(self.plan).items()}
        return Inferred([(*x[:axis], o.num_output, *outputs)] * (1 + len(others)), params, scratch)

    def _outputs(self, inputs: Shape, window: Window) -> Shape:
        return window.positions(inputs)

    def _choose(self, images: int, image: tuple[int, Shape], map_: tuple[int, Shape], window: Window) -> None:
        """The kernels for the convolution from ``image`` to ``map_``, both (channels, sizes)."""
        (channels, inputs), (outputs, positions) = image, map_
        lead, group = max(0, len(inputs) - 3), self.options.group
        missing = max(0, 3 - len(inputs))
        ones, zeros = (1,) * missing, (0,) * missing
        w = self.windows = windows(
            images * count(positions, 0, lead), channels // group * count(window.kernel, 0, lead),
            ones + inputs[lead:], ones + positions[lead:], ones + window.kernel[lead:], ones + window.stride[lead:],
            zeros + window.pad[lead:], ones + window.dilation[lead:],
        )  # fmt: skip
        self.family = convolution_family(w, group, outputs // group, self.dtype, self.kernels)
        if lead:
            self.family = MoreAxes(self.family, images, (channels, outputs), inputs, positions, window)
        self.plan = self.family.plan(w, group, outputs // group)

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        weights = self.params[0].reshape(-1)
        bias = self.params[1] if self.options.bias_term else weights[:0]
        for x, y in zip(bottoms, tops):
            self.family.forward(self.plan, x.reshape(-1), weights, bias, self.scratch, y.reshape(-1))

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        weights, diffs = self.params[0].reshape(-1), self.param_diffs
        for x, dy, dx in zip(bottoms, top_diffs, bottom_diffs):
            dy = dy.reshape(-1)
            dw = None if diffs[0] is None else diffs[0].reshape(-1)
            into = None if dx is None else dx.reshape(-1)
            if into is not None or dw is not None:
                self.family.backward(self.plan, x.reshape(-1), weights, dy, self.scratch, into, dw)
            if self.options.bias_term and diffs[1] is not None:
                run(affine_sums, self.view[1], None, dy.reshape(self.view), None, diffs[1])
