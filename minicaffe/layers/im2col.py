"""Im2col: the windows of a convolution, laid out as channels."""

from ..errors import LayerError
from .base import Arrays, Diffs, Inferred, Layer, Shape, axis_index, count, register
from .patches import Patches
from .shapes import checked_shape
from .spatial import WindowOptions


@register("Im2col", options="convolution_param")
class Im2col(Layer):
    """y[n, (c, k), p] = x[n, c, p * stride + k * dilation - pad], 0 outside x, for every element k of the window.

    x (N, C, *sizes) with the channels on ``axis``, y (N, C * kernel elements, *positions); any number of spatial
    axes. Window and positions are those of Convolution; ``num_output``, ``group`` and the fillers change nothing.
    dx = the sum of dy over the places that an element went to. Source: Caffe's Im2col. Raises LayerError as
    Convolution does.
    """

    def setup(self) -> None:
        self.window_options = WindowOptions(self.options)

    def infer(self, x: Shape) -> Inferred:
        axis = axis_index(self.options.axis, len(checked_shape(x)))
        inputs = x[axis + 1 :]
        if not inputs:
            raise LayerError(f"axis {axis} is the bottom's last; expected a spatial axis after the channels")
        window = self.window_options.over(len(inputs))
        outputs = window.positions(inputs)
        self.patches = Patches(inputs, outputs, window)
        images = count(x, 0, axis)
        self.image, self.columns = (images, x[axis], *inputs), (images, x[axis], *window.kernel, *outputs)
        return Inferred([(*x[:axis], x[axis] * count(window.kernel), *outputs)])

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        self.patches.unfold(bottoms[0].reshape(self.image), tops[0].reshape(self.columns))

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is not None:
            self.patches.fold(top_diffs[0].reshape(self.columns), bottom_diffs[0].reshape(self.image))
