"""A net as boxes and arrows: plain data, before anything has a place."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UsageError
from ..proto import filter_net, net_file
from .labels import choose_color_by_layertype, get_edge_label, layer_lines

_PHASES = {0: "TRAIN", 1: "TEST", "TRAIN": "TRAIN", "TEST": "TEST"}

IN_PLACE, MISSING = "#90EE90", "#E0E0E0"
"""Colours of layers that write over what they read, and of blobs that no layer makes."""


@dataclass(frozen=True)
class Box:
    """A layer, or a blob that no layer makes."""

    lines: tuple[str, ...]
    color: str


@dataclass(frozen=True)
class Arrow:
    """A blob on its way from box ``tail`` to box ``head``; ``tail`` is always the lower number."""

    tail: int
    head: int
    label: str


@dataclass(frozen=True)
class Diagram:
    name: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def layers_of(caffe_net, phase: int | str | None) -> list:
    """The layers of a NetParameter, older forms brought up to date, in ``phase``: TRAIN, TEST, or None for all."""
    net = net_file(caffe_net).param
    if phase is None:
        return list(net.layer)
    if phase not in _PHASES:
        raise UsageError(f"phase is {phase!r}; expected TRAIN or TEST")
    return [net.layer[index] for index in filter_net(net, _PHASES[phase])]


def diagram(caffe_net, phase: int | str | None = None, rankdir: str = "LR") -> Diagram:
    """The diagram of a NetParameter in ``phase``.

    A blob that is written in place is an arrow from its last writer; one that several layers make, each in a phase of
    its own, is an arrow from each.
    """
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    makers: dict[str, list[tuple[int, str]]] = {}  # of each blob: box, label of its arrows
    for layer in layers_of(caffe_net, phase):
        for blob in layer.bottom:
            if blob not in makers:
                boxes.append(Box((blob,), MISSING))
                makers[blob] = [(len(boxes) - 1, "")]
        here = len(boxes)
        for blob in layer.bottom:
            arrows += [Arrow(maker, here, label) for maker, label in makers[blob]]
        in_place = set(layer.bottom) & set(layer.top)
        color = IN_PLACE if in_place else choose_color_by_layertype(layer.type)
        lines = layer_lines(layer)
        if rankdir in ("TB", "BT") and len(lines) > 2:
            lines = [*lines[:2], ", ".join(lines[2:])]
        boxes.append(Box(tuple(lines), color))
        for blob in dict.fromkeys(layer.top):
            told = [blob if blob not in in_place and blob != layer.name else "", get_edge_label(layer)]
            made = (here, " ".join(word for word in told if word))
            if blob in in_place or blob not in makers:
                makers[blob] = [made]
            else:
                makers[blob].append(made)
    return Diagram(caffe_net.name or "Net", tuple(boxes), tuple(dict.fromkeys(arrows)))
