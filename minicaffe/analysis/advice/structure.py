"""What stands around a BatchNorm: a Scale behind it, a bias or Dropout before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ...proto.spans import Edit, Span, added, following, indent_of, removed, valued
from .base import NOTE, WARNING, Finding, Fix, Rule
from .case import PASSING, POINTWISE, WEIGHTED, Case, Site, State, named
from .statistics import frozen

_SHIFTED = frozenset(("Scale", "Bias", "EltwiseAffine"))


def _without_scale(case: Case) -> Iterator[Finding]:
    """A finding for each that a rectifier or Softmax reads, or in a net that has a Scale elsewhere; else one note."""
    lone: dict[int, dict[tuple, tuple[State, Site]]] = {}
    paired = set()
    for state in case.states:
        for site in state.of_type("BatchNorm"):
            if state.scale_of(site) or site.has_factors:
                paired.add(state.net)
            elif _is_doubtful(state, site):
                lone.setdefault(state.net, {}).setdefault(site.key, (state, site))
    for net, found in lone.items():
        plain = []
        for state, site in found.values():
            reached = list(state.reached(site, PASSING))
            rectifier = next((one.type for one in reached if one.type in _RECTIFIERS), None)
            reader = rectifier or next((one.type for one in reached if one.type in _SCORED), None)
            if net in paired:
                what = "no Scale follows it, as one does behind other BatchNorm layers of this net"
            elif reader:
                what = f"no Scale follows it, and a {reader} reads it"
            else:
                plain.append(site)
                continue
            why = f"{_WHY}, so that always about half is cut off" if rectifier else _WHY
            meant = f"{_REMEDY}; or say that it is meant, with # minicaffe: ok bn-without-scale"
            yield site.finding(WITHOUT_SCALE, what, why, meant, fix=_scale(state, site))
        if plain:
            why = f"{_WHY}. Nets that only normalise are right where that is meant"
            yield plain[0].finding(WITHOUT_SCALE, f"no Scale follows {named(plain)}", why, _REMEDY, level=NOTE)


_RECTIFIERS = frozenset("APL BNLL Clip ELU PReLU RReLU ReLU ReLU6 SELU SeLU Swish Threshold".split())
_SCORED = frozenset("HingeLoss SigmoidCrossEntropyLoss Softmax SoftmaxWithLoss".split())
_WHY = (
    "BatchNorm alone has neither gamma nor beta: every channel comes out with mean 0 and deviation 1, and what reads "
    "it cannot ask for another"
)
_REMEDY = 'put layer { type: "Scale" scale_param { bias_term: true } } behind it'


def _is_doubtful(state: State, site: Site) -> bool:
    """Whether no other layer can do what gamma and beta would: not where all that is reached has weights."""
    if any(reader.type in _SHIFTED for reader in state.below(site)):
        return False
    reached = list(state.reached(site, PASSING | {"Concat"}))
    return bool(reached) and not all(reader.type in WEIGHTED or reader.type == "BatchNorm" for reader in reached)


def _scale(state: State, site: Site) -> Fix | None:
    """A Scale in place, in the next line, for the phases that the BatchNorm is for."""
    text, taken = site.source.text, {other.name for other in state.sites}
    name = next(new for n in range(len(taken) + 1) if (new := f"{site.name}/scale{n or ''}") not in taken)
    field = site.field("top")
    if site.span is None or not site.span.alone:  # in a list of layers, none can stand behind it like this
        return None
    if field is None or len(site.param.top) != 1 or not site.name:
        return None
    top = field.written
    rules = [text[rule.start : rule.end] for kind in ("include", "exclude") for rule in site.span.all(kind)]
    fields = [f'name: "{name}"', 'type: "Scale"', f"bottom: {top}", f"top: {top}"]
    fields += [*rules, "scale_param { bias_term: true }"]
    return site.fix('adds a Scale "' + name + '"', following(text, site.span, _layer(text, site.span, fields)))


def _layer(text: str, model: Span, fields: list[str]) -> str:
    """A layer in the manner of ``model``: a line for each field, or one for all."""
    if "\n" not in text[model.start : model.end]:
        return f"{indent_of(text, model.start)}layer {{ {' '.join(fields)} }}"
    newline = "\r\n" if "\r\n" in text else "\n"
    outer = indent_of(text, model.start)
    inner = indent_of(text, model.parts[-1].start)
    inner = inner if len(inner) > len(outer) else outer + "  "
    return newline.join([f"{outer}layer {{", *(inner + field for field in fields), f"{outer}}}"])


def _useless_bias(case: Case) -> Iterator[Finding]:
    for state in case.training:
        found = [site for site in state.sites if _has_bias(site) and _is_subtracted(state, site)]
        if found:
            yield found[0].finding(
                USELESS_BIAS,
                f"the bias of {named(found)} goes straight into BatchNorm",
                "Its mean is subtracted there, and the bias with it: it has no effect, and its gradient is 0",
                "say bias_term: false, unless trained weights that have the bias are to be loaded",
                fix=_without_bias(case, state, found),
            )


def _has_bias(site: Site) -> bool:
    biased = site.type in WEIGHTED - {"Im2col"} and getattr(site.param, _options_of(site)).bias_term
    specs = site.param.param
    return biased and not (len(specs) > 1 and specs[1].HasField("lr_mult") and not specs[1].lr_mult)


def _options_of(site: Site) -> str:
    return {"InnerProduct": "inner_product_param"}.get(site.type, "convolution_param")


def _without_bias(case: Case, state: State, found: list[Site]) -> Fix | None:
    """The fix: bias_term false in these layers and their twins; their second param goes. Not where weights have one."""
    names = {site.name for site in found}
    if any(len(case.weights.get(name, ())) > 1 for name in names) or state.shared & names:
        return None
    sites = {
        site.key: site
        for other in case.states
        if other.net == state.net
        for site in other.sites
        if site.name in names and _has_bias(site)
    }
    edits = [edits for site in sites.values() if (edits := _bias_unset(site))]
    if len(edits) < len(sites):
        return None
    return found[0].fix("makes bias_term false", *(edit for each in edits for edit in each))


def _bias_unset(site: Site) -> list[Edit]:
    """What takes a layer's bias: nothing if it is not known where its options stand."""
    text, message = site.source.text, site.field(_options_of(site))
    if site.span is None or message is None:
        return []
    field, specs = message.first("bias_term"), list(site.span.all("param"))
    first = valued(field, "false") if field else added(text, message, "bias_term: false")
    return [first, *(removed(text, spec) for spec in specs[1:])]


