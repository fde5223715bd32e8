"""BatchNorm layers with ``param { lr_mult: 0 }`` for their statistics, as was once needed."""

from __future__ import annotations

from collections.abc import Callable

from ...errors import ProtoError, plural
from ..schema import Message


def _learns(options: Message) -> bool:
    """Whether it is NVIDIA's, whose parameters 3 and 4 are learned."""
    return options.scale_bias or options.HasField("scale_filler") or options.HasField("bias_filler")


def drop_batch_norm_params(param: Message, place: Callable[[int], str]) -> tuple[str, ...]:
    """Clear the ``param`` of BatchNorm layers; returns the note. ProtoError for an ``lr_mult`` other than 0."""
    changed = 0
    for index, layer in enumerate(param.layer):
        if layer.type != "BatchNorm" or not layer.param or _learns(layer.batch_norm_param):
            continue
        for number, spec in enumerate(layer.param):
            if spec.HasField("lr_mult") and spec.lr_mult != 0:
                raise ProtoError(
                    f'{place(index)}: layer "{layer.name}": param {number} has lr_mult {spec.lr_mult:g}, expected 0: '
                    "BatchNorm's three blobs are running statistics, not weights"
                )
        layer.ClearField("param")
        changed += 1
    return (f"dropped the unneeded param entries of {plural(changed, 'BatchNorm layer')}",) if changed else ()
