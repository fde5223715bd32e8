"""``minicaffe check``: what a prototxt says in each phase, without data or weights: its layers, or all that is wrong.

A file may be for one phase only, or need a stage: a phase in which all layers that bring data are left out is passed
over, and where a phase cannot be built without a stage, the stages that the rules name are tried. A solver says itself
which nets it runs in which states.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

from ..errors import GraphError
from ..graph import Outline, OutlineLayer, outline_graph
from ..layers import layer_types
from ..layers.base import Shape
from ..plan import needed_gradients
from ..proto import NetFile, filter_net
from ..solver.definition import Definition, NetSource

if TYPE_CHECKING:
    from ..graph.wiring import Draft

PHASES = ("TRAIN", "TEST")
_MOST_STATES = 100  # sets of stages that are tried


@dataclass(frozen=True)
class Checked:
    """One state of a net. ``phases`` that give the same layers are one; ``notes`` say what was assumed."""

    phases: tuple[str, ...]
    stages: tuple[str, ...]
    outline: Outline
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    level: int = 0


def check_net(
    net: NetFile,
    phases: Iterable[str] = PHASES,
    level: int = 0,
    stages: tuple[str, ...] = (),
    given: Mapping[str, Shape] | None = None,
    **how: str | None,
) -> list[Checked]:
    """Check ``net`` in each of ``phases``; ``given`` shapes of blobs, and ``how``, are as in ``outline_graph``."""
    phases = tuple(phases)
    alike: dict[tuple[int, ...], list[str]] = {}
    for phase in phases:
        alike.setdefault(tuple(filter_net(net.param, phase, level, stages)), []).append(phase)
    found = []
    for same in alike.values():
        if len(alike) > 1 and _brings_nothing(net, same[0], level, stages):
            continue
        found += _in_some_stage(net, tuple(same), level, stages, given or {}, how)
    found = found or [_check(net, phases, level, stages, given or {}, how)]
    return [_with_faults_elsewhere(net, level, found), *found[1:]]


def check_solver(
    definition: Definition, phases: Iterable[str] = PHASES, given: Mapping[str, Shape] | None = None, **how: str | None
) -> list[tuple[NetFile, Checked]]:
    """Check the nets of a solver, each in the phase, at the level and in the stages that the solver runs it in."""
    states: list[tuple[NetSource, list[str]]] = []
    for source in (definition.train, *definition.tests):
        same = next((known for other, known in states if replace(other, phase=source.phase) == source), None)
        if same is None:
            states.append((source, [source.phase]))
        elif source.phase not in same:
            same.append(source.phase)
    found: list[tuple[NetFile, Checked]] = []
    for source, run_in in states:
        alike: dict[tuple[int, ...], list[str]] = {}
        for phase in run_in:
            kept = tuple(filter_net(source.file.param, phase, source.level, source.stages))
            alike.setdefault(kept, []).extend([phase] if phase in phases else [])
        checked = [
            _check(source.file, tuple(same), source.level, source.stages, given or {}, how)
            for same in alike.values()
            if same
        ]
        if checked:
            checked[0] = _with_faults_elsewhere(source.file, source.level, checked)
        found += [(source.file, one) for one in checked]
    return found


def _with_faults_elsewhere(net: NetFile, level: int, found: list[Checked]) -> Checked:
    """The first of ``found``, with what is wrong in the text of layers that none of them has."""
    kept = {i for state in found for phase in state.phases for i in filter_net(net.param, phase, level, state.stages)}
    known = layer_types()
    more = [text for text, i in net.faults if i is not None and i not in kept and net.param.layer[i].type in known]
    return replace(found[0], problems=(*found[0].problems, *more))


def _in_some_stage(
    net: NetFile,
    same: tuple[str, ...],
    level: int,
    stages: tuple[str, ...],
    given: Mapping[str, Shape],
    how: Mapping[str, str | None],
) -> list[Checked]:
    """The net as it stands; or if that is wrong, in each of the smallest sets of stages in which it is right.

    If it is right in none, in the one that leaves the fewest problems.
    """
    first = _check(net, same, level, stages, given, how)
    if stages or not first.problems or net.faults:
        return [first]
    best, seen = first, {tuple(filter_net(net.param, same[0], level, stages))}
    names = _stage_names(net)
    for size in range(1, len(names) + 1):
        good = []
        for chosen in combinations(names, size):
            kept = tuple(filter_net(net.param, same[0], level, chosen))
            if kept in seen or len(seen) > _MOST_STATES:
                continue
            seen.add(kept)
            result = _check(net, same, level, chosen, given, how)
            good += [] if result.problems else [result]
            best = min(best, result, key=lambda one: len(one.problems))
        if good:
            return good
    return [best]


def _brings_nothing(net: NetFile, phase: str, level: int, stages: tuple[str, ...]) -> bool:
    """Whether a net that has layers without bottoms has none of them in this phase."""
    kept = set(filter_net(net.param, phase, level, stages))
    sources = [index for index, layer in enumerate(net.param.layer) if not layer.bottom]
    return bool(sources) and not kept.intersection(sources) and not _stage_names(net)


def _stage_names(net: NetFile) -> list[str]:
    """The stages that rules ask for, in the order of the file."""
    rules = [rule for layer in net.param.layer for rule in (*layer.include, *layer.exclude)]
    return list(dict.fromkeys(name for rule in rules for name in (*rule.stage, *rule.not_stage)))


def _check(
    net: NetFile,
    phases: tuple[str, ...],
    level: int,
    stages: tuple[str, ...],
    given: Mapping[str, Shape],
    how: Mapping[str, str | None],
) -> Checked:
    def outline(more: Mapping[str, Shape]) -> Outline:
        return outline_graph(net, phases[0], level, stages, {**more, **given}, **how)

    found, seen = outline({}), set()
    assumed: dict[str, Shape] = {}
    while layer := next((one for one in found.unknown() if one.draft.title not in seen), None):
        seen.add(layer.draft.title)
        for tops in _likely(layer, found):
            tried = {**assumed, **dict(zip(layer.draft.layer.param.top, tops))}
            result = outline(tried)
            if set(result.problems) <= set(found.problems):
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
    if problems and stages:
        notes.append(f"{net.path}: judged with the stages {', '.join(stages)}")
    return Checked(phases, stages, found, tuple(problems), tuple(notes), level)


def _missing_note(draft: Draft, reason: str, found: Outline, assumed: Mapping[str, Shape]) -> str:
    """What became of a layer whose data are not there."""
    layer = next(layer for layer in found.layers if layer.draft is draft or layer.draft.place == draft.place)
    name = draft.layer.name
    if None in layer.tops:
        shapes = " ".join(f"{top}={form}" for top, form in zip(draft.layer.param.top, _FORMS))
        return f'{draft.place}: layer "{name}": {reason}; give the shapes of its tops with --shape {shapes}'
    how = "assumed" if any(top in assumed for top in draft.layer.param.top) else "taken from its options"
    return f'{draft.place}: layer "{name}": {reason}; shapes are {how}'


def _likely(unknown: OutlineLayer, found: Outline) -> list[list[Shape]]:
    """Shapes that the tops of a layer may have of which data or code are not there, the likeliest first.

    A data layer without crop and mean is judged by the name of its source. Code of the user's own is taken to bring an
    image in colour where a convolution reads it, and labels of the image or of each pixel; to compute a number for
    each top that is a loss; and else to keep the shape of the one bottom.
    """
    layer = unknown.draft.layer
    tops = layer.param.top
    if layer.type == "Python":
        if any(layer.param.loss_weight):
            return [[(1,)] * len(tops)]
        if len(tops) == len(layer.param.bottom) == 1:
            return [[shape for shape in unknown.bottoms if shape is not None]]
        others = [other.draft.layer for other in found.layers if other.draft.layer.type == "Convolution"]
        images = {name for other in others for name in other.param.bottom}.intersection(tops)
        if layer.param.bottom or not images:
            return []
        labels: list[Shape] = [(1,), (1, 1, *_COLOUR[1:]), (1, 1)]
        return [[(1, *_COLOUR) if top in images else label for top in tops] for label in labels]
    if layer.type not in ("Data", "ImageData"):
        return []
    words = f"{layer.options.source} {layer.param.transform_param.mean_file}".lower()
    known = [shapes for name, shapes in _FAMOUS.items() if re.search(name, words)]
    batch = layer.options.batch_size
    return [[(batch, *shape), (batch,)] for shapes in [*known, _ANY] for shape in shapes]


_COLOUR = (3, 224, 224)
_FORMS = ("N,C,H,W", *["N,..."] * 9)  # how the shapes of tops are asked for
_FAMOUS: dict[str, list[Shape]] = {
    "mnist": [(1, 28, 28), (2, 28, 28)],
    "cifar": [(3, 32, 32)],
    "svhn": [(3, 32, 32)],
    "ilsvrc|imagenet": [(3, 256, 256), (3, 224, 224), (3, 227, 227)],
}
_ANY: list[Shape] = [(3, 224, 224), (3, 227, 227), (1, 28, 28), (3, 32, 32), (1, 224, 224), (2, 28, 28)]
