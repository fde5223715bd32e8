"""Silence: takes blobs that nothing else reads, so that they are no outputs of the net."""

from .base import Arrays, Diffs, Inferred, Layer, Shape, register


@register("Silence", bottoms=(1, None), tops=0)
class Silence(Layer):
    """No tops; the gradient of each bottom is zero. Source: Caffe's Silence."""

    def infer(self, *bottoms: Shape) -> Inferred:
        return Inferred([])

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        """Nothing to compute."""

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        for dx in bottom_diffs:
            if dx is not None:
                dx.fill(0)
