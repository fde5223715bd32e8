"""From a graph to a program of rows: fusion, lowering, regions, memory."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...graph import Graph, Node
from ..gradients import Gradients, differentiates, needed_gradients, no_gradients
from .builder import Buffer, Builder, Group, PlainStep, Step
from .fusion import INFERENCE, TRAINING, chains, make_group
from .lowering import LOWERINGS, Lowered
from .memory import Layout, lay_out
from .regions import make_regions
from .softmax import SoftmaxLoss

for _module in (
    "concat",
    "convolution",
    "functions",
    "inner_product",
    "lrn",
    "normalise",
    "pointwise",
    "pooling",
    "softmax",
):
    importlib.import_module(f".{_module}", __package__)  # each makes its lowerings known

Pass = tuple  # of programs (lists of regions) and PlainSteps


@dataclass(frozen=True)
class FastPlan:
    """What runs when, and where everything lies.

    ``prepare`` must run before a forward pass whenever parameters have changed; in training it is empty, because
    forward itself begins with it. ``fixed``: values that have an array
    of their own, which ``root`` may share: root[v] is the value whose array v uses (views), diff_root likewise.
    ``labelled``: losses made of rows, whose NaN may mean a label that is no class.
    ``kept``: values that still lie in the arena after a forward pass, and where. ``shown_diffs``: values whose own
    arrays hold their gradients after a backward pass, or what a user has put there. ``overwritten``: steps that
    can overwrite a parameter's gradient instead of adding to it, as no other writes it, and the parameter.
    """

    graph: Graph
    gradients: Gradients
    prepare: Pass
    forward: Pass
    backward: Pass
    layout: Layout
    images: int
    group: int
    fixed: frozenset[int]
    root: tuple[int, ...]
    diff_root: tuple[int, ...]
    plain: tuple[Node, ...]
    labelled: tuple[Node, ...]
    kept: tuple[tuple[int, Buffer], ...]
    shown_diffs: frozenset[int]
    overwritten: Mapping[Step, int]


def fast_plan(graph: Graph) -> FastPlan:
    """Lower what can be lowered; the rest runs as in the inspect plan, on Caffe's layout.

    In phase TEST no gradients are computed, unless ``force_backward`` asks for them.
    """
    gradients = needed_gradients(graph) if differentiates(graph) else no_gradients(graph)
    builder = Builder(graph, gradients, _batch(graph), frozenset())
    lowered = _lower(builder)
    plain = tuple(node for group, made in lowered if made is None for node in group.nodes)
    labelled = tuple(made.node for _, made in lowered if isinstance(made, SoftmaxLoss))
    root, diff_root = _views(graph)
    builder.fixed, builder.root, builder.diff_root = _fixed(graph, (*plain, *labelled), root), root, diff_root
    for group, made in lowered:
        builder.begin(group.nodes, backward=False)
        if made is not None:
            made.forward()
        else:
            _plain_forward(builder, group.nodes[0])
    builder.finish_outputs()
    for value in {*graph.outputs, *(value.id for value, _ in graph.loss_values())}:
        if gradients.nodes[graph.values[value].producer]:
            builder.diff_from_outside(value)
    for group, made in reversed(lowered):
        if any(gradients.nodes[node.index] for node in group.nodes):
            builder.begin(group.nodes, backward=True)
            _backward(builder, group, made)
    builder.begin((), backward=True)
    builder.finish_diffs()
    if builder.training:
        _prepare_in_forward(builder)
    steps = builder.prepare, builder.forward, builder.backward + builder.finish
    prepare, forward, backward = passes = [tuple(make_regions(one)) for one in steps]
    regions = [region for one in passes for program in one if isinstance(program, list) for region in program]
    lasting = {buffer for step in builder.prepare for buffer in step.writes()}
    layout = lay_out(regions, lasting, builder.images, builder.group)
    needed_later = _buffers(backward)
    kept = [(i, b) for i, b in builder.data_buffers() if b in needed_later and b in layout.shared]
    return FastPlan(
        graph, gradients, prepare, forward, backward, layout, builder.images, builder.group, builder.fixed, root,
        diff_root, plain, labelled, tuple(kept), _shown_diffs(builder), _overwritten(builder),
    )  # fmt: skip


def _prepare_in_forward(builder: Builder) -> None:
    """In training parameters change all the time: what depends on them is part of the first program of forward."""
    first = next((i for i, step in enumerate(builder.forward) if isinstance(step, Step)), len(builder.forward))
    builder.forward[first:first] = builder.prepare
    builder.prepare = []


def _buffers(parts: Pass) -> set[Buffer]:
    programs = [part for part in parts if isinstance(part, list)]
    return set().union(*(region.buffers() for program in programs for region in program))


def _batch(graph: Graph) -> int:
    """The batch size of most of the net's values that have channels; 1 if there are none."""
    sizes = Counter(value.shape[0] for value in graph.values if len(value.shape) >= 2)
    return sizes.most_common(1)[0][0] if sizes else 1


