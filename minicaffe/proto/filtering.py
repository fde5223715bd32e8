"""Which layers a net has in a phase, at a level, in some stages (Caffe's NetState and NetStateRule)."""

from __future__ import annotations

from collections.abc import Collection

from ..errors import ProtoError
from . import caffe_pb2
from .schema import Message


def filter_net(param: Message, phase: str, level: int = 0, stages: Collection[str] = ()) -> list[int]:
    """Indices of the layers of a NetParameter that are kept, for ``phase`` "TRAIN" or "TEST".

    A layer with ``include`` rules is kept if one of them is met, one with ``exclude`` rules if none is.
    ProtoError for a layer with both.
    """
    state = (caffe_pb2.Phase.Value(phase), level, set(stages))
    return [index for index, layer in enumerate(param.layer) if _kept(layer, state)]


def _kept(layer: Message, state: tuple[int, int, set[str]]) -> bool:
    if layer.include and layer.exclude:
        raise ProtoError(f'layer "{layer.name}" has both include and exclude rules, expected one kind')
    if layer.include:
        return any(_met(rule, state) for rule in layer.include)
    return not any(_met(rule, state) for rule in layer.exclude)


def _met(rule: Message, state: tuple[int, int, set[str]]) -> bool:
    phase, level, stages = state
    return (
        (not rule.HasField("phase") or rule.phase == phase)
        and (not rule.HasField("min_level") or level >= rule.min_level)
        and (not rule.HasField("max_level") or level <= rule.max_level)
        and stages.issuperset(rule.stage)
        and stages.isdisjoint(rule.not_stage)
    )
