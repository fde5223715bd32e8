"""One forward of a net, and one backward where it has a loss, with every layer looked at as soon as it has run.

What is found of a layer is all that is kept of it, so that blobs are never copied whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UsageError, did_you_mean
from ..execution import Span
from ..graph import Graph, Node
from .advice import advice
from .facts import LayerFacts, Norm, Numbers, ParamFacts, Picture, Prediction, TopFacts, Units
from .keeping import kept
from .numbers import channel_moments, channel_shares, numbers_of
from .predictions import predictions
from .views import Views

if TYPE_CHECKING:
    from ..graph.facts import ParamFact
    from ..layers.base import Layer

__all__ = ["Measured", "measure"]

_RANGES = {"Sigmoid": (0.0, 1.0), "TanH": (-1.0, 1.0)}
_EDGE = 0.01


@dataclass(frozen=True)
class Measured:
    """What one run of a net showed. ``loss`` is None where the net has none, and so no gradients."""

    loss: float | None
    layers: dict[str, LayerFacts]
    predictions: tuple[Prediction, ...]
    images: tuple[Picture, ...]


def measure(net: Any, names: Iterable[str] | None, item: int, rgb: bool, gradients: bool) -> Measured:
    """Run ``net`` and look at the layers called ``names``, all where None; the net is put back as it was.

    ``item`` is the one of the batch whose activations are drawn. UsageError for a layer that the net does not have.
    """
    with kept(net):
        look = _Look(net, _wanted(net, names), Views(net, item, rgb))
        net.run_forward(Span(before=look.before, after=look.after))
        look.views_up_to(len(net.graph.nodes))
        losses = net.graph.loss_values()
        if losses and gradients:
            net.run_backward(Span(before=look.before_backward))
        return Measured(net.loss if losses else None, look.found(), predictions(net), look.images)


def _wanted(net: Any, names: Iterable[str] | None) -> list[str]:
    known = [node.name for node in net.graph.nodes if node.type != "Split"]
    if names is None:
        return known
    wanted = list(dict.fromkeys([names] if isinstance(names, str) else names))
    for name in wanted:
        if name not in known:
            raise UsageError(f'the net has no layer "{name}" in phase {net.graph.phase}{did_you_mean(name, known)}')
    return [name for name in known if name in wanted]


class _Look:
    """Is told of each layer, and notes what there is to see at that moment."""

    def __init__(self, net: Any, wanted: list[str], views: Views) -> None:
        self._net, self._views = net, views
        self._wanted = dict.fromkeys(wanted)
        views.share_out(len(wanted))
        self._facts: dict[str, LayerFacts] = {}
        self._norm: Norm | None = None
        self._next = 0
        self._gradients: dict[str, list[Numbers | None]] = {}
        self.images: tuple[Picture, ...] = ()

    # -- as the net runs -----------------------------------------------------------------------------------------

    def before(self, node: Node) -> None:
        self.views_up_to(node.index)
        if node.name in self._wanted and node.type == "BatchNorm":
            self._norm = _norm(node.layer, self._net.value(node.bottoms[0]).data)

    def after(self, node: Node) -> None:
        self._next = node.index + 1
        self._note(node)

    def views_up_to(self, stop: int) -> None:
        """Layers whose tops are views are not run; they are looked at before anyone can write to their memory."""
        for node in self._net.graph.nodes[self._next : stop]:
            self._note(node)
        self._next = max(self._next, stop)

    def before_backward(self, node: Node) -> None:
        if node.name in self._wanted and not node.layer.loss:
            self._gradients[node.name] = [numbers_of(self._net.value(top).diff) for top in node.tops]

    # -- what is found -------------------------------------------------------------------------------------------

    def _note(self, node: Node) -> None:
        if not self.images and not node.bottoms:
            self.images = self._views.images(node)
        if node.name not in self._wanted:
            return
        net, graph = self._net, self._net.graph
        bottoms = tuple(_public_name(graph, i) for i in node.bottoms)
        tops = tuple(TopFacts(graph.values[i].name, numbers_of(net.value(i).data), None) for i in node.tops)
        units = _units(node, net.value(node.tops[0]).data) if node.tops else None
        norm, self._norm = (self._norm, None) if node.type == "BatchNorm" else (None, self._norm)
        maps, filters = self._views.maps(node), self._views.filters(node)
        formula = _formula(node.layer)
        self._facts[node.name] = LayerFacts(
            node.name, node.type, formula, bottoms, tops, (), units, norm, maps, filters, (), ()
        )

    def found(self) -> dict[str, LayerFacts]:
        """All layers, now that gradients are there."""
        graph, done = self._net.graph, {}
        for node in graph.nodes:
            if node.name not in self._facts:
                continue
            facts = self._facts[node.name]
            gradients = self._gradients.get(node.name, [None] * len(facts.tops))
            tops = tuple(replace(top, gradient=gradient) for top, gradient in zip(facts.tops, gradients))
            params = tuple(
                _param(graph.params[param], node.layer, i, node.name in self._gradients or node.layer.loss)
                for i, param in enumerate(node.params)
            )
            flags, findings = advice(replace(facts, tops=tops, params=params))
            done[node.name] = replace(facts, tops=tops, params=params, flags=flags, findings=findings)
        return done


def _public_name(graph: Graph, value: int) -> str:
    """The name of a blob in the file, where a Split has given it another."""
    while graph.nodes[graph.values[value].producer].type == "Split":
        value = graph.nodes[graph.values[value].producer].bottoms[0]
    return graph.values[value].name


def _param(fact: ParamFact, layer: Layer, index: int, ran: bool) -> ParamFacts:
    diff = layer.param_diffs[index] if ran and fact.learned else None
    gradient = None if diff is None else numbers_of(diff)
    return ParamFacts(index, fact.label, fact.learned, fact.lr_mult, numbers_of(layer.params[index]), gradient)


def _norm(layer: Layer, x: np.ndarray) -> Norm:
    mean, variance, factor = (np.array(blob, np.float64) for blob in layer.params)
    share = 1 / factor[0] if factor[0] else 0.0
    batch_mean, batch_variance = channel_moments(x)
    return Norm(
        stored_mean=mean * share,
        stored_variance=variance * share,
        batch_mean=batch_mean,
        batch_variance=batch_variance,
        factor=float(factor[0]),
        used="stored" if layer.use_stored else "batch",
        eps=layer.options.eps,
        fraction=layer.options.moving_average_fraction,
        items=len(x),
        places=x.size // len(mean),
    )


def _units(node: Node, y: np.ndarray) -> Units | None:
    """Units of layers that can die or saturate; a single number per item has no channels to speak of."""
    if y.ndim < 2 or not y.size:
        return None
    if node.type in ("ReLU", "ReLU6") and node.layer.options.negative_slope == 0:
        kind, share = "dead", channel_shares(y, lambda block: block == 0)
    elif node.type in _RANGES:
        low, high = _RANGES[node.type]
        edge = _EDGE * (high - low)
        kind = "saturated"
        share = channel_shares(y, lambda block: (block <= low + edge) | (block >= high - edge))
    else:
        return None
    return Units(kind, share, tuple(np.flatnonzero(share == 1).tolist()), y.size // y.shape[1])


def _formula(layer: Layer) -> str:
    """The first paragraph of the layer's own description."""
    first = (type(layer).__doc__ or "").strip().split("\n\n")[0]
    return " ".join(first.split()).split(" Source: ")[0].replace("``", "")
