"""Which statistics a BatchNorm uses in which phase: rules on ``use_global_stats``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...proto.spans import removed
from .base import WARNING, Finding, Fix, Rule
from .case import WEIGHTED, Case, Site, State

_TRAINED_SO = (
    "Nothing is stored yet when training from scratch, and the layer then only multiplies by 1 / sqrt(eps); weights "
    "that are trained further drift away from statistics that stand still"
)
_TESTED_SO = (
    "Each answer then depends on what else is in the batch, every test pass changes the stored statistics, and a "
    "batch of one item gives nothing but 0 where a channel is a single number"
)
_FROZEN = "it is right where BatchNorm is frozen for finetuning: freeze its Scale too (lr_mult 0), and all is quiet"


def _explicit(state: State, value: bool) -> Iterator[Site]:
    """The BatchNorm layers that say so."""
    for site in state.of_type("BatchNorm"):
        options = site.param.batch_norm_param
        if options.HasField("use_global_stats") and options.use_global_stats == value:
            yield site


def frozen(state: State, site: Site) -> bool:
    """Whether what belongs to a BatchNorm is not trained either: its Scale, or else the weights above it."""
    scale = state.scale_of(site)
    others = [scale] if scale else [above for above in state.above(site) if above.type in WEIGHTED]
    return bool(others) and all(
        other.param.param and all(spec.HasField("lr_mult") and not spec.lr_mult for spec in other.param.param)
        for other in others
    )


def _unset(site: Site) -> Fix | None:
    """The fix: ``use_global_stats`` taken out, and the message too if it holds nothing else."""
    message, field = site.field("batch_norm_param"), site.field("batch_norm_param", "use_global_stats")
    if message is None or field is None:
        return None
    text = site.source.text
    out = removed(text, message if len(message.parts) == 1 else field)
    return site.fix("takes use_global_stats out", out)


def _finding(rule: Rule, site: Site, found: str, why: str, todo: str, **more: Any) -> Finding:
    at = site.field("batch_norm_param", "use_global_stats")
    return site.finding(rule, found, why, todo, at, fix=_unset(site), **more)


def _in_train(case: Case) -> Iterator[Finding]:
    for state in case.training:
        for site in _explicit(state, True):
            if site.kept_in == {"TRAIN"} and not frozen(state, site):
                yield _finding(
                    STORED_IN_TRAIN,
                    site,
                    "use_global_stats is true in TRAIN, so that it normalises by stored statistics while training",
                    _TRAINED_SO,
                    f"take the field out: unset means false in TRAIN and true in TEST; {_FROZEN}",
                )


def _in_test(case: Case) -> Iterator[Finding]:
    for state in case.testing:
        for site in _explicit(state, False):
            if site.kept_in == {"TEST"} or not any(one.net == state.net for one in case.training):
                yield _finding(
                    BATCH_IN_TEST,
                    site,
                    "use_global_stats is false in TEST, so that it normalises by the statistics of the batch it tests",
                    _TESTED_SO,
                    "take the field out: unset means true in TEST",
                )


def _for_both(case: Case) -> Iterator[Finding]:
    for state in case.training:
        for site in _explicit(state, True):
            if len(site.kept_in) == 2 and not frozen(state, site):
                why = f"It is wrong in TRAIN. {_TRAINED_SO}"
                yield _finding(ONE_FOR_BOTH, site, _ALIKE.format("true"), why, f"take the field out; {_FROZEN}")
        for site in _explicit(state, False):
            if len(site.kept_in) == 2:
                found = _EITHER if case.one_sided(state) else _ALIKE.format("false")
                why, todo = f"It is wrong in TEST. {_TESTED_SO}", "take the field out: unset means false in TRAIN alone"
                yield _finding(ONE_FOR_BOTH, site, found, why, todo)


_ALIKE = "use_global_stats is {} for TRAIN and TEST alike, as one layer serves both phases"
_EITHER = "use_global_stats is false whatever the phase"


STORED_IN_TRAIN = Rule(
    "bn-stored-in-train",
    WARNING,
    "A BatchNorm for TRAIN alone has use_global_stats true: it is trained with stored statistics. Quiet where its "
    "Scale, or without one the weights above it, are frozen with lr_mult 0, as in finetuning.",
    _in_train,
    fixes=True,
)
BATCH_IN_TEST = Rule(
    "bn-batch-in-test",
    WARNING,
    "A BatchNorm of TEST alone, or of a net that is never trained, has use_global_stats false: answers depend on the "
    "rest of the batch.",
    _in_test,
    fixes=True,
)
ONE_FOR_BOTH = Rule(
    "bn-one-for-both",
    WARNING,
    "One BatchNorm serves TRAIN and TEST and sets use_global_stats, which then holds in both and is wrong in one. "
    "Quiet where it says true and all around it is frozen.",
    _for_both,
    fixes=True,
)
RULES = (STORED_IN_TRAIN, BATCH_IN_TEST, ONE_FOR_BOTH)
