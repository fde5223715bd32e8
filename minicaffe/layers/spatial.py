"""Options of windows over spatial axes: how they are written, and whether the window fits. Integers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import LayerError, plural, shape_text
from ..proto import Message
from .base import Shape, count

LARGEST_WINDOW = 2**18


def window_values(options: Message, field: str, least: int, two_fields: str | None = None) -> tuple[int, ...]:
    """The values of ``field``, one per axis or one for all; empty if unset.

    ``two_fields`` is the stem of the two fields that may stand instead, such as "kernel" for kernel_h and
    kernel_w. Raises LayerError for values below ``least`` and for both ways at once.
    """
    given = getattr(options, field)
    if two_fields is None or not any(options.HasField(f"{two_fields}_{side}") for side in "hw"):
        single = isinstance(given, int)
        values = tuple(given) if not single else (given,) if options.HasField(field) else ()
        names = [field] * len(values)
    else:
        names = [f"{two_fields}_h", f"{two_fields}_w"]
        if options.HasField(field) if isinstance(given, int) else len(given):
            raise LayerError(f"found {field} beside {names[0]} or {names[1]}; expected one way or the other")
        values = tuple(getattr(options, name) for name in names)
    for name, value in zip(names, values):
        if value < least:
            raise LayerError(f"{name} is {value}; expected at least {least}")
    return values


def per_axis(values: tuple[int, ...], field: str, axes: int, default: int) -> tuple[int, ...]:
    """``values`` spread over ``axes`` axes; raises LayerError if there are neither one nor ``axes`` of them."""
    if len(values) <= 1:
        return (values or (default,)) * axes
    if len(values) != axes:
        raise LayerError(f"{field} has {plural(len(values), 'value')}; expected 1 or {axes}, one per spatial axis")
    return values


def check_window(kernel: Sequence[int], pad: Sequence[int], inputs: Sequence[int], dilation: Sequence[int]) -> None:
    """Raise LayerError where the window does not fit into the padded input."""
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    padded = [n + 2 * p for n, p in zip(inputs, pad)]
    if any(r > n for r, n in zip(reach, padded)):
        spread = f", dilated to {shape_text(reach)}," if list(reach) != list(kernel) else ""
        raise LayerError(f"kernel {shape_text(kernel)}{spread} is larger than the padded input {shape_text(padded)}")


@dataclass(frozen=True)
class Window:
    """A window over spatial axes, a number for each."""

    kernel: Shape
    stride: Shape
    pad: Shape
    dilation: Shape

    def positions(self, inputs: Shape) -> Shape:
        """How many windows fit along each axis: floor((n + 2 pad - dilation (kernel - 1) - 1) / stride) + 1."""
        check_window(self.kernel, self.pad, inputs, self.dilation)
        return tuple((n + 2 * p - r) // s + 1 for n, r, s, p in zip(inputs, self.reach(), self.stride, self.pad))

    def covered(self, positions: Shape) -> Shape:
        """How far so many windows reach, padding left out: stride (n - 1) + dilation (kernel - 1) + 1 - 2 pad."""
        return tuple(s * (n - 1) + r - 2 * p for n, r, s, p in zip(positions, self.reach(), self.stride, self.pad))

    def reach(self) -> Shape:
        """The inputs that one window reaches over."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation))


class WindowOptions:
    """What ``convolution_param`` says of its window. Raises LayerError for what is wrong whatever the shapes are."""

    def __init__(self, options: Message) -> None:
        self.options = options
        self.kernel = window_values(options, "kernel_size", 1, "kernel")
        self.stride = window_values(options, "stride", 1, "stride")
        self.pad = window_values(options, "pad", 0, "pad")
        self.dilation = window_values(options, "dilation", 1)

    def over(self, axes: int) -> Window:
        """The window over so many spatial axes; raises LayerError where the options speak of another number."""
        if axes and not self.kernel:
            raise LayerError("kernel_size is missing; expected kernel_size, or kernel_h and kernel_w")
        if axes != 2:
            for stem in ("kernel", "stride", "pad"):
                if self.options.HasField(f"{stem}_h") or self.options.HasField(f"{stem}_w"):
                    raise LayerError(f"{stem}_h and {stem}_w need 2 spatial axes; found {axes}")
        kernel = per_axis(self.kernel, "kernel_size", axes, 1)
        if count(kernel) > LARGEST_WINDOW:
            raise LayerError(f"kernel {shape_text(kernel)} is too large; expected at most {LARGEST_WINDOW} elements")
        stride, pad = per_axis(self.stride, "stride", axes, 1), per_axis(self.pad, "pad", axes, 0)
        return Window(kernel, stride, pad, per_axis(self.dilation, "dilation", axes, 1))
