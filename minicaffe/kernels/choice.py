"""Which kernels compute a layer: the one place that chooses, by a model of their cost.

A family of kernels for one kind of layer shares one interface; the layer calls whichever it was given. Costs count
multiply-adds of the plain kernels; the constants were fitted to measured times of layers with 1 to 512 channels,
7 to 56 pixels wide, of 1 to 128 images.
"""

from collections.abc import Callable
from typing import NamedTuple

from . import convolution as plain
from .fast import winograd as wino
from .unfold import Windows

KERNELS = ("auto", "direct")
"""What a user may wish for: the fastest, or always the plain ones, whose rounding errors are the smallest."""

GAIN = 0.8
"""Winograd's share of the plain cost above which it is not worth its larger rounding errors."""

_OUTPUT = 25  # one output of the plain kernels, beside its window
_PRODUCT = 0.6  # one multiply-add of Winograd's products
_TRANSFORM = 8  # one element of a tile, into or out of its transform
_WEIGHT = 20  # one transformed weight, made and brought back
_READ = 5  # the same, read by one block
_CALL = 5e6  # more calls
_MOST_WORK = 5 * 2**23  # elements of work arrays, where images are very wide or weights very many


class Family(NamedTuple):
    """Kernels of convolution. Arrays are flat; ``plan`` decides on integers how the work is cut.

    ``plan(w, groups, outputs)``, ``work_shapes(plan)``, ``forward(plan, x, weights, bias, work, y)``,
    ``backward(plan, x, weights, dy, work, dx, dw)`` with dx or dw None where not wanted; dw is added to.
    """

    name: str
    plan: Callable
    work_shapes: Callable
    forward: Callable
    backward: Callable


PLAIN = Family("plain", plain.convolution, plain.work_shapes, plain.forward, plain.backward)
WINOGRAD = Family("winograd", wino.winograd, wino.work_shapes, wino.forward, wino.backward)


def plain_cost(w: Windows, groups: int, outputs: int) -> float:
    """The cost of a forward pass: a multiply-add for every weight of every output, and what surrounds them."""
    positions = w.images * w.out_depth * w.out_height * w.out_width
    window = w.channels * w.kernel_d * w.kernel_h * w.kernel_w
    return float(positions * groups * outputs * (window + _OUTPUT))


def winograd_cost(c: wino.Winograd) -> float:
    """The like of ``plain_cost`` for a forward pass by Winograd."""
    tiles = c.images * c.down * c.across
    products = tiles * c.points * c.channels * c.lanes_out
    moved = tiles * (c.lanes_in + c.lanes_out) * (c.points + wino.OUTPUTS**2)
    weights = c.points * c.channels * c.lanes_out * (_WEIGHT + _READ * c.blocks * c.strips)
    return c.groups * (_PRODUCT * products + _TRANSFORM * moved + weights) + _CALL


def fits_winograd(w: Windows) -> bool:
    """Whether the Winograd kernels can compute it: 3 x 3 or 5 x 5, stride 1, no dilation, two axes."""
    deep = (w.depth, w.kernel_d, w.pad_d) != (1, 1, 0)
    steps = (w.stride_h, w.stride_w, w.dilation_h, w.dilation_w)
    return not deep and w.kernel_h == w.kernel_w and w.kernel_h in (3, 5) and steps == (1, 1, 1, 1)


def convolution_family(w: Windows, groups: int, outputs: int, dtype: str, kernels: str = "auto") -> Family:
    """The kernels for a convolution of ``outputs`` output channels in each group; ``kernels`` is one of KERNELS."""
    if kernels == "direct" or dtype != "float32" or not fits_winograd(w):
        return PLAIN
    c = wino.winograd(w, groups, outputs)
    work = sum(map(_elements, wino.work_shapes(c).values()))
    pays = winograd_cost(c) < GAIN * plain_cost(w, groups, outputs)
    return WINOGRAD if pays and work <= _MOST_WORK else PLAIN


def _elements(shape: tuple[int, ...]) -> int:
    product = 1
    for n in shape:
        product *= n
    return product
