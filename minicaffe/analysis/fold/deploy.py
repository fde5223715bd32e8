"""A net for use alone, from one that trains or tests: data become inputs, losses what they are computed from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import UsageError, did_you_mean
from ...layers import layer_class
from ...layers.base import Shape
from ...proto import NetFile, caffe_pb2, filter_net
from ..check import Checked
from ..deploy import name_predictions, prediction
from ..summary import BATCHES


@dataclass(frozen=True)
class Deployed:
    """The net, and the layer that brought its data where there was one, whose transformation they need."""

    net: NetFile
    data: Any


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


def deploy_form(net: NetFile, state: Checked, given: Mapping[str, Shape], level: int = 0) -> Deployed:
    """The layers of phase TEST, of which ``state`` (from ``check_net``) tells the shapes, without data and labels.

    Layers that bring data become Input, of batch 1 or of the shape that is ``given`` for the blob; DummyData stays
    where others bring data. Losses become what they judge (see ``prediction``), or go; Accuracy, Silence and what
    writes files go, and with them what served them alone. Rules (``include``, ``exclude``) go too. Beside
    ``analysis.deploy.deployed``, which is for images, this takes any number of inputs of any shape. UsageError for an
    input whose shape is not known.
    """
    kept = filter_net(net.param, "TEST", level, (*net.param.state.stage, *state.stages))
    layers, unwanted = _without_losses([(net.param.layer[i], net.lines[i]) for i in kept])
    _prune(layers, unwanted)
    shapes = {
        top: shape
        for layer in state.outline.layers
        if not layer.draft.reads
        for top, shape in zip(layer.draft.layer.param.top, layer.tops)
    }
    read = {bottom for param, _ in layers for bottom in param.bottom}
    data, out = None, []
    for param, line in layers:
        if not param.bottom and param.type != "Parameter" and not _constant(param, layers, unwanted):
            if data is None and param.type in BATCHES:
                data = param
            param = _input(param, shapes, given, unwanted - read)
        if param is not None:
            out.append((param, line))
    whole = caffe_pb2.NetParameter(name=net.param.name)
    for param, _ in out:
        added = whole.layer.add()
        added.CopyFrom(param)
        for field in ("include", "exclude", "phase"):
            added.ClearField(field)
    return Deployed(NetFile(whole, net.path, net.folder, tuple(line for _, line in out), net.notes), data)


def _without_losses(layers) -> tuple[list[tuple[Any, int]], set[str]]:
    """The layers without those that only judge, and the blobs that only those wanted, such as labels."""
    done = {bottom for param, _ in layers if param.type in ("Softmax", "Sigmoid") for bottom in param.bottom}
    found, unwanted = [], set()
    for param, line in layers:
        cls = layer_class(param.type)
        if param.type != "Accuracy" and not cls.loss and cls.tops[1] != 0:
            found.append((param, line))
            continue
        own = 0 if param.type == "Silence" else 2 if param.type == "ContrastiveLoss" else 1
        unwanted.update(param.bottom[own:])
        made = None if param.bottom[0] in done else prediction(param)
        found += [] if made is None else [(made, line)]
    name_predictions([param for param, _ in found])
    return found, unwanted


def _prune(layers: list[tuple[Any, int]], unwanted: set[str]) -> None:
    """Remove the layers whose tops nobody reads any more, and those above them that served only these."""
    for entry in reversed(list(layers)):
        param = entry[0]
        read = {bottom for other, _ in layers if other is not param for bottom in other.bottom}
        if param.bottom and param.top and unwanted.issuperset(param.top) and read.isdisjoint(param.top):
            layers.remove(entry)
            unwanted.update(param.bottom)


def _constant(param, layers: list[tuple[Any, int]], unwanted: set[str]) -> bool:
    """Whether a DummyData is a part of the net: others bring its data, and it makes no labels."""
    others = {other.type for other, _ in layers if not other.bottom} - {"DummyData", "Parameter"}
    return param.type == "DummyData" and bool(others) and unwanted.isdisjoint(param.top)


def _input(param, shapes: Mapping[str, Shape | None], given: Mapping[str, Shape], gone: Collection[str]):
    """An Input layer for a layer that brings data; None if none of its tops is wanted."""
    tops = [top for top in param.top if top not in gone]
    out = caffe_pb2.LayerParameter(name=param.name, type="Input", top=tops)
    for top in tops:
        shape = given.get(top) or shapes.get(top)
        if shape is None:
            raise UsageError(f'the shape of "{top}" is not known; expected it as --shape {top}=N,C,H,W')
        if top not in given and param.type in BATCHES:
            shape = (1, *shape[1:])
        out.input_param.shape.add(dim=shape)
    return out if tops else None
