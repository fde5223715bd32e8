"""Parameters: their multipliers, and which of them share memory by name (``param { name: "w" }``)."""

from __future__ import annotations

from ..errors import plural, shape_text
from ..layers.base import count
from ..proto import caffe_pb2
from .facts import ParamFact
from .wiring import Draft

_PERMISSIVE = caffe_pb2.ParamSpec.PERMISSIVE


def collect_params(drafts: list[Draft], inferred, problems: list[str]) -> list[ParamFact]:
    """All parameters in net order. A name seen before makes the later one use the first one's memory."""
    facts: list[ParamFact] = []
    owners: dict[str, tuple[ParamFact, object, Draft]] = {}
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
            fact = ParamFact(
                id=len(facts),
                node=index,
                index=i,
                label=param.name,
                shape=tuple(param.shape),
                filler=param.filler,
                learned=param.learned,
                lr_mult=_multiplier(param, spec, owner, "lr_mult"),
                decay_mult=_multiplier(param, spec, owner, "decay_mult"),
                share_name=spec.name,
                owner=owner[0].id if owner else len(facts),
            )
            facts.append(fact)
            if owner:
                problems += [f"{draft.title}: {text}" for text in _mismatches(fact, spec, *owner)]
            elif spec.name:
                owners[spec.name] = (fact, spec, draft)
    return facts


def _multiplier(param, spec, owner, field) -> float:
    if not param.learned:
        return 0.0
    if owner and not spec.HasField(field):
        return getattr(owner[0], field)
    return float(getattr(spec, field))


def _mismatches(fact, spec, owner, owner_spec, owner_draft) -> list[str]:
    wrong = []
    shared = f'parameter "{spec.name}" is shared with layer "{owner_draft.layer.name}"'
    if spec.share_mode == _PERMISSIVE:
        if count(fact.shape) != count(owner.shape):
            wrong.append(f"{shared}, but holds {count(fact.shape)} numbers here and {count(owner.shape)} there")
    elif fact.shape != owner.shape:
        wrong.append(f"{shared}, but is {shape_text(fact.shape)} here and {shape_text(owner.shape)} there")
    for field in ("lr_mult", "decay_mult"):
        here, there = getattr(spec, field), getattr(owner, field)
        if spec.HasField(field) and owner_spec.HasField(field) and here != there:
            wrong.append(f"{shared}, but {field} is {here:g} here and {there:g} there; expected the same")
    return wrong
