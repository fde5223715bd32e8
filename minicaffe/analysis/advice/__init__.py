"""Advice on nets that can be built and may yet not do what is meant: rules on batch normalisation and its neighbours.

A ``Rule`` is data: a name, a weight, a sentence, and a function that looks. A warning is a finding; a note is something
that may well be meant. ``# minicaffe: ok RULE`` beside a layer, or above everything in a file, allows what a rule
would find.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from ...errors import UsageError, did_you_mean
from . import entries, statistics, structure, training, twins, weights
from .base import NOTE, WARNING, Finding, Fix, Rule
from .case import Case, Planned, Source, make_case
from .sources import fixed, source_of, write

__all__ = [
    "NOTE",
    "RULES",
    "WARNING",
    "Case",
    "Finding",
    "Fix",
    "Planned",
    "Rule",
    "Source",
    "advise",
    "fixed",
    "known_rules",
    "make_case",
    "of_texts",
    "source_of",
    "write",
]

RULES: tuple[Rule, ...] = (
    *entries.RULES,
    *statistics.RULES,
    *structure.RULES,
    *twins.RULES,
    *training.RULES,
    *weights.RULES,
)

_ALLOWED = re.compile(r"#[ \t]*minicaffe:[ \t]*ok[ \t]+([\w-]+(?:[ \t]*,[ \t]*[\w-]+)*)")
_COMMENTS_ABOVE = re.compile(r"(?:^[ \t]*#[^\n]*\n)+[ \t]*\Z", re.MULTILINE)


def known_rules(names: Iterable[str]) -> tuple[str, ...]:
    """``names``; UsageError for one that is no rule's."""
    names, known = tuple(names), [rule.name for rule in RULES]
    for name in names:
        if name not in known:
            near = did_you_mean(name, known) or f"; expected some of {', '.join(known)}"
            raise UsageError(f'"{name}" is no rule of check{near}')
    return names


def of_texts(sources: Mapping[str, Source], ignore: Collection[str] = ()) -> list[Finding]:
    """What the rules find that need no net, in texts that may not be one yet."""
    rules = [rule for rule in RULES if rule.of_text]
    found = [finding for source in sources.values() for rule in rules for finding in rule.look(source)]
    return _kept(found, sources, ignore)


def advise(case: Case, sources: Mapping[str, Source], ignore: Collection[str] = ()) -> list[Finding]:
    """What all rules find, but those to ``ignore``, in the order of the files and their lines."""
    found = [finding for rule in RULES if not rule.of_text for finding in rule.look(case)]
    solver = case.planned.source if case.planned else None
    beside = {solver.path: solver} if solver else {}
    return _kept([*of_texts(sources, ignore), *found], {**sources, **beside}, ignore)


def _kept(found: Iterable[Finding], sources: Mapping[str, Source], ignore: Collection[str]) -> list[Finding]:
    by_path = {source.path: source for source in sources.values()}
    once: dict[tuple, Finding] = {}
    for finding in found:
        if finding.rule not in ignore and finding.rule not in _allowed(finding, by_path.get(finding.path)):
            once.setdefault((finding.rule, finding.place, finding.layer, finding.found), finding)
    order = {path: number for number, path in enumerate(by_path)}
    return sorted(once.values(), key=lambda one: (order.get(one.path, len(order)), one.line, one.column))


def _allowed(finding: Finding, source: Source | None) -> set[str]:
    """The rules that comments allow: in the field, above it, at its end, or above everything in the file."""
    if source is None:
        return set()
    text, parts = source.text, source.whole.parts
    places = [(0, parts[0].start if parts else 0)]
    if finding.span is not None:
        above = _COMMENTS_ABOVE.search(text[: finding.span.start])
        end = text.find("\n", finding.span.end)
        places.append((above.start() if above else finding.span.start, len(text) if end < 0 else end))
    found = (match[1] for start, end in places for match in _ALLOWED.finditer(text, start, end))
    return {name.strip() for names in found for name in names.split(",")}