def _is_subtracted(state: State, site: Site) -> bool:
    readers = state.below(site)
    return bool(readers) and all(
        reader.type == "BatchNorm" and not reader.param.batch_norm_param.use_global_stats for reader in readers
    )


def _scale_axis(case: Case) -> Iterator[Finding]:
    for site in _once(case, lambda state: (scale for bn in _by_channel(state) for scale in _scales(state, bn))):
        options = site.param.scale_param
        axes = len(site.bottoms[0]) if site.bottoms and site.bottoms[0] else 0
        axis = options.axis + axes if options.axis < 0 and axes else options.axis
        wrong = [f"axis {options.axis}"] if axis != 1 and axes != 1 else []
        wrong += [f"num_axes {options.num_axes}"] if options.num_axes != 1 and not _reaches_end(axes, options) else []
        if len(site.param.bottom) > 1 or not wrong or (axis < 0):
            continue
        fields = [field for name in ("axis", "num_axes") if (field := site.field("scale_param", name))]
        yield site.finding(
            SCALE_AXIS,
            f"its factors span {' and '.join(wrong)}, behind a BatchNorm",
            "BatchNorm normalises channels, which are axis 1: gamma and beta are one number for each of them",
            "leave both fields out: axis 1 and num_axes 1 are what they are if unset",
            fields[0] if fields else None,
            fix=_axes_unset(site, fields),
        )


def _axes_unset(site: Site, fields: list[Span]) -> Fix | None:
    """The fix: ``axis`` and ``num_axes`` taken out, and the message too if it holds nothing else."""
    message, text = site.field("scale_param"), site.source.text
    if message is None or not fields:
        return None
    out = [message] if len(fields) == len(message.parts) else fields
    return site.fix(f"takes {' and '.join(field.name for field in fields)} out", *(removed(text, one) for one in out))


def _by_channel(state: State) -> Iterator[Site]:
    return (site for site in state.of_type("BatchNorm") if not site.param.batch_norm_param.per_activation)


def _scales(state: State, site: Site) -> Iterator[Site]:
    return (reader for reader in state.below(site) if reader.type == "Scale")


def _reaches_end(axes: int, options: Any) -> bool:
    """Whether all axes from 1 on are just the channels."""
    return axes == 2 and options.num_axes == -1


def _dropout(case: Case) -> Iterator[Finding]:
    through = POINTWISE | PASSING | {"Scale", "Bias"}
    for state in case.training:
        for site in state.of_type("Dropout"):
            below = [
                reader for reader in state.reached(site, through - {"Dropout"}) if reader.type in ("BatchNorm", "BN")
            ]
            below = [reader for reader in below if not frozen(state, reader)]
            if below and site.param.dropout_param.dropout_ratio > 0:
                yield site.finding(
                    DROPOUT,
                    f'what it drops goes into BatchNorm "{below[0].name}", with no weights between',
                    "Dropping raises the variance in TRAIN and does nothing in TEST, so that the statistics stored in "
                    "TRAIN are too large for TEST (Li et al. 2018, arXiv 1801.05134)",
                    "put Dropout behind the BatchNorm, best before the last layer with weights alone",
                )


def _once(case: Case, sites: Callable[[State], Iterable[Site]]) -> Iterator[Site]:
    """Each layer once, though it may be in several states."""
    seen = set()
    for state in case.states:
        for site in sites(state):
            if site.key not in seen:
                seen.add(site.key)
                yield site


WITHOUT_SCALE = Rule(
    "bn-without-scale",
    WARNING,
    "A BatchNorm goes without Scale or Bias into a layer that cannot make up for gamma and beta, such as ReLU or "
    "Softmax. A note where none of the net has a Scale and what follows is neither, as the Sigmoid of Caffe's own "
    "CIFAR-10 example; quiet before layers with weights.",
    _without_scale,
    fixes=True,
)
USELESS_BIAS = Rule(
    "bn-useless-bias",
    WARNING,
    "A convolution or inner product in training has a bias that the BatchNorm behind it subtracts again. --fix leaves "
    "it where weights were given that have it, or another layer shares it.",
    _useless_bias,
    fixes=True,
)
SCALE_AXIS = Rule(
    "scale-axis",
    WARNING,
    "A Scale behind BatchNorm spans other axes than the channels.",
    _scale_axis,
    fixes=True,
)
DROPOUT = Rule(
    "dropout-before-bn",
    WARNING,
    "In training, Dropout goes into a BatchNorm with no weights between: its statistics do not hold in TEST. Quiet "
    "where the sum with other branches, a Concat or a layer with weights is between.",
    _dropout,
)
RULES = (WITHOUT_SCALE, USELESS_BIAS, SCALE_AXIS, DROPOUT)
