"""``minicaffe check``: what a prototxt says in each phase, without data or weights: its layers, or all that is wrong.

A file may be for one phase only, or need a stage: a phase in which all layers that bring data are left out is passed
over, and where a phase cannot be built without a stage, the stages that the rules name are tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..errors import GraphError
from ..graph import Outline, outline_graph
from ..layers.base import Shape
from ..plan import needed_gradients
from ..proto import NetFile, filter_net

PHASES = ("TRAIN", "TEST")


@dataclass(frozen=True)
class Checked:
    """One state of a net. ``phases`` that give the same layers are one; ``notes`` say what was assumed."""

    phases: tuple[str, ...]
    stages: tuple[str, ...]
    outline: Outline
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def check_net(
    net: NetFile,
    phases: Iterable[str] = PHASES,
    level: int = 0,
    stages: tuple[str, ...] = (),
    given: Mapping[str, Shape] | None = None,
    **how: str | None,
) -> list[Checked]:
    """Check ``net`` in each of ``phases``; ``given`` shapes of blobs, and ``how``, are as in ``outline_graph``."""
    alike: dict[tuple[int, ...], list[str]] = {}
    for phase in phases:
        alike.setdefault(tuple(filter_net(net.param, phase, level, stages)), []).append(phase)
    found = []
    for same in alike.values():
        if len(alike) > 1 and _brings_nothing(net, same[0], level, stages):
            continue
        tries = [stages, *(named for named in _named_stages(net) if named != stages)] if not stages else [stages]
        results = [_check(net, tuple(same), level, tried, given or {}, how) for tried in tries]
        good = [result for result in results if not result.problems]
        found += good if good and results[0].problems else results[:1]
    return found or [_check(net, tuple(phases), level, stages, given or {}, how)]


def _brings_nothing(net: NetFile, phase: str, level: int, stages) -> bool:
    """Whether a net that has layers without bottoms has none of them in this phase."""
    kept = set(filter_net(net.param, phase, level, stages))
    sources = [index for index, layer in enumerate(net.param.layer) if not layer.bottom]
    return bool(sources) and not kept.intersection(sources) and not _named_stages(net)


def _named_stages(net: NetFile) -> list[tuple[str, ...]]:
    """The sets of stages that rules ask for, each once, in the order of the file."""
    rules = [rule for layer in net.param.layer for rule in (*layer.include, *layer.exclude)]
    return list(dict.fromkeys(tuple(rule.stage) for rule in rules if rule.stage))


def _check(net: NetFile, phases: tuple[str, ...], level: int, stages, given, how) -> Checked:
    def outline(more: Mapping[str, Shape]) -> Outline:
        return outline_graph(net, phases[0], level, stages, {**more, **given}, **how)

    found, assumed = outline({}), {}
    for layer in found.unknown():
        for shape in _likely(layer.draft.layer):
            tried = {**assumed, **_tops(layer.draft.layer, shape)}
            result = outline(tried)
            if not result.problems:
                found, assumed = result, tried
                break
    notes = [_missing_note(draft, reason, found, assumed) for draft, reason in found.missing]
    problems = list(found.problems)
    if found.graph is not None:
        notes += found.graph.notes
        try:
            needed_gradients(found.graph)
        except GraphError as error:
            problems += error.problems
    return Checked(phases, stages, found, tuple(problems), tuple(notes))


def _missing_note(draft, reason: str, found: Outline, assumed) -> str:
    """What became of a layer whose data are not there."""
    layer = next(layer for layer in found.layers if layer.draft is draft or layer.draft.place == draft.place)
    name = draft.layer.name
    if None in layer.tops:
        blob = draft.layer.param.top[0]
        return f'{draft.place}: layer "{name}": {reason}; give the shape of its tops with --shape {blob}=N,C,H,W'
    how = "assumed" if any(top in assumed for top in draft.layer.param.top) else "taken from its options"
    return f'{draft.place}: layer "{name}": {reason}; shapes are {how}'


def _likely(layer) -> list[Shape]:
    """Shapes of one image (C, H, W) that a layer without crop and mean may read, judged by the name of its source."""
    if layer.type not in ("Data", "ImageData"):
        return []
    words = f"{layer.options.source} {layer.param.transform_param.mean_file}".lower()
    known = [shapes for name, shapes in _FAMOUS.items() if re.search(name, words)]
    return [shape for shapes in [*known, _ANY] for shape in shapes]


def _tops(layer, shape: Shape) -> dict[str, Shape]:
    batch = layer.options.batch_size
    shapes = [(batch, *shape), (batch,)]
    return dict(zip(layer.param.top, shapes))


_FAMOUS: dict[str, list[Shape]] = {
    "mnist": [(1, 28, 28), (2, 28, 28)],
    "cifar": [(3, 32, 32)],
    "svhn": [(3, 32, 32)],
    "ilsvrc|imagenet": [(3, 256, 256), (3, 224, 224), (3, 227, 227)],
}
_ANY: list[Shape] = [(3, 224, 224), (3, 227, 227), (1, 28, 28), (3, 32, 32), (1, 224, 224), (2, 28, 28)]
