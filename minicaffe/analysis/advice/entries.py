"""Rules on what is written, before it is known to be a net: types that are nearly right, and BatchNorm's ``param``."""

from __future__ import annotations

from collections.abc import Iterator

from ...layers import layer_types
from ...proto.spans import Span, valued
from .base import WARNING, Finding, Fix, Rule
from .case import Source

_ALIASES = {
    "batchnormalization": "BatchNorm",
    "batchnormalisation": "BatchNorm",
    "scaleandshift": "Scale",
    "scalebias": "Scale",
    "fullyconnected": "InnerProduct",
    "softmaxloss": "SoftmaxWithLoss",
    "sigmoidcrossentropy": "SigmoidCrossEntropyLoss",
}
"""Old and other programs' names, in small letters and without a Layer at the end."""


def known_type(word: str) -> str:
    """The type that ``word`` can only mean: the same but for capitals, _ and a Layer at its end. "" for any other."""
    known = layer_types()
    if not word or word in known:
        return ""
    plain = _plain(word)
    near = {name for name in known if _plain(name) == plain}
    return near.pop() if len(near) == 1 else _ALIASES.get(plain, "")


def _plain(word: str) -> str:
    return word.replace("_", "").replace(" ", "").lower().removesuffix("layer")


def _types(source: Source) -> Iterator[Finding]:
    for layer in source.layers:
        field = layer.first("type")
        known = known_type(field.word) if field else ""
        if field is None or not known:
            continue
        quote = field.written[:1] if field.written[:1] in "\"'" else '"'
        fix = Fix(source.path, (valued(field, f"{quote}{known}{quote}"),), f'makes the type "{known}"')
        found = f'the type is "{field.word}", which no layer has'
        why = "Types are spelled as Caffe spells them, with their capitals, and never end in Layer"
        yield _finding(NEAR_TYPE, source, layer, field, found, why, f'write "{known}"', fix)


def _decay(source: Source) -> Iterator[Finding]:
    yield from _entries(
        DECAY,
        source,
        "decay_mult",
        "BatchNorm's blobs are running statistics: the entry has no effect here and in Caffe 1.0, and programs that "
        "apply it pull the statistics towards 0",
        "say 0, or leave out the three param entries",
    )


def _rate(source: Source) -> Iterator[Finding]:
    yield from _entries(
        RATE,
        source,
        "lr_mult",
        "BatchNorm's blobs are running statistics, which no solver may change; what is learned, gamma and beta, is "
        "in the Scale layer behind it",
        "say 0, or leave out the three param entries",
    )


def _entries(rule: Rule, source: Source, name: str, why: str, todo: str) -> Iterator[Finding]:
    for layer in source.layers:
        kind = layer.first("type")
        if kind is None or (kind.word != "BatchNorm" and known_type(kind.word) != "BatchNorm"):
            continue
        specs = list(layer.all("param"))[: 3 if _has_factors(layer) else None]  # those behind are of gamma and beta
        wrong = [field for spec in specs for field in spec.all(name) if _number(field.word) not in (None, 0)]
        if wrong:
            fix = Fix(source.path, tuple(valued(field, "0") for field in wrong), f"makes {name} 0")
            found = f"{name} of its blobs is {', '.join(field.word for field in wrong)}"
            yield _finding(rule, source, layer, wrong[0], found, why, todo, fix)


def _has_factors(layer: Span) -> bool:
    """As of a ``Site``."""
    switch = layer.first("batch_norm_param", "scale_bias")
    fillers = [layer.first("batch_norm_param", name) for name in ("scale_filler", "bias_filler")]
    return any(fillers) or (switch is not None and switch.word in ("true", "True", "t", "1"))


def _finding(rule: Rule, source: Source, layer: Span, at: Span, found: str, why: str, todo: str, fix: Fix) -> Finding:
    name = layer.first("name")
    where = (source.path, at.line, at.column, name.word if name else "")
    return Finding(rule.name, rule.level, *where, found, why, todo, fix, layer)


def _number(word: str) -> float | None:
    try:
        return float(word.rstrip("fF"))
    except ValueError:
        return None


NEAR_TYPE = Rule(
    "layer-type",
    WARNING,
    'A type that is nearly right, such as "ScaleLayer", "Batchnorm" or "RELU". An error in any case: no net can be '
    "built of it; --fix writes the type that it can only mean.",
    _types,
    of_text=True,
    fixes=True,
)
RATE = Rule(
    "bn-lr",
    WARNING,
    "A param of BatchNorm with an lr_mult other than 0. An error in any case: statistics are not learned.",
    _rate,
    of_text=True,
    fixes=True,
)
DECAY = Rule(
    "bn-decay",
    WARNING,
    "A param of BatchNorm with a decay_mult other than 0, which would decay running statistics.",
    _decay,
    of_text=True,
    fixes=True,
)
RULES = (NEAR_TYPE, RATE, DECAY)
