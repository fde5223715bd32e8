"""What a layer costs, from integers: multiply-adds of products with learned weights, and bytes."""

from __future__ import annotations

from ..graph import OutlineLayer, layer_work
from ..layers.base import count

_BYTES = 4  # of a float32


def multiply_adds(layer: OutlineLayer) -> int | None:
    """Multiplications with learned weights in one forward pass (``layer_work``); None where shapes are not known."""
    if layer.inferred is None:
        return None
    params = [tuple(param.shape) for param in layer.inferred.params]
    bottoms, tops = ([shape for shape in shapes if shape is not None] for shapes in (layer.bottoms, layer.tops))
    return layer_work(layer.draft.layer.type, bottoms, tops, params)


def parameters(layer: OutlineLayer) -> int | None:
    """How many numbers the layer's parameter blobs hold."""
    return None if layer.inferred is None else sum(count(param.shape) for param in layer.inferred.params)


def top_bytes(layer: OutlineLayer) -> int | None:
    """Bytes of the tops in float32; 0 where they lie in the bottom's memory: views, and layers in place."""
    tops = [shape for shape in layer.tops if shape is not None]
    if len(tops) < len(layer.tops):
        return None
    kind, param = layer.draft.layer, layer.draft.layer.param
    if kind.shares:
        return 0
    own = [shape for name, shape in zip(param.top, tops) if name not in param.bottom]
    return _BYTES * sum(count(shape) for shape in own)
