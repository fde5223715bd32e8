"""ReLU6: a rectifier with an upper limit."""

from ..errors import LayerError
from ..kernels import fork_activations as kernels
from .activations import Pointwise
from .base import register


@register("ReLU6", options="relu6_param")
class ReLU6(Pointwise):
    """y = min(x, threshold) for x > 0, else negative_slope x.

    dx = dy where 0 < x < threshold, negative_slope dy for x <= 0, else 0. y tells where x lies, so that backward reads
    the top. Any shape. Source: ReLU6 of the MobileNet forks, some of which have no ``threshold``, which is 6 by
    default. LayerError unless threshold > 0 and negative_slope >= 0.
    """

    forward_kernel = staticmethod(kernels.relu6_forward)
    backward_kernel = staticmethod(kernels.relu6_backward)

    def setup(self) -> None:
        o = self.options
        if not o.threshold > 0:
            raise LayerError(f"threshold is {o.threshold:g}; expected a positive number")
        if not o.negative_slope >= 0:
            raise LayerError(f"negative_slope is {o.negative_slope:g}; expected 0 or more")

    def scalars(self) -> tuple[float, ...]:
        return self.options.negative_slope, self.options.threshold
