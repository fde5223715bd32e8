"""What rules look at: the layers of nets in their phases, who reads whom, and where it is all written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ...errors import plural
from ...graph.build import short_path
from ...layers import layer_class, layer_types
from ...layers.base import Shape
from ...proto import NetFile, filter_net
from ...proto.spans import Edit, Span, spans_of
from ..check import Checked
from .base import Finding, Fix, Rule

_SHOWN = 3  # layers that a sentence names
_NETS = ("net_param", "train_net_param", "test_net_param")
POINTWISE = frozenset(
    "AbsVal BNLL Clip Dropout ELU Exp Log PReLU Power RReLU ReLU ReLU6 SELU SeLU Sigmoid TanH Threshold".split()
)
PASSING = frozenset(("Dropout", "Pooling", "Flatten", "Reshape", "Split"))
"""Types through which a factor and a shift of each channel pass, or nearly so."""
WEIGHTED = frozenset(
    ("Convolution", "Deconvolution", "InnerProduct", "ConvolutionDepthwise", "DepthwiseConvolution", "Im2col")
)


@dataclass(frozen=True)
class Source:
    """A text file: ``path`` as messages name it, ``text`` as it stands on the disk, line ends and all."""

    path: str
    text: str

    @cached_property
    def whole(self) -> Span:
        return spans_of(self.text, self.path)

    @cached_property
    def layers(self) -> tuple[Span, ...]:
        """The layers of the net, or of the nets of a solver, in the order of the file."""
        own = [part for part in self.whole.parts if part.name == "layer"]
        inner = [layer for name in _NETS for layer in self.whole.all(name, "layer")]
        return tuple(sorted([*own, *inner], key=lambda layer: layer.start))


@dataclass(frozen=True, eq=False)
class Site:
    """A layer of a net in one phase. ``kept_in`` are all phases of this net that have the same layer of the file."""

    source: Source
    net: int
    index: int
    param: Any
    span: Span | None
    line: int
    bottoms: tuple[Shape | None, ...]
    tops: tuple[Shape | None, ...]
    kept_in: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.param.name

    @property
    def type(self) -> str:
        return self.param.type

    @property
    def key(self) -> tuple[int, int]:
        """The same for the layer in another phase."""
        return self.net, self.index

    @property
    def has_factors(self) -> bool:
        """Whether it is a BatchNorm with a gamma and a beta of its own, as NVIDIA's are."""
        options = self.param.batch_norm_param
        return options.scale_bias or any(options.HasField(name) for name in ("scale_filler", "bias_filler"))

    def field(self, *path: str) -> Span | None:
        """Where a field of the layer stands."""
        return self.span.first(*path) if self.span else None

    def fix(self, words: str, *edits: Edit) -> Fix | None:
        """Edits of the file that the layer stands in; None unless it is known where."""
        return Fix(self.source.path, edits, words) if self.span else None

    def finding(self, rule: Rule, found: str, why: str, todo: str, at: Span | None = None, **more: Any) -> Finding:
        """A finding at the layer, or at a field of it."""
        at = at or self.span
        line, column = (at.line, at.column) if at else (self.line, 1)
        where = (self.source.path, line, column, self.name)
        return Finding(rule.name, more.pop("level", rule.level), *where, found, why, todo, span=self.span, **more)


@dataclass(frozen=True, eq=False)
class State:
    """A net in one phase: its layers in order, and who writes what they read."""

    phase: str
    net: int
    sites: tuple[Site, ...]

    @cached_property
    def _links(self) -> tuple[dict[int, list[Site]], dict[int, list[Site]]]:
        written: dict[str, Site] = {}
        above: dict[int, list[Site]] = {}
        below: dict[int, list[Site]] = {}
        for site in self.sites:
            for name in site.param.bottom:
                if name in written:
                    above.setdefault(id(site), []).append(written[name])
                    below.setdefault(id(written[name]), []).append(site)
            written.update(dict.fromkeys(site.param.top, site))
        return above, below

    def above(self, site: Site) -> list[Site]:
        """The layers that write what it reads."""
        return self._links[0].get(id(site), [])

    def below(self, site: Site) -> list[Site]:
        """The layers that read what it writes."""
        return self._links[1].get(id(site), [])

    def reached(self, site: Site, passing: Iterable[str]) -> Iterator[Site]:
        """The first layers below that are not of the types ``passing``."""
        left, seen = [site], {id(site)}
        while left:
            for reader in self.below(left.pop(0)):
                if id(reader) in seen:
                    continue
                seen.add(id(reader))
                if reader.type in passing:
                    left.append(reader)
                else:
                    yield reader

    def of_type(self, *types: str) -> list[Site]:
        return [site for site in self.sites if site.type in types]

    def scale_of(self, site: Site) -> Site | None:
        """The Scale that gives a BatchNorm its gamma and beta."""
        return next((reader for reader in self.below(site) if reader.type == "Scale"), None)

    @cached_property
    def shared(self) -> frozenset[str]:
        """The names of layers that share a parameter with another."""
        users: dict[str, set[str]] = {}
        for site in self.sites:
            for spec in site.param.param:
                users.setdefault(spec.name, set()).add(site.name)
        return frozenset(one for name, found in users.items() if name and len(found) > 1 for one in found)

    @cached_property
    def has_loss(self) -> bool:
        return any(_is_loss(site) for site in self.sites)


