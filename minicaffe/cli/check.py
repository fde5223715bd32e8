"""``minicaffe check``: what a net is made of, and everything that is wrong with it, without data or weights."""

from __future__ import annotations

import sys
from typing import Any

from ..errors import GraphError, UsageError, did_you_mean
from .flags import Command, Flag, one_of
from .netflags import LAYERS, LEVEL, PYTHON, STAGE
from .nettable import known, listed, shape_flag, shapes_text, title
from .results import Results
from .tables import number, table, total


def run(options: dict[str, Any]) -> int:
    """Print a table for every state of the net, or of a solver's nets; raise GraphError with all that is wrong."""
    from ..analysis.check import PHASES, check_net, check_solver
    from ..proto import is_solver, read_net
    from ..user_code import load_file

    for path in options["layers"]:
        load_file(path)
    path, results = options["model"], Results(options["json"])
    phases = PHASES if options["phase"] == "both" else (options["phase"],)
    how: dict[str, Any] = {"given": {name: shape_flag(name, text) for name, text in options["shape"].items()}}
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
    tops = {top for net, _ in states for layer in net.param.layer for top in layer.top}
    for name in options["shape"]:
        if name not in tops:
            raise UsageError(f'--shape {name}: no layer writes a blob "{name}"{did_you_mean(name, tops)}')
    for net, state in states:
        _show(net, state, results, options["level"])
    results.close(f"{path}: no error", net=states[0][0].param.name if states else "")
    return 0


def _definition(options: dict[str, Any]):
    """A solver whose own fields are right, and its nets, whatever is wrong with them."""
    from ..solver.definition import read_definition
    from ..solver.rules import rule_class

    definition = read_definition(options["model"], None, options["level"] or None, options["stage"], strict=False)
    rule_class(definition.param)
    return definition


def _show(net, state, results: Results, level: int) -> None:
    from ..analysis.summary import summarise, totals

    rows, layers = [], summarise(state, level)
    for layer in layers:
        costs = {"parameters": layer.parameters, "multiply_adds": layer.multiply_adds, "bytes": layer.bytes}
        where = {"phases": list(state.phases), "stages": list(state.stages)}
        blobs = {"bottoms": listed(layer.bottoms), "tops": listed(layer.tops)}
        results.record("layer", **where, name=layer.name, type=layer.type, **blobs, **costs)
        rows.append((layer.name, layer.type, shapes_text(layer.tops), *map(number, costs.values())))
    sums = totals(layers, state.outline.graph)
    rows.append(("total", "", "", *map(total, sums.values, sums.open)))
    results.record("total", phases=list(state.phases), **known(sums))
    head = ("layer", "type", "tops", "parameters", "multiply-adds", "bytes")
    results.text([f"{net.param.name or net.path} ({title(state)})", *table(head, rows, 3), ""])


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
