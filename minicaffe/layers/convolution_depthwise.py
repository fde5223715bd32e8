"""ConvolutionDepthwise, DepthwiseConvolution: each channel convolved by itself."""

from ..errors import LayerError, plural
from .base import Inferred, Shape, axis_index, register
from .convolution import Convolution


@register("ConvolutionDepthwise", options="convolution_param", bottoms=(1, None), tops=(1, None))
class ConvolutionDepthwise(Convolution):
    """Convolution with as many groups as channels: y[n, c] depends on x[n, c] alone.

    All options are those of Convolution; ``group`` may be left out. Parameters: weights (num_output, 1, *kernel), bias
    (num_output). Source: the MobileNet and ShuffleNet forks. LayerError where num_output or a given ``group`` is
    not the number of channels.
    """

    def setup(self) -> None:
        o = type(self.options)()
        o.CopyFrom(self.options)
        if o.HasField("group") and o.group != o.num_output:
            raise LayerError(f"group is {o.group} and num_output {o.num_output}; expected one group for each channel")
        o.group = max(1, o.num_output)
        self.options = o
        super().setup()

    def infer(self, x: Shape, *others: Shape) -> Inferred:
        channels = x[axis_index(self.options.axis, len(x))]
        if channels != self.options.num_output:
            raise LayerError(
                f"num_output is {self.options.num_output}, but the bottom has {plural(channels, 'channel')}; "
                "expected the same number"
            )
        return super().infer(x, *others)


@register("DepthwiseConvolution", options="convolution_param", bottoms=(1, None), tops=(1, None))
class DepthwiseConvolution(ConvolutionDepthwise):
    """ConvolutionDepthwise under another name."""
