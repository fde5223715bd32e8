"""A net without its data: which layers it has, their shapes as far as they can be told, and every problem at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..errors import DataError, LayerError
from ..layers.base import Inferred, Shape
from ..proto import NetFile, filter_net, find
from .build import assemble, close_layers, short_path
from .facts import Graph
from .shapes import check_dimensions, sources
from .sharing import collect_params
from .wiring import Draft, insert_splits, make_layers, wire


@dataclass(frozen=True)
class OutlineLayer:
    """A layer: its draft, and the shapes around it; None for what cannot be told without data."""

    draft: Draft
    bottoms: tuple[Shape | None, ...]
    tops: tuple[Shape | None, ...]
    inferred: Inferred | None


@dataclass(frozen=True)
class Outline:
    """What ``outline_graph`` found. ``graph`` is there where all shapes are known and nothing is wrong.

    ``missing`` are the layers whose data are not there, with the reason; their shapes come from their options, from
    what was given, or are not known.
    """

    layers: tuple[OutlineLayer, ...]
    problems: tuple[str, ...]
    missing: tuple[tuple[Draft, str], ...]
    graph: Graph | None

    def unknown(self) -> list[OutlineLayer]:
        """The sound layers at which knowledge of the shapes ends: their own tops are unknown, their bottoms are not."""
        ends = [layer for layer in self.layers if None in layer.tops and None not in layer.bottoms]
        return [layer for layer in ends if layer.draft.sound]

    def incoming(self) -> dict[str, Shape | None]:
        """The shapes of the blobs that come from outside."""
        sources = [layer for layer in self.layers if not layer.draft.reads]
        return {top: shape for layer in sources for top, shape in zip(layer.draft.layer.param.top, layer.tops)}


def outline_graph(
    net: NetFile,
    phase: str,
    level: int = 0,
    stages: Iterable[str] = (),
    given: Mapping[str, Shape] | None = None,
    **how: str | None,
) -> Outline:
    """The outline of ``net`` in ``phase``. ``given`` are shapes of blobs that come from data, by name.

    Data that are there are opened, and tell. ``how`` is as for ``build_graph``. Nothing is raised for what is wrong
    with the net: it is in ``problems``, after its ``faults``.
    """
    finder = partial(find, folder=net.folder)
    path = short_path(net.path)
    keep = filter_net(net.param, phase, level, (*net.param.state.stage, *stages))
    faults = [[text for text, layer in net.faults if layer == i] for i in keep] if net.faults else ()
    problems = [text for text, layer in net.faults if layer is None]
    places = [f"{path}:{net.lines[i]}" if net.lines[i] else path for i in keep]
    drafts = make_layers([net.param.layer[i] for i in keep], places, phase, finder, problems, how, faults)
    wire(drafts, problems)
    if not drafts and not problems:
        problems.append(f"{path}: no layer is left in phase {phase}; expected at least one")
    wired = not problems
    if wired:
        drafts = insert_splits(drafts, finder)
    try:
        missing: list[tuple[Draft, str]] = []
        layers = _shapes(drafts, given or {}, missing, problems)
        inferred = [layer.inferred for layer in layers]
        params = collect_params(drafts, inferred, problems)
        graph = None
        if wired and not problems and None not in inferred:
            shapes = {write: top for layer in layers for write, top in zip(layer.draft.writes, layer.tops)}
            graph = assemble(net, phase, drafts, shapes, inferred, params)
        return Outline(tuple(layers), tuple(dict.fromkeys(problems)), tuple(missing), graph)
    finally:
        close_layers(draft.layer for draft in drafts if draft.sound)


def _shapes(drafts: list[Draft], given: Any, missing: Any, problems: list[str]) -> list[OutlineLayer]:
    shapes: dict[tuple[str, int], Shape | None] = {}
    writer: dict[tuple[str, int], str] = {}
    layers = []
    for draft in drafts:
        bottoms = tuple(shapes.get(read) for read in draft.reads)
        result = None
        if draft.sound and None not in bottoms:
            try:
                result = _infer(draft, bottoms, given, missing)
                if result is not None:
                    check_dimensions(draft, result)
            except (DataError, LayerError) as error:
                where = sources(draft, bottoms, writer) if isinstance(error, LayerError) else ""
                problems.append(f"{draft.title}: {error}{where}")
                result = None
        tops: tuple[Shape | None, ...]
        if result:
            tops = tuple(tuple(int(n) for n in top) for top in result.tops)
        else:
            tops = bottoms if _keeps_shape(draft) else (None,) * len(draft.writes)
        shapes.update(zip(draft.writes, tops))
        writer.update((write, draft.layer.name) for write in draft.writes)
        layers.append(OutlineLayer(draft, bottoms, tops, result))
    return layers


def _keeps_shape(draft: Draft) -> bool:
    """Whether a layer of which nothing else is known writes in place."""
    return not draft.sound and len(draft.writes) == 1 and list(draft.layer.param.top) == list(draft.layer.param.bottom)


def _infer(draft: Draft, bottoms: Any, given: Any, missing: Any) -> Inferred | None:
    """What the layer's data tell, or where they are not there, its options and what was given."""
    layer = draft.layer
    if not layer.reads_files or (layer.type == "Python" and layer.python_path is None):
        if layer.reads_files:
            missing.append((draft, "code of the user's own, which was not allowed to run"))
        return layer.infer(*bottoms) if not layer.reads_files else _given(draft, given)
    try:
        layer.open()
        return layer.infer(*bottoms)
    except DataError as error:
        result = _given(draft, given) or layer.outline(*bottoms)
        missing.append((draft, str(error)))
        return result


def _given(draft: Draft, given: Any) -> Inferred | None:
    names = list(draft.layer.param.top)
    return Inferred([given[name] for name in names]) if all(name in given for name in names) else None
