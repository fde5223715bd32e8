"""Activations of other frameworks, made of Caffe's."""

from __future__ import annotations

from typing import Any

from .builder import Builder

LAYERS: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "linear": (),
    "relu": (("ReLU", {}),),
    "relu6": (("Clip", {"min": 0, "max": 6}),),
    "sigmoid": (("Sigmoid", {}),),
    "tanh": (("TanH", {}),),
    "elu": (("ELU", {}),),
    "selu": (("SELU", {}),),
    "selu_darknet": (("SELU", {"lambda": 1.0507, "alpha": 1.6732}),),
    "swish": (("Swish", {}),),
    "softplus": (("BNLL", {}),),
    "exponential": (("Exp", {}),),
    "hardtan": (("Clip", {"min": -1, "max": 1}),),
    "ramp": (("ReLU", {"negative_slope": 1 / 11}), ("Power", {"scale": 1.1})),
    "loggy": (("Power", {"scale": 0.5}), ("TanH", {})),
    "hard_sigmoid_5": (("Power", {"scale": 0.2, "shift": 0.5}), ("Clip", {"min": 0, "max": 1})),
    "hard_sigmoid_6": (("Power", {"scale": 1 / 6, "shift": 0.5}), ("Clip", {"min": 0, "max": 1})),
    "softmax": (("Softmax", {"axis": 1}),),
}
"""Name -> layers, one after another: type and options."""

GATES = {"mish": ("softplus", "tanh"), "hard_swish": ("hard_sigmoid_6",)}
"""Name -> activations, one after another, whose result is multiplied by their input."""


def activate(b: Builder, kind: str, name: str, x: str, in_place: bool = True) -> str:
    """Activation ``kind``, a name of ``LAYERS`` or ``GATES``, of x; its top, which is x where that can be."""
    if kind in GATES:
        y = x
        for part in GATES[kind]:
            y = activate(b, part, f"{name}_{part}", y, in_place=y != x)
        return b.add("Eltwise", name, [x, y], operation="PROD")
    y, steps = x, LAYERS[kind]
    for i, (layer, options) in enumerate(steps):
        last = i == len(steps) - 1
        y = b.add(layer, name if last else f"{name}_{layer.lower()}", [y], in_place=in_place or y != x, **options)
    return y


def leaky(b: Builder, slope: float, name: str, x: str, in_place: bool = True) -> str:
    """ReLU with a slope below 0."""
    options: dict[str, Any] = {"negative_slope": slope} if slope else {}
    return b.add("ReLU", name, [x], in_place=in_place, **options)
