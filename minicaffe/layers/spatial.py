"""Options of windows over spatial axes: how they are written, and whether the window fits. Integers only."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import LayerError, plural, shape_text


def window_values(options, field: str, least: int, two_fields: str | None = None) -> tuple[int, ...]:
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
