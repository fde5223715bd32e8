"""A net for use alone, from one that trains or tests: data become inputs, losses what they are computed from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from ..errors import UsageError, did_you_mean
from ..layers import layer_class
from ..layers.base import Shape
from ..proto import Message, NetFile, caffe_pb2
from .losses import without_judges
from .sources import SOURCES, Deployed, Entry, input_layer, kept_layers, with_layers

__all__ = ["alone", "shapes_given"]


def shapes_given(net: NetFile, given: Mapping[str, Shape]) -> dict[str, Shape]:
    """``given`` shapes of inputs, and a number for each item for the other tops of the layers that bring them.

    UsageError for a name that no layer without bottoms writes.
    """
    sources = [layer.top for layer in net.param.layer if not layer.bottom]
    names = {top for tops in sources for top in tops}
    for name in given:
        if name not in names:
            known = ", ".join(sorted(names)) or "none"
            raise UsageError(f"--shape {name}: is no input of the net ({known}){did_you_mean(name, names)}")
    found = dict(given)
    for tops in sources:
        firsts = [given[top][:1] for top in tops if top in given]
        found.update((top, firsts[0]) for top in tops if firsts and top not in given)
    return found


def alone(
    net: NetFile,
    shapes: Mapping[str, Shape | None],
    given: Mapping[str, Shape],
    level: int = 0,
    stages: Collection[str] = (),
) -> Deployed:
    """The layers of phase TEST without data and labels; ``shapes`` are those of the blobs that come from outside.

    Layers that bring data become Input, of batch 1 or of the shape that is ``given`` for the blob; DummyData stays
    where others bring data. Losses become what they judge (see ``without_judges``), or go; Accuracy, Silence and what
    writes files go, and with them what served them alone. Rules (``include``, ``exclude``) go too. Beside
    ``for_images`` this takes any number of inputs of any shape. UsageError for an input whose shape is not known.
    """
    layers = kept_layers(net, "TEST", level, stages)
    unwanted = {blob for param, _ in layers if _judges(param) for blob in param.bottom[_own(param) :]}
    layers = without_judges(layers, _judges)
    _prune(layers, unwanted)
    read = {bottom for param, _ in layers for bottom in param.bottom}
    data, found = None, []
    for param, line in layers:
        if not param.bottom and param.type != "Parameter" and not _constant(param, layers, unwanted):
            if data is None and param.type in SOURCES:
                data = param
            param = _input(param, shapes, given, unwanted - read)
        if param is not None:
            found.append((param, line))
    bare = replace(net, param=caffe_pb2.NetParameter(name=net.param.name))
    return Deployed(with_layers(bare, found), data)


def _judges(param: Message) -> bool:
    """Whether a layer only tells or writes how good others are."""
    cls = layer_class(param.type)
    return param.type == "Accuracy" or cls.loss or cls.tops[1] == 0


def _own(param: Message) -> int:
    """How many bottoms of such a layer are the net's own results, not what they are held against."""
    return 0 if param.type == "Silence" else 2 if param.type == "ContrastiveLoss" else 1


def _prune(layers: list[Entry], unwanted: set[str]) -> None:
    """Remove the layers whose tops nobody reads any more, and those above them that served only these."""
    for entry in reversed(list(layers)):
        param = entry[0]
        read = {bottom for other, _ in layers if other is not param for bottom in other.bottom}
        if param.bottom and param.top and unwanted.issuperset(param.top) and read.isdisjoint(param.top):
            layers.remove(entry)
            unwanted.update(param.bottom)


def _constant(param: Message, layers: list[Entry], unwanted: set[str]) -> bool:
    """Whether a DummyData is a part of the net: others bring its data, and it makes no labels."""
    others = {other.type for other, _ in layers if not other.bottom} - {"DummyData", "Parameter"}
    return param.type == "DummyData" and bool(others) and unwanted.isdisjoint(param.top)


def _input(
    param: Message, shapes: Mapping[str, Shape | None], given: Mapping[str, Shape], gone: Collection[str]
) -> Message | None:
    """An Input layer for a layer that brings data; None if none of its tops is wanted."""
    found: dict[str, Sequence[int]] = {}
    for top in param.top:
        if top in gone:
            continue
        shape = given.get(top) or shapes.get(top)
        if shape is None:
            raise UsageError(f'the shape of "{top}" is not known; expected it as --shape {top}=N,C,H,W')
        found[top] = (1, *shape[1:]) if top not in given and param.type in SOURCES else shape
    return input_layer(param, found) if found else None
