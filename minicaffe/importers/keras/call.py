"""One call of a layer, and what layers have in common: their activation, one number for both axes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...errors import LayerError, shape_text
from ..activations import GATES, LAYERS, activate, leaky
from ..builder import Builder
from .files import Model, Trail
from .tensors import Tensor, settled


@dataclass(frozen=True)
class Call:
    """One call of a layer: its full name, configuration and input; ``last``: the model has channels last."""

    b: Builder
    model: Model
    trail: Trail
    name: str
    config: dict[str, Any]
    inputs: list[Tensor]
    last: bool
    numbers: tuple[float | None, ...] = ()
    """The arguments of an operation with a number, None for the tensor."""

    @property
    def x(self) -> Tensor:
        """The one input."""
        if len(self.inputs) != 1:
            raise LayerError(f"reads {len(self.inputs)} tensors; expected 1")
        return self.inputs[0]

    def arrays(self, *names: str) -> list[np.ndarray]:
        """The weights of the layer, which has these."""
        return self.model.arrays(self.trail, names)

    def image(self, tensor: Tensor) -> tuple[int, int]:
        """Height and width with pads; LayerError unless there are four axes."""
        shape = self.b.shapes[tensor.top]
        if len(shape) != 4:
            raise LayerError(f"reads {shape_text(shape)}; expected 4 axes")
        (top, bottom), (left, right) = tensor.pads
        return shape[2] + top + bottom, shape[3] + left + right

    def activated(self, top: str) -> Tensor:
        """``top`` after the layer's own activation."""
        return activation(self, Tensor(top, self.last), self.config.get("activation"), f"{self.name}_activation", True)


def pair(value: Any) -> tuple[int, int]:
    """A number for both axes, or one for each."""
    return (int(value), int(value)) if isinstance(value, int) else (int(value[0]), int(value[1]))


def activation(call: Call, x: Tensor, kind: Any, name: str, in_place: bool) -> Tensor:
    """x after the activation of this name; the name of a layer where it is a new one."""
    if isinstance(kind, dict):
        kind = kind.get("config") if isinstance(kind.get("config"), str) else kind.get("class_name")
    kind = {None: "linear", "silu": "swish", "hard_silu": "hard_swish"}.get(kind, kind)
    if kind == "hard_sigmoid":
        kind = "hard_sigmoid_5" if call.model.version.startswith("2") else "hard_sigmoid_6"
    if kind == "linear":
        return x
    if kind == "softmax":
        return softmax(call, x, -1, name)
    x = settled(call.b, x)
    if kind == "leaky_relu":
        return replace(x, top=leaky(call.b, 0.2, name, x.top, in_place))
    if kind not in (*LAYERS, *GATES):
        known = ", ".join(["leaky_relu", *LAYERS, *GATES])
        raise LayerError(f"its activation {kind} cannot be imported; expected one of {known}")
    return replace(x, top=activate(call.b, kind, name, x.top, in_place))


def softmax(call: Call, x: Tensor, axis: int, name: str) -> Tensor:
    x = settled(call.b, x)
    return replace(x, top=call.b.add("Softmax", name, [x.top], axis=x.axis(call.b, axis)))
