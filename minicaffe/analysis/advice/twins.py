"""BatchNorm and Scale that stand in the file twice, for TRAIN and for TEST: they must agree."""

from __future__ import annotations

from collections.abc import Iterator

from ...proto.spans import added, removed, valued
from .base import WARNING, Finding, Fix, Rule
from .case import Case, Site, State

_TYPES = {
    "BatchNorm": ("batch_norm_param", ("eps", "per_activation")),
    "BN": ("bn_param", ("eps",)),
    "Scale": ("scale_param", ("axis", "num_axes", "bias_term")),
}


def _twins(case: Case) -> Iterator[tuple[Site, Site, State]]:
    """Pairs for TRAIN and TEST that write the same blob, the same time; and the state of the second."""
    seen = set()
    for train in (state for state in case.states if state.phase == "TRAIN"):
        for test in (state for state in case.states if state.phase == "TEST"):
            first, second = _written(train), _written(test)
            for place in first.keys() & second.keys():
                pair = first[place], second[place]
                if pair[0].key != pair[1].key and (pair[0].key, pair[1].key) not in seen:
                    seen.add((pair[0].key, pair[1].key))
                    yield (*pair, test)


def _written(state: State) -> dict[tuple, Site]:
    found: dict[tuple, Site] = {}
    for site in state.of_type(*_TYPES):
        tops = (site.type, *site.param.top)
        place = (*tops, sum(other[:-1] == tops for other in found))
        found[place] = site
    return found


def _names(case: Case) -> Iterator[Finding]:
    for train, test, state in _twins(case):
        if train.name != test.name and not _shared(train, test):
            field = test.field("name")
            free = train.name not in {site.name for site in state.sites}
            yield test.finding(
                NAMES,
                f'it is called "{train.name}" in TRAIN ({_place(train, test)}) and "{test.name}" in TEST',
                "Nets share weights and statistics by the names of layers: what TRAIN stores never reaches TEST",
                f'call it "{train.name}" in both',
                field,
                fix=test.fix(f'calls it "{train.name}"', valued(field, f'"{train.name}"')) if field and free else None,
            )


def _shared(train: Site, test: Site) -> bool:
    """Whether their parameters have names of their own, and the same ones."""
    names = [[spec.name for spec in site.param.param] for site in (train, test)]
    return bool(names[0]) and all(names[0]) and names[0] == names[1]


def _options(case: Case) -> Iterator[Finding]:
    for train, test, _ in _twins(case):
        message, names = _TYPES[train.type]
        ours, theirs = getattr(train.param, message), getattr(test.param, message)
        for name in names:
            if getattr(ours, name) == getattr(theirs, name):
                continue
            found, wanted = _text(getattr(theirs, name)), _text(getattr(ours, name))
            yield test.finding(
                OPTIONS,
                f"{name} is {wanted} in TRAIN ({_place(train, test)}) and {found} in TEST",
                "The weights were trained with the one, and would be tested with the other",
                f"make it {wanted} in both, as it was trained",
                test.field(message, name),
                fix=_made(test, message, name, wanted if ours.HasField(name) else ""),
            )


def _made(site: Site, message: str, name: str, value: str) -> Fix | None:
    """The fix: a field with this value, or without any."""
    whole, field, text = site.field(message), site.field(message, name), site.source.text
    if site.span is None:
        return None
    words = f"makes {name} as in TRAIN"
    if whole is None:
        return site.fix(words, added(text, site.span, f"{message} {{ {name}: {value} }}")) if value else None
    if field is None:
        return site.fix(words, added(text, whole, f"{name}: {value}")) if value else None
    return site.fix(words, valued(field, value) if value else removed(text, whole if len(whole.parts) == 1 else field))


def _text(value: float) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"


def _place(train: Site, test: Site) -> str:
    """Where the one for TRAIN stands, seen from the other."""
    line = train.span.line if train.span else train.line
    return f"line {line}" if train.source.path == test.source.path else f"{train.source.path}:{line}"


NAMES = Rule(
    "twin-names",
    WARNING,
    "A BatchNorm or Scale stands in the file twice, for TRAIN and for TEST, under two names: they share nothing.",
    _names,
    fixes=True,
)
OPTIONS = Rule(
    "twin-options",
    WARNING,
    "A BatchNorm or Scale stands in the file twice, for TRAIN and for TEST, and eps, axes or bias_term differ.",
    _options,
    fixes=True,
)
RULES = (NAMES, OPTIONS)
