"""From a NetParameter to a Graph, in three passes that each report every problem they find.

1. names: phase filtering, types, options, arity, wiring, splits;
2. integers, as far as they go without data: shapes below Input and DummyData layers;
3. files: layers that read data open it; then the shapes of everything, parameters, sharing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from ..errors import GraphError
from ..layers.base import Layer
from ..proto import NetFile, filter_net, find
from .facts import Graph, Node, Value
from .shapes import infer_shapes, open_files
from .sharing import collect_params
from .wiring import AUTOMATIC, Draft, insert_splits, make_layers, wire

_CUDNN = 2  # in every Engine enum of the schema


def build_graph(net: NetFile, phase: str, level: int = 0, stages: Iterable[str] = (), **how: str | None) -> Graph:
    """The graph of ``net`` in ``phase`` ("TRAIN" or "TEST"); raises GraphError with all problems at once.

    ``stages`` come on top of those in the net's own ``state``. ``how`` is what every layer is told: ``dtype``,
    ``kernels``, ``python_path`` (see ``layers.base``).
    """
    finder = partial(find, folder=net.folder)
    path = short_path(net.path)
    keep = filter_net(net.param, phase, level, (*net.param.state.stage, *stages))
    problems: list[str] = []
    drafts = make_layers(
        [net.param.layer[i] for i in keep],
        [f"{path}:{net.lines[i]}" if net.lines[i] else path for i in keep],
        phase,
        finder,
        problems,
        how,
    )
    wire(drafts, problems)
    _raise(problems)
    drafts = insert_splits(drafts, finder)
    infer_shapes([draft for draft in drafts if not draft.layer.reads_files], problems)
    _raise(problems)
    try:
        open_files(drafts, problems)
        _raise(problems)
        shapes, inferred = infer_shapes(drafts, problems)
        params = collect_params(drafts, inferred, problems)
        if not drafts:
            problems.append(f"{path}: no layer is left in phase {phase}; expected at least one")
        _raise(problems)
        return assemble(net, phase, drafts, shapes, inferred, params)
    except BaseException:
        close_layers(draft.layer for draft in drafts)
        raise


def close_layers(layers: Iterable[Layer]) -> None:
    """Release the files and threads of these layers."""
    for layer in layers:
        layer.close()


def _raise(problems: list[str]) -> None:
    if problems:
        raise GraphError(problems)


def short_path(path: str) -> str:
    """A path below the working directory as it is seen from there."""
    return os.path.relpath(path) if os.path.isabs(path) and path.startswith(os.getcwd() + os.sep) else path


def assemble(net: NetFile, phase: str, drafts: list[Draft], shapes: Any, inferred: Sequence[Any], params: Any) -> Graph:
    """The graph of drafts of which everything is known."""
    ids: dict[tuple[str, int], int] = {}
    values: list[Value] = []
    nodes: list[Node] = []
    read: set[tuple[str, int]] = set()
    for index, (draft, result) in enumerate(zip(drafts, inferred)):
        for slot, write in enumerate(draft.writes):
            ids[write] = len(values)
            values.append(Value(len(values), write[0], write[1], index, slot, shapes[write]))
        nodes.append(
            Node(
                index=index,
                name=draft.layer.name,
                type=draft.layer.type,
                layer=draft.layer,
                bottoms=tuple(ids[name] for name in draft.reads),
                tops=tuple(ids[name] for name in draft.writes),
                params=tuple(fact.id for fact in params if fact.node == index),
                loss_weights=draft.loss_weights,
                propagate_down=tuple(draft.layer.param.propagate_down),
                scratch=result.scratch,
                place=draft.place,
            )
        )
        read.update(draft.reads)
    unread = [value for value in values if (value.name, value.version) not in read]
    unread = [value for value in unread if not value.name.startswith(AUTOMATIC)]
    return Graph(
        name=net.param.name,
        phase=phase,
        nodes=tuple(nodes),
        values=tuple(values),
        params=tuple(params),
        inputs=tuple(top for node in nodes if node.type == "Input" for top in node.tops),
        outputs=tuple(value.id for value in sorted(unread, key=lambda value: value.name)),
        force_backward=net.param.force_backward,
        notes=_engine_notes(nodes),
    )


def _engine_notes(nodes: list[Node]) -> tuple[str, ...]:
    """Layers that ask for cuDNN get what there is, and a line that says so."""
    asking = [node for node in nodes if getattr(node.layer.options, "engine", 0) == _CUDNN]
    if not asking:
        return ()
    others = f" and {len(asking) - 1} more" if len(asking) > 1 else ""
    return (f'layer "{asking[0].name}"{others}: engine is CUDNN; this program runs on the CPU',)