@dataclass(frozen=True)
class Planned:
    """What a solver plans: its file, how many iterations, over how many batches each; whether it came with a net."""

    path: str
    max_iter: int
    iter_size: int
    source: Source | None
    beside: bool


@dataclass(frozen=True)
class Case:
    """All that rules may look at. ``weights`` are the blobs of a file, by the layers' names."""

    states: tuple[State, ...]
    planned: Planned | None = None
    weights_path: str = ""
    weights: Mapping[str, list] = field(default_factory=dict)

    @cached_property
    def training(self) -> tuple[State, ...]:
        """The states that are trained in: those with a loss, or with layers for TRAIN alone."""
        return tuple(state for state in self.states if state.phase == "TRAIN" and self._trained(state))

    @cached_property
    def testing(self) -> tuple[State, ...]:
        """The states that are tested or deployed in: not those of a net with a loss that knows no phases."""
        return tuple(state for state in self.states if state.phase == "TEST" and not self.one_sided(state))

    def _trained(self, state: State) -> bool:
        return state.has_loss or any(site.kept_in == {"TRAIN"} for site in state.sites)

    def one_sided(self, state: State) -> bool:
        """Whether a net with a loss has the same layers in both phases: it may well be for training alone."""
        known = self.planned is not None and not self.planned.beside
        return not known and state.has_loss and all(len(site.kept_in) == 2 for site in state.sites)


def make_case(states: Iterable[tuple[NetFile, Checked]], sources: Mapping[str, Source], **more: Any) -> Case:
    """The case of nets as ``check_net`` and ``check_solver`` found them."""
    states = list(states)
    nets = list({id(net): net for net, _ in states}.values())
    kept: dict[tuple[int, int], set[str]] = {}
    for number, net in enumerate(nets):
        for phase in {phase for other, state in states if other is net for phase in state.phases}:
            for _, state in ((n, s) for n, s in states if n is net and phase in s.phases):
                for index in _kept(net, state, phase):
                    kept.setdefault((number, index), set()).add(phase)
    found = []
    for net, state in states:
        number = next(i for i, other in enumerate(nets) if other is net)
        spans = _spans(net, sources.get(net.path))
        for phase in state.phases:
            found.append(State(phase, number, tuple(_sites(net, state, phase, number, sources, spans, kept))))
    return Case(tuple(found), **more)


def _sites(
    net: NetFile,
    state: Checked,
    phase: str,
    number: int,
    sources: Mapping[str, Source],
    spans: Mapping[int, Span],
    kept: Mapping[tuple[int, int], set[str]],
) -> Iterator[Site]:
    source = sources.get(net.path) or Source(short_path(net.path), "")
    layers = [layer for layer in state.outline.layers if not layer.draft.made]
    for layer, index in zip(layers, _kept(net, state, phase)):
        shapes = layer.bottoms, layer.tops
        where = net.param.layer[index], spans.get(index), net.lines[index] if net.lines else 0
        yield Site(source, number, index, *where, *shapes, frozenset(kept[number, index]))


def _kept(net: NetFile, state: Checked, phase: str) -> list[int]:
    return filter_net(net.param, phase, state.level, (*net.param.state.stage, *state.stages))


def _spans(net: NetFile, source: Source | None) -> dict[int, Span]:
    """The spans of the layers, by their index: those whose line and name are the same, in the same order."""
    if source is None:
        return {}
    left, found = list(source.layers), {}
    for index, (layer, line) in enumerate(zip(net.param.layer, net.lines)):
        span = next((s for s in left if s.line == line and _named(s) == layer.name), None)
        if span is not None:
            found[index] = span
            left.remove(span)
    return found


def _named(span: Span) -> str:
    name = span.first("name")
    return name.word if name else ""


def named(sites: Sequence[Site]) -> str:
    """The names of layers, of the first three where there are more."""
    names = ", ".join(f'"{site.name}"' for site in sites[:_SHOWN])
    return f"{names} and {plural(len(sites) - _SHOWN, 'other')}" if len(sites) > _SHOWN else names


def _is_loss(site: Site) -> bool:
    if any(site.param.loss_weight):
        return True
    return site.type in layer_types() and layer_class(site.type).loss and not site.param.loss_weight