def _lower(builder: Builder) -> list[tuple[Group, Lowered | None]]:
    out: list[tuple[Group, Lowered | None]] = []
    for group in chains(builder.graph, TRAINING if builder.training else INFERENCE):
        nodes = list(group.nodes)
        while nodes:
            size, made = _longest(builder, nodes)
            out.append((make_group(nodes[:size]), made))
            nodes = nodes[size:]
    return sorted(out, key=lambda pair: pair[0].nodes[-1].index)


def _longest(builder: Builder, nodes: list[Node]) -> tuple[int, Lowered | None]:
    """How many of the nodes, from the first, can be lowered together, and how.

    Of layers whose tops count as losses only losses are: the gradient begins in the arrays that the net keeps.
    """
    lower = LOWERINGS.get(nodes[0].type)
    if lower is not None and nodes[0].layer.dtype == "float32":
        sizes = range(len(nodes), 0, -1)
        for size in (
            size for size in sizes if not any(any(node.loss_weights) and not node.layer.loss for node in nodes[:size])
        ):
            made = lower(builder, make_group(nodes[:size]))
            if made is not None:
                return size, made
    return 1, None


def _views(graph: Graph) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """For data and for gradients: the value whose array each value uses."""
    root, diff_root = list(range(len(graph.values))), list(range(len(graph.values)))
    for node in graph.nodes:
        identity = node.type == "Dropout" and graph.phase == "TEST"
        for top in node.tops:
            if node.layer.shares is not None or identity:
                root[top] = root[node.bottoms[0]]
            if node.layer.shares == "data+diff":
                diff_root[top] = diff_root[node.bottoms[0]]
    return tuple(root), tuple(diff_root)


def _fixed(graph: Graph, plain: Iterable[Node], root: Sequence[int]) -> frozenset[int]:
    """What plain layers, users and losses see, with all that shares memory with it."""
    seen = {*graph.inputs, *graph.outputs, *(value.id for value, _ in graph.loss_values())}
    seen.update(last for _, last in graph.overwritten_inputs())
    for node in plain:
        seen.update(node.bottoms, node.tops)
    roots = {root[value] for value in seen}
    return frozenset(value.id for value in graph.values if root[value.id] in roots)


def _shown_diffs(builder: Builder) -> frozenset[int]:
    """The ends of the net, and what plain layers give; not of blobs written in place, whose versions differ."""
    graph = builder.graph
    ends = {*graph.inputs, *graph.outputs, *(value.id for value, _ in graph.loss_values())}
    ends.update(last for _, last in graph.overwritten_inputs())
    last = {value.id for value in graph.public().values()}
    return frozenset(
        i for i in builder.fixed
        if i in ends or (i in last and graph.values[i].version == 0 and builder.shows_diff(i))
    )  # fmt: skip


def _overwritten(builder: Builder) -> dict[Step, int]:
    writers: Counter[int] = Counter()
    able: dict[Step, int] = {}
    for step in (*builder.backward, *builder.finish):
        if isinstance(step, PlainStep):
            writers.update(builder.graph.params[i].owner for i in builder.graph.nodes[step.node].params)
            continue
        sources = {buffer.source for buffer in step.writes() if buffer.source is not None}
        params = [index for what, index in sources if what == "param_diff"]
        writers.update(params)
        if params and hasattr(step.values, "add"):
            able[step] = params[0]
    return {step: param for step, param in able.items() if writers[param] == 1}


def _plain_forward(builder: Builder, node: Node) -> None:
    if node.layer.shares is not None:
        for top in node.tops:
            (builder.alias if _same_shape(builder, node) else builder.view)(top, node.bottoms[0])
        return
    for bottom in node.bottoms:
        builder.settle(bottom)
    builder.plain(node, backward=False)
    for top in node.tops:
        builder.new_planes(top)


def _same_shape(builder: Builder, node: Node) -> bool:
    values = builder.graph.values
    return all(values[top].shape == values[node.bottoms[0]].shape for top in node.tops)


def _backward(builder: Builder, group: Group, made: Lowered | None) -> None:
    node = group.nodes[-1]
    if made is not None:
        if builder.has_diff(group.top) or any(n.type == "Split" for n in group.nodes):
            made.backward()
        return
    for top in node.tops:
        if builder.has_diff(top):
            builder.settle_diff(top)
    if node.layer.shares == "data+diff":
        if builder.has_diff(node.tops[0]):
            alias = builder.alias_diff if _same_shape(builder, node) else builder.view_diff
            alias(node.bottoms[0], node.tops[0])
        return
    builder.plain(node, backward=True)
    for bottom, wanted in zip(node.bottoms, builder.gradients.bottoms[node.index]):
        if wanted:
            builder.new_diff_planes(bottom)
