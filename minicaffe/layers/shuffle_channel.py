"""ShuffleChannel: channels of different groups, one beside another."""

import numpy as np

from ..errors import LayerError, plural, shape_text
from .base import Arrays, Diffs, Inferred, Layer, Shape, count, register


@register("ShuffleChannel", options="shuffle_channel_param")
class ShuffleChannel(Layer):
    """y[n, c * group + g] = x[n, g * C / group + c]: the channels are taken group by turns. x (N, C, ...).

    dx is dy in the order from before. Zhang et al., arXiv 1707.01083. Source: ShuffleChannel of farmingyard/ShuffleNet.
    LayerError where ``group`` does not divide the channels.
    """

    def setup(self) -> None:
        if self.options.group < 1:
            raise LayerError(f"group is {self.options.group}; expected at least 1")

    def infer(self, x: Shape) -> Inferred:
        if len(x) < 2:
            raise LayerError(f"bottom has shape {shape_text(x)}; expected at least 2 axes, the channels on axis 1")
        group = self.options.group
        if x[1] % group:
            raise LayerError(f"the bottom has {plural(x[1], 'channel')}, which group {group} does not divide")
        self.before, self.after = (x[0], group, x[1] // group, count(x, 2)), (x[0], x[1] // group, group, count(x, 2))
        return Inferred([x])

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        np.copyto(tops[0].reshape(self.after), bottoms[0].reshape(self.before).swapaxes(1, 2))

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is not None:
            np.copyto(bottom_diffs[0].reshape(self.before), top_diffs[0].reshape(self.after).swapaxes(1, 2))
