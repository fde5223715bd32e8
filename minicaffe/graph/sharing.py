"""Parameters: their multipliers, and which of them share memory by name (``param { name: "w" }``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..errors import LayerError, plural, shape_text
from ..fillers import check_filler
from ..layers.base import Inferred, count
from ..proto import caffe_pb2
from .facts import ParamFact
from .wiring import Draft

_PERMISSIVE = caffe_pb2.ParamSpec.PERMISSIVE
_MULTIPLIERS = ("lr_mult", "decay_mult")


def collect_params(drafts: list[Draft], inferred: Sequence[Inferred | None], problems: list[str]) -> list[ParamFact]:
    """All parameters in net order. A name seen before makes the later one use the first one's memory.

    A multiplier holds for all that share, whichever of them gives it; those that give it must agree.
    """
    facts: list[ParamFact] = []
    given: list[dict[str, Any]] = []  # by owner: the multipliers that some layer gives
    owners: dict[str, ParamFact] = {}
    problems += _repeated_names(drafts, inferred)
    for index, (draft, result) in enumerate(zip(drafts, inferred)):
        if result is None:
            continue
        specs = list(draft.layer.param.param)
        if len(specs) > len(result.params):
            has = plural(len(result.params), "parameter blob")
            problems.append(f"{draft.title}: found {len(specs)} param {{ }}, but {draft.layer.type} here has {has}")
        specs += [caffe_pb2.ParamSpec()] * (len(result.params) - len(specs))
        for i, (param, spec) in enumerate(zip(result.params, specs)):
            owner = owners.get(spec.name) if spec.name else None
            problems += [f"{draft.title}: {text}" for text in _wrong_filler(param)]
            fact = ParamFact(
                id=len(facts),
                node=index,
                index=i,
                label=param.name,
                shape=tuple(param.shape),
                filler=param.filler,
                learned=param.learned,
                lr_mult=spec.lr_mult,
                decay_mult=spec.decay_mult,
                share_name=spec.name,
                owner=owner.id if owner else len(facts),
            )
            facts.append(fact)
            given.append({})
            if owner:
                other = drafts[owner.node].layer.name
                wrong = _mismatches(fact, spec, owner, other, given[owner.id])
                problems += [f"{draft.title}: {text}" for text in wrong]
            elif spec.name:
                owners[spec.name] = fact
            for field in _MULTIPLIERS:
                if spec.HasField(field):
                    given[fact.owner].setdefault(field, getattr(spec, field))
    return [
        replace(fact, **given[fact.owner]) if fact.learned else replace(fact, lr_mult=0.0, decay_mult=0.0)
        for fact in facts
    ]


def _wrong_filler(param: Any) -> list[str]:
    if hasattr(param.filler, "DESCRIPTOR"):  # a message, and no array of a Python layer
        try:
            check_filler(param.filler, param.shape)
        except LayerError as error:
            return [str(error)]
    return []


def _repeated_names(drafts: list[Draft], inferred: Sequence[Inferred | None]) -> list[str]:
    """Weights are kept by layer name: those of two layers of one name could not be told apart in a file."""
    wrong = []
    first: dict[str, Draft] = {}
    for draft, result in zip(drafts, inferred):
        if result is not None and result.params and first.setdefault(draft.layer.name, draft) is not draft:
            wrong.append(
                f"{draft.title}: another layer with parameters has the same name ({first[draft.layer.name].place}); "
                "expected a name of its own, by which to find its weights in a file"
            )
    return wrong


def _mismatches(fact: ParamFact, spec: Any, owner: ParamFact, other: str, given: Any) -> list[str]:
    wrong = []
    shared = f'parameter "{spec.name}" is shared with layer "{other}"'
    if spec.share_mode == _PERMISSIVE:
        if count(fact.shape) != count(owner.shape):
            wrong.append(f"{shared}, but holds {count(fact.shape)} numbers here and {count(owner.shape)} there")
    elif fact.shape != owner.shape:
        wrong.append(f"{shared}, but is {shape_text(fact.shape)} here and {shape_text(owner.shape)} there")
    for field in _MULTIPLIERS:
        here = getattr(spec, field)
        if spec.HasField(field) and here != given.get(field, here):
            wrong.append(f"{shared}, but {field} is {here:g} here and {given[field]:g} there; expected the same")
    return wrong
