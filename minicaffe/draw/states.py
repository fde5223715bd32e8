"""The states of a net that one drawing shows, and what is known of its layers in each: plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import UsageError
from ..proto import Message, filter_net

_PHASES = {0: "TRAIN", 1: "TEST", "TRAIN": "TRAIN", "TEST": "TEST"}


@dataclass(frozen=True)
class Told:
    """What is known of a layer in a state: the shape of each top, as text, and how many numbers its parameters hold.

    An empty ``shapes`` and None for ``parameters`` where nothing was asked; "?" stands for what cannot be told.
    """

    shapes: tuple[str, ...] = ()
    parameters: str | None = None


@dataclass(frozen=True)
class State:
    """A state of the net: what to call it, and its layers by their index in the NetParameter."""

    title: str
    layers: Mapping[int, Told] = field(default_factory=dict)


def plain_states(net: Message, phase: int | str | None, level: int = 0, stages: Sequence[str] = ()) -> list[State]:
    """The states of a NetParameter of which nothing is known: ``phase``, or if that is None, both phases.

    Layers that neither phase has are then drawn in a state of their own, together with those that both have.
    Raises UsageError for another phase.
    """
    if phase is not None:
        if phase not in _PHASES:
            raise UsageError(f"phase is {phase!r}; expected TRAIN or TEST")
        return [_plain(_PHASES[phase], filter_net(net, _PHASES[phase], level, stages))]
    train, test = (filter_net(net, name, level, stages) for name in ("TRAIN", "TEST"))
    if train == test and len(train) == len(net.layer):
        return [_plain("TRAIN and TEST", train)]
    states = [_plain("TRAIN", train), _plain("TEST", test)]
    neither = set(range(len(net.layer))) - {*train, *test}
    if neither:
        states.append(_plain("another stage", sorted(neither | {*train} & {*test})))
    return states


def _plain(title: str, layers: Iterable[int]) -> State:
    return State(title, {i: Told() for i in layers})


def merged(texts: Sequence[str]) -> str:
    """Texts of several states as one: the axes of shapes of one length each, ``64/100 x 10``, other texts whole."""
    texts = list(dict.fromkeys(texts))
    if len(texts) == 1:
        return texts[0]
    axes = [text.split(" x ") for text in texts]
    if len({len(one) for one in axes}) == 1 and len(axes[0]) > 1:
        return " x ".join("/".join(dict.fromkeys(column)) for column in zip(*axes))
    return " / ".join(texts)
