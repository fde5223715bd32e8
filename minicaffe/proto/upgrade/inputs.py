"""``input`` with ``input_dim`` or ``input_shape``: the inputs of a net before there was an Input layer."""

from __future__ import annotations

from collections.abc import Callable

from ...errors import ProtoError, plural
from .. import caffe_pb2
from ..schema import Message

_FIELDS = ("input", "input_shape", "input_dim")


def inputs_to_layer(param: Message, at: Callable[[str], str]) -> tuple[str, ...]:
    """Put an Input layer first in place of the net's own inputs; returns the note.

    Inputs without any shape are dropped where the layers carry blobs: old caffemodels name theirs so. Otherwise a
    ProtoError, as for numbers of shapes that do not agree with that of the inputs.
    """
    count = len(param.input)
    if not any(getattr(param, name) for name in _FIELDS):
        return ()
    if not param.input_shape and not param.input_dim and any(layer.blobs for layer in param.layer):
        param.ClearField("input")
        return (f"dropped the names of {plural(count, 'input')}, which have no shapes",)
    shapes = _shapes(param, at(next(name for name in _FIELDS if getattr(param, name))))
    layer = caffe_pb2.LayerParameter(name="input", type="Input", top=param.input)
    for shape in shapes:
        layer.input_param.shape.add(dim=shape)
    rest = list(param.layer)
    for name in (*_FIELDS, "layer"):
        param.ClearField(name)
    param.layer.extend([layer, *rest])
    return (f"made {plural(count, 'input')} of the net an Input layer",)


def _shapes(param: Message, place: str) -> list[tuple[int, ...]]:
    """One shape for each input."""
    count, dims = len(param.input), param.input_dim
    shapes = [tuple(shape.dim) for shape in param.input_shape]
    if dims:
        if shapes:
            raise ProtoError(f"{place}: both input_shape and input_dim are given, expected one of them")
        if len(dims) != 4 * count:
            raise ProtoError(
                f"{place}: found {plural(len(dims), 'input_dim')} for {plural(count, 'input')}, expected 4 for each"
            )
        shapes = [tuple(dims[4 * i : 4 * i + 4]) for i in range(count)]
    if len(shapes) != count:
        raise ProtoError(
            f"{place}: found {plural(len(shapes), 'input_shape')} for {plural(count, 'input')}, expected one for each"
        )
    return shapes
