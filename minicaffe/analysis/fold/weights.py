"""New weights and biases for layers into which others are folded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .affine import KeptError
from .draft import Op

CONVOLUTIONS = ("Convolution", "ConvolutionDepthwise", "Deconvolution", "DepthwiseConvolution")


@dataclass(frozen=True)
class Edit:
    """What ``op`` shall have in the place of its weights and its bias, in float64; None for no bias."""

    op: Op
    weights: np.ndarray
    bias: np.ndarray | None

    def apply(self) -> None:
        """Change the layer; one without a bias gets one where there is a bias now."""
        arrays = [self.weights] if self.bias is None else [self.weights, self.bias]
        if len(arrays) > len(self.op.arrays):
            options = getattr(self.op.param, str(self.op.layer.options_field))
            options.ClearField("bias_term")  # true unless it says otherwise
        self.op.arrays = arrays


def refuse_unfit(op: Op) -> None:
    """KeptError for weights that others use too."""
    if len(op.tops) > 1:
        raise KeptError(f'"{op.name}" ({op.type}) has several tops, which share its weights')
    if op.shared:
        raise KeptError(f'"{op.name}" ({op.type}) shares its weights with "{op.shared}"')
