"""SELU, also written SeLu and SeLU: an exponential rectifier that keeps mean 0 and variance 1."""

from ..errors import LayerError
from ..kernels import fork_activations as kernels
from .activations import Pointwise
from .base import register


@register("SELU", options="selu_param")
class SELU(Pointwise):
    """y = lambda x for x > 0, else lambda alpha (exp(x) - 1); dx = lambda dy for x > 0, else dy (y + lambda alpha).

    Any shape. Klambauer et al., arXiv 1706.02515. Source: the SeLu layer that forks take over. LayerError unless lambda
    and alpha are positive.
    """

    forward_kernel, backward_kernel = staticmethod(kernels.selu_forward), staticmethod(kernels.selu_backward)

    def setup(self) -> None:
        for field, value in zip(("lambda", "alpha"), self.scalars()):
            if not value > 0:
                raise LayerError(f"{field} is {value:g}; expected a positive number")

    def scalars(self) -> tuple[float, ...]:
        return getattr(self.options, "lambda"), self.options.alpha


@register("SeLu", options="selu_param")
class SeLu(SELU):
    """SELU under another name."""


@register("SeLU", options="selu_param")
class SeLU(SELU):
    """SELU under another name."""
