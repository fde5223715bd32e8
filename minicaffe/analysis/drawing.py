"""What a drawing says of a checked net: its states, the shapes of blobs, and how many numbers each layer learns."""

from __future__ import annotations

from collections.abc import Sequence

from ..draw import State, Told
from ..errors import shape_text
from ..layers.base import Shape
from ..proto import NetFile, filter_net
from .check import Checked
from .summary import summarise

__all__ = ["states_of"]


def states_of(net: NetFile, checked: Sequence[Checked], level: int = 0) -> list[State]:
    """The states of ``net`` that ``check_net`` found, for ``draw_net``; "?" for what cannot be told without data."""
    states = []
    for one in checked:
        kept = filter_net(net.param, one.phases[0], level, one.stages)
        told = {}
        for index, layer in zip(kept, summarise(one, level)):
            shapes = tuple(_text(layer.tops[top]) for top in net.param.layer[index].top)
            told[index] = Told(shapes, "?" if layer.parameters is None else f"{layer.parameters:,}")
        title = " and ".join(one.phases) + "".join(f", stage {stage}" for stage in one.stages)
        states.append(State(title, told))
    return states


def _text(shape: Shape | None) -> str:
    return "?" if shape is None else shape_text(shape)
