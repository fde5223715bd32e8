"""A net as boxes and arrows: plain data, before anything has a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..proto import Message, net_file
from .labels import choose_color_by_layertype, get_edge_label, layer_lines, short
from .states import State, Told, merged, plain_states
from .tones import IN_PLACE, MARKS, OPEN


@dataclass(frozen=True)
class Box:
    """A layer, or a blob that no layer makes or none reads. ``mark``: the states it is in, where not in all."""

    lines: tuple[str, ...]
    color: str
    mark: str = ""
    mark_color: str = ""


@dataclass(frozen=True)
class Arrow:
    """A blob on its way from box ``tail`` to box ``head``; ``tail`` is always the lower number.

    Arrows with one tail and one label, of one line or several, share that label.
    """

    tail: int
    head: int
    label: str


@dataclass(frozen=True)
class Diagram:
    name: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def diagram(
    caffe_net: Message,
    phase: int | str | None = None,
    rankdir: str = "LR",
    display_lrm: bool = False,
    states: Sequence[State] | None = None,
) -> Diagram:
    """The diagram of a NetParameter, older forms brought up to date, in ``phase``, or in both where not given.

    A blob that is written in place is an arrow from its last writer; one that several layers make, each in a phase of
    its own, is an arrow from each to those that read it in this phase. ``states`` replace ``phase``: with what they
    tell, the shapes of blobs are the labels of arrows, and blobs that no layer reads have boxes too.
    """
    net = net_file(caffe_net).param
    states = plain_states(net, phase) if states is None else states
    drawing = _Drawing(states, rankdir in ("TB", "BT"), display_lrm)
    for index, layer in enumerate(net.layer):
        if any(index in state.layers for state in states):
            drawing.add(index, layer)
    if any(told.shapes for state in states for told in state.layers.values()):
        drawing.add_outputs()
    return Diagram(net.name or "Net", tuple(drawing.boxes), tuple(dict.fromkeys(drawing.arrows)))


class _Drawing:
    def __init__(self, states: Sequence[State], upright: bool, display_lrm: bool):
        self.boxes: list[Box] = []
        self.arrows: list[Arrow] = []
        self._states, self._upright, self._display_lrm = states, upright, display_lrm
        self._makers: dict[tuple[str, str], tuple[int, str, str]] = {}  # (state, blob) -> box, label, shape
        self._unread: set[tuple[str, str]] = set()

    def add(self, index: int, layer: Message) -> None:
        """A layer, behind boxes for the blobs it reads that no layer makes."""
        states = [state for state in self._states if index in state.layers]
        for blob in dict.fromkeys(layer.bottom):
            self._find(blob, [state for state in states if (state.title, blob) not in self._makers])
        here = len(self.boxes)
        for blob in layer.bottom:
            for state in states:
                maker, label, _ = self._makers[state.title, blob]
                self._unread.discard((state.title, blob))
                self.arrows.append(Arrow(maker, here, label))
        told = [state.layers[index] for state in states]
        in_place = set(layer.bottom) & set(layer.top)
        color = IN_PLACE if in_place else choose_color_by_layertype(layer.type)
        self.boxes.append(Box(self._lines(layer, told), color, *self._mark(states)))
        for slot, blob in enumerate(layer.top):
            shape = merged([one.shapes[slot] for one in told]) if told[0].shapes else ""
            label = self._label(layer, blob, shape, blob in in_place)
            for state in states:
                self._makers[state.title, blob] = (here, label, shape)
                self._unread.add((state.title, blob))

    def add_outputs(self) -> None:
        """Boxes for the blobs that no layer reads, with their shapes."""
        made: dict[tuple[int, str], Box] = {}
        for (title, blob), (maker, _, shape) in self._makers.items():
            if (title, blob) in self._unread:
                made[maker, blob] = Box((short(blob), shape), OPEN)
        for (maker, _), box in made.items():
            self.arrows.append(Arrow(maker, len(self.boxes), ""))
            self.boxes.append(box)

    def _find(self, blob: str, states: Sequence[State]) -> None:
        """A box for a blob that no layer makes in these states; one for all."""
        if states:
            self._makers.update({(state.title, blob): (len(self.boxes), "", "?") for state in states})
            self.boxes.append(Box((short(blob),), OPEN))

    def _lines(self, layer: Message, told: Sequence[Told]) -> tuple[str, ...]:
        lines = list(map(short, layer_lines(layer, self._display_lrm)))
        if self._upright and len(lines) > 2:
            lines = [*lines[:2], ", ".join(lines[2:])]
        counts = [one.parameters for one in told if one.parameters not in (None, "0")]
        return (*lines, *([f"{merged(counts)} parameters"] if counts else []))

    def _label(self, layer: Message, blob: str, shape: str, in_place: bool) -> str:
        """What an arrow says of its blob: its name where that is not the layer's, and its shape where it is new."""
        name = short(blob) if not in_place and blob != layer.name else ""
        if not shape:
            return " ".join(filter(None, (name, get_edge_label(layer))))
        return "" if in_place else (" " if self._upright else "\n").join(filter(None, (name, shape)))

    def _mark(self, states: Sequence[State]) -> tuple[str, str]:
        if len(states) == len(self._states):
            return "", ""
        first = self._states.index(states[0])
        return f"only in {' and '.join(state.title for state in states)}", MARKS[first % len(MARKS)]
