"""``minicaffe check``: what a net is made of, and everything that is wrong with it, without data or weights."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import GraphError, UsageError, shape_text
from .flags import Command, Flag, one_of
from .netflags import LAYERS, LEVEL, PYTHON, STAGE
from .results import Results


def run(options: dict[str, Any]) -> int:
    """Print a table for every state of the net, or of a solver's nets; raise GraphError with all that is wrong."""
    from ..analysis.check import PHASES, check_net, check_solver
    from ..proto import is_solver, read_net
    from ..user_code import load_file

    for path in options["layers"]:
        load_file(path)
    path, results = options["model"], Results(options["json"])
    phases = PHASES if options["phase"] == "both" else (options["phase"],)
    how = {"given": {name: _shape(name, text) for name, text in options["shape"].items()}}
    how["python_path"] = options["allow_python_layers"]
    notes: list[str] = []
    if is_solver(path):
        definition = _definition(options)
        states = check_solver(definition, phases, **how)
        notes += [note if note.startswith(path) else f"{path}: {note}" for note in definition.notes]
    else:
        net = read_net(path, strict=False)
        states = [(net, state) for state in check_net(net, phases, options["level"], options["stage"], **how)]
    notes += [note for net, state in states for note in (*(f"{net.path}: {n}" for n in net.notes), *state.notes)]
    for note in dict.fromkeys(notes):
        print(f"minicaffe: note: {note}", file=sys.stderr)
    problems = list(dict.fromkeys(problem for _, state in states for problem in state.problems))
    if problems:
        raise GraphError(problems)
    for net, state in states:
        _show(net, state, results)
    results.close(f"{path}: no error", net=states[0][0].param.name if states else "")
    return 0


def _definition(options: dict[str, Any]):
    """A solver whose own fields are right, and its nets, whatever is wrong with them."""
    from ..solver.definition import read_definition
    from ..solver.rules import rule_class

    definition = read_definition(options["model"], None, options["level"] or None, options["stage"], strict=False)
    rule_class(definition.param)
    return definition


def _shape(name: str, text: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(word) for word in text.split(","))
    except ValueError:
        shape = (0,)
    if min(shape) < 1:
        raise UsageError(f'--shape {name} is "{text}"; expected numbers of at least 1, such as {name}=64,3,28,28')
    return shape


def _show(net, state, results: Results) -> None:
    from ..analysis.cost import multiply_adds, parameters, top_bytes
    from ..layers.base import count

    title = " and ".join(state.phases) + "".join(f", stage {stage}" for stage in state.stages)
    rows, totals, unknown = [], [0, 0, 0], [False] * 3
    graph = state.outline.graph
    for layer in state.outline.layers:
        kind = layer.draft.layer
        if kind.type == "Split" and layer.draft.made:
            continue
        costs = [parameters(layer), multiply_adds(layer), top_bytes(layer)]
        totals = [total + (cost or 0) for total, cost in zip(totals, costs)]
        unknown = [known or cost is None for known, cost in zip(unknown, costs)]
        results.record(
            "layer",
            phases=list(state.phases),
            stages=list(state.stages),
            name=kind.name,
            type=kind.type,
            bottoms={name: shape and list(shape) for name, shape in zip(kind.param.bottom, layer.bottoms)},
            tops={name: shape and list(shape) for name, shape in zip(kind.param.top, layer.tops)},
            parameters=costs[0],
            multiply_adds=costs[1],
            bytes=costs[2],
        )
        shapes = ", ".join("?" if shape is None else shape_text(shape) for shape in layer.tops)
        rows.append((kind.name, kind.type, shapes or "-", *(_number(cost) for cost in costs)))
    if graph is not None:  # parameters that layers share count once
        totals[0] = sum(count(fact.shape) for fact in graph.params if fact.owner == fact.id)
    rows.append(("total", "", "", *(_total(total, more) for total, more in zip(totals, unknown))))
    known = [None if more else total for total, more in zip(totals, unknown)]
    results.record("total", phases=list(state.phases), parameters=known[0], multiply_adds=known[1], bytes=known[2])
    results.text([f"{net.param.name or net.path} ({title})", *_table(rows), ""])


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Columns as wide as they need to be: names to the left, numbers to the right."""
    head = ("layer", "type", "tops", "parameters", "multiply-adds", "bytes")
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        cells = [cell.ljust(width) if i < 3 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))]
        yield "  " + "  ".join(cells).rstrip()


def _total(value: int, more: bool) -> str:
    """A sum of what is known, to which ``more`` comes that is not."""
    return _number(value) + " + ?" * more if value else _number(None if more else value)


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


COMMAND = Command(
    name="check",
    summary="show a net's layers, or all that is wrong with it",
    about="Builds the graph of a net without its data or weights, in each of its phases, and prints a table: type, "
    "shapes, parameters, multiply-adds (of convolutions, inner products and recurrent layers, for the whole batch) and "
    "bytes of the tops. Shapes that only absent data could tell are taken from options, assumed from well-known names, "
    "or shown as ?; notes say which. Every error in the file is listed, with exit status 2.",
    subject="model",
    flags=(
        Flag("model", "NET", "the prototxt of a net, or of a solver, whose nets are checked in the states it names"),
        Flag("phase", "PHASE", "TRAIN, TEST or both", one_of("TRAIN", "TEST", "both"), "both"),
        LEVEL,
        STAGE,
        Flag("shape", "BLOB=N,C,H,W", "the shape of a blob that comes from data; may be repeated", pairs=True),
        LAYERS,
        PYTHON,
        Flag("json", "", "print one JSON object per layer and one for the totals of each state"),
    ),
    examples=(
        "minicaffe check models/cifar10_bn/train_test.prototxt",
        "minicaffe check models/lenet/solver.prototxt",
        "minicaffe check train_val.prototxt --phase TEST --shape data=10,3,227,227 label=10",
    ),
    run=run,
)
