"""What a tensor of Keras is in the net: which top, and how its numbers are ordered there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..builder import Builder
from ..windows import NO_PADS, Pads, shift

_LAST = {0: 0, 1: 2, 2: 3, 3: 1}  # axes of N x H x W x C in N x C x H x W


@dataclass(frozen=True)
class Tensor:
    """A tensor of Keras as ``top``.

    ``last``: where it has four axes, Keras has channels last, the top channels first. ``image``: where it is a flat
    vector, the (C, H, W) whose numbers Keras has in the order H, W, C, the top in C, H, W. ``pads``: zeros around the
    image that are not in the top yet, because a convolution can add them itself.
    """

    top: str
    last: bool
    image: tuple[int, int, int] | None = None
    pads: Pads = NO_PADS

    def axis(self, b: Builder, axis: int) -> int:
        """The axis of the top that stands for Keras's ``axis``."""
        axes = len(b.shapes[self.top])
        return _LAST[axis % axes] if self.last and axes == 4 else axis % axes

    def vector(self, array: np.ndarray) -> np.ndarray:
        """Numbers along Keras's vector, in the top's order; axis 0 where the array has more."""
        if self.image is None:
            return array
        c, h, w = self.image
        return np.moveaxis(array.reshape(h, w, c, -1), 2, 0).reshape(array.shape)


def settled(b: Builder, tensor: Tensor) -> Tensor:
    """With its zeros in the top."""
    if tensor.pads == NO_PADS:
        return tensor
    return replace(tensor, top=shift(b, f"{tensor.top}_pad", tensor.top, tensor.pads), pads=NO_PADS)


def plain(b: Builder, tensor: Tensor) -> Tensor:
    """Settled, and a flat vector in Keras's order."""
    tensor = settled(b, tensor)
    if tensor.image is None:
        return tensor
    image = b.add("Reshape", f"{tensor.top}_image", [tensor.top], shape={"dim": [0, *tensor.image]})
    turned = b.add("Permute", f"{tensor.top}_turned", [image], order=[0, 2, 3, 1])
    return replace(tensor, top=b.add("Flatten", f"{tensor.top}_flat", [turned]), image=None)


def in_order_of_keras(b: Builder, tensor: Tensor) -> str:
    """The top with the axes that Keras has."""
    tensor = plain(b, tensor)
    shape = b.shapes[tensor.top]
    if len(shape) != 4 or not tensor.last:
        return tensor.top
    if shape[1] == 1 or shape[2] == shape[3] == 1:
        return b.add("Reshape", f"{tensor.top}_last", [tensor.top], shape={"dim": [0, shape[2], shape[3], shape[1]]})
    return b.add("Permute", f"{tensor.top}_last", [tensor.top], order=[0, 2, 3, 1])


def from_order_of_keras(b: Builder, name: str, top: str, last: bool) -> Tensor:
    """A top with the axes that Keras has, as a tensor; its last layer is called ``name`` if one is needed."""
    shape = b.shapes[top]
    if len(shape) != 4 or not last:
        return Tensor(top, last)
    if shape[3] == 1 or shape[1] == shape[2] == 1:
        return Tensor(b.add("Reshape", name, [top], shape={"dim": [0, shape[3], shape[1], shape[2]]}), last)
    return Tensor(b.add("Permute", name, [top], order=[0, 3, 1, 2]), last)
