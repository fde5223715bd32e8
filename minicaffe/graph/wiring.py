"""Which layer reads which version of which blob; and where one value feeds several readers, a Split.

Works on names alone: no shapes, no files. Every problem is reported, not only the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import LayerError, did_you_mean, plural
from ..layers import Layer, layer_class, layer_types
from ..proto import Message, caffe_pb2

AUTOMATIC = "(automatic)"
"""How the names of tops begin that the file does not give."""


@dataclass
class Draft:
    """A layer on its way to becoming a Node. ``reads`` and ``writes`` are (name, version) pairs."""

    layer: Layer
    place: str
    reads: list[tuple[str, int]] = field(default_factory=list)
    writes: list[tuple[str, int]] = field(default_factory=list)
    loss_weights: tuple[float, ...] = ()
    sound: bool = True  # False: type or options are wrong, and the layer can only stand for its names
    made: bool = False  # by this program: a Split that the file does not have

    @property
    def title(self) -> str:
        return f'{self.place}: layer "{self.layer.name}" ({self.layer.type})'


def make_layers(
    params: Any,
    places: Any,
    phase: str,
    find: Callable[[str], str],
    problems: list[str],
    how: Mapping[str, str | None],
    faults: Sequence[Sequence[str]] = (),
) -> list[Draft]:
    """A Draft for each LayerParameter, its layer told ``how``; what is wrong within a layer goes to ``problems``.

    ``faults`` are what was found wrong in the text of each layer; those of an unknown type say no more than its name.
    """
    drafts: list[Draft] = []
    for param, place, known_faults in zip(params, places, faults or [()] * len(params)):
        param = _with_automatic_top(param, drafts)
        try:
            cls = layer_class(param.type)
        except LayerError as error:
            known = param.name or f"number {len(drafts) + 1}"
            text = str(error) if param.type else f"has no type; expected one of {len(layer_types())} known types"
            missing = known_faults if known_faults and not param.type else [f'{place}: layer "{known}": {text}']
            problems += missing  # a type that was left out is told as a fault
            drafts.append(Draft(_bare(_Unknown, param, phase, find), place, sound=False))
            continue
        wrong = [
            text
            for text in (
                _arity(param.type, "bottom", len(param.bottom), cls.bottoms),
                _arity(param.type, "top", len(param.top), cls.tops),
            )
            if text
        ]
        try:
            draft = Draft(cls(param, phase, find), place)
            vars(draft.layer).update(how)
        except LayerError as error:
            wrong.append(str(error))
            draft = Draft(_bare(cls, param, phase, find), place, sound=False)
        wrong += _extra_fields(draft, param)
        problems += [*known_faults, *(f"{draft.title}: {text}" for text in wrong if not known_faults)]
        draft.sound = not wrong and not known_faults
        draft.loss_weights = _loss_weights(cls, param)
        drafts.append(draft)
    return drafts


def _with_automatic_top(param: Message, before: Sequence[Draft]) -> Message:
    """A loss without a top has one that no layer can read and no log shows; old files leave it out."""
    if param.top or param.type not in layer_types() or not layer_class(param.type).loss:
        return param
    whole = caffe_pb2.LayerParameter()
    whole.CopyFrom(param)
    same = sum(list(draft.layer.param.top) == [f"{AUTOMATIC} {param.name}"] for draft in before)
    whole.top.append(f"{AUTOMATIC} {param.name}" + f" {len(before)}" * bool(same))
    return whole


class _Unknown(Layer):
    """Stands for a layer of unknown type, so that its tops are known to the layers below it."""

    in_place = True


def _bare(cls: type[Layer], param: Message, phase: str, find: Callable[[str], str]) -> Layer:
    """A stand-in for a layer whose options are wrong, so that the wiring of the rest can still be checked."""
    layer = cls.__new__(cls)
    layer.param, layer.name, layer.phase, layer.find = param, param.name, phase, find
    return layer


def _arity(type_name: str, what: str, found: int, span: Any) -> str:
    least, most = span
    if found >= least and (most is None or found <= most):
        return ""
    if most is None:
        expected = f"at least {plural(least, what)}"
    elif least == most:
        expected = plural(least, what)
    else:
        expected = f"{least} to {plural(most, what)}"
    return f"found {plural(found, what)}, expected {expected} for {type_name}"


def _extra_fields(draft: Draft, param: Message) -> list[str]:
    wrong = []
    if len(param.loss_weight) not in (0, len(param.top)):
        tops = plural(len(param.top), "top")
        wrong.append(f"found {plural(len(param.loss_weight), 'loss_weight')} for {tops}; expected one for each")
    if len(param.propagate_down) not in (0, len(param.bottom)):
        bottoms = plural(len(param.bottom), "bottom")
        wrong.append(f"found {len(param.propagate_down)} propagate_down for {bottoms}; expected one for each")
    twice = [name for name, times in Counter(param.top).items() if times > 1]
    wrong += [f'top "{name}" is written twice by the same layer' for name in twice]
    return wrong


def _loss_weights(cls: type[Layer], param: Message) -> tuple[float, ...]:
    if len(param.loss_weight) == len(param.top):
        return tuple(param.loss_weight)
    return tuple(1.0 if cls.loss and i == 0 else 0.0 for i in range(len(param.top)))


def wire(drafts: list[Draft], problems: list[str]) -> None:
    """Fill ``reads`` and ``writes``: each bottom is the last version of its name so far."""
    versions: dict[str, int] = {}
    writer: dict[str, str] = {}
    later = Counter(name for draft in drafts for name in draft.layer.param.top)
    for draft in drafts:
        param = draft.layer.param
        later.subtract(param.top)
        for name in param.bottom:
            if name not in versions:
                problems.append(f"{draft.title}: {_unknown_bottom(name, versions, later)}")
            draft.reads.append((name, versions.get(name, 0)))
        for slot, name in enumerate(param.top):
            if name in versions:
                in_place = slot == 0 and len(param.bottom) > 0 and param.bottom[0] == name
                if not in_place:
                    problems.append(
                        f'{draft.title}: top "{name}" is already written by layer "{writer[name]}"; '
                        "expected another name, or the same name as its first bottom"
                    )
                elif not draft.layer.in_place:
                    problems.append(
                        f'{draft.title}: top "{name}" has the name of its bottom, '
                        f"but {draft.layer.type} cannot run in place; expected another name"
                    )
            versions[name] = versions.get(name, -1) + 1
            writer[name] = draft.layer.name
            draft.writes.append((name, versions[name]))


def _unknown_bottom(name: str, versions: Any, later: Counter) -> str:
    if later[name]:
        return f'bottom "{name}" is written only by a later layer; expected it before this one'
    return f'bottom "{name}" is written by no layer before it{did_you_mean(name, versions)}'


def insert_splits(drafts: list[Draft], find: Callable[[str], str]) -> list[Draft]:
    """Put a Split after every value with several readers, named as Caffe names it.

    ``ip1`` written by layer ``ip1`` as top 0 gets the layer ``ip1_ip1_0_split`` with tops
    ``ip1_ip1_0_split_0``, ``..._1``. An explicit loss weight counts as one reader, the first.
    """
    readers = Counter(read for draft in drafts for read in draft.reads)
    for draft in drafts:
        for write, weight in zip(draft.writes, draft.layer.param.loss_weight):
            readers[write] += bool(weight)
    out: list[Draft] = []
    branches: dict[tuple[str, int], list[str]] = {}
    for draft in drafts:
        reads = [(branches[read].pop(0), 0) if branches.get(read) else read for read in draft.reads]
        out.append(replace(draft, reads=reads))
        for slot, write in enumerate(draft.writes):
            if readers[write] > 1:
                split = _split(draft, slot, write, readers[write], find)
                tops = [name for name, _ in split.writes]
                if draft.layer.param.loss_weight and draft.loss_weights[slot]:
                    weights = list(draft.loss_weights)
                    weights[slot] = 0.0
                    out[-1] = replace(out[-1], loss_weights=tuple(weights))
                    tops = tops[1:]
                out.append(split)
                branches[write] = tops
    return out


def _split(draft: Draft, slot: int, write: tuple[str, int], times: int, find: Callable[[str], str]) -> Draft:
    name = f"{write[0]}_{draft.layer.name}_{slot}_split"
    tops = [f"{name}_{i}" for i in range(times)]
    param = caffe_pb2.LayerParameter(name=name, type="Split", bottom=[write[0]], top=tops)
    weights = [0.0] * times
    if draft.layer.param.loss_weight:
        weights[0] = draft.loss_weights[slot]
    layer = layer_class("Split")(param, draft.layer.phase, find)
    return Draft(layer, draft.place, [write], [(top, 0) for top in tops], tuple(weights), made=True)
