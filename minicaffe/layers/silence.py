"""Silence: takes blobs that nothing else reads, so that they are no outputs of the net."""

from .base import Inferred, Layer, register


@register("Silence", bottoms=(1, None), tops=0)
class Silence(Layer):
    """No tops; the gradient of each bottom is zero. Source: Caffe's Silence."""

    def infer(self, *bottoms):
        return Inferred([])

    def forward(self, bottoms, tops):
        """Nothing to compute."""

    def backward(self, bottoms, tops, top_diffs, bottom_diffs):
        for dx in bottom_diffs:
            if dx is not None:
                dx.fill(0)
