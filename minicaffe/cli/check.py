"""``minicaffe check``: what a net is made of, everything that is wrong with it, and advice; without data."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..errors import GraphError, ProtoError, UsageError, did_you_mean
from .advising import Advice, as_record, closing, show_rules
from .flags import Command, Flag, comma_list, one_of
from .netflags import LAYERS, LEVEL, PYTHON, STAGE, get_ready
from .nettable import known, listed, shape_flag, shapes_text, title
from .results import Results, show_notes
from .tables import number, table, total

if TYPE_CHECKING:
    from ..analysis.advice import Planned
    from ..analysis.check import Checked
    from ..proto import Message, NetFile
    from ..solver.definition import Definition


def run(options: dict[str, Any]) -> int:
    """Print a table for every state of the net, or of a solver's nets, and advice; GraphError with all that is wrong.

    Returns 1 where rules found something, else 0.
    """
    from ..analysis.advice import known_rules

    results, path = Results(options["json"]), options["model"]
    if options["rules"]:
        return show_rules(results)
    if not path:
        raise UsageError("check needs a NET; expected minicaffe check NET")
    get_ready(options)
    advice = Advice(_texts(path), known_rules(options["ignore"]))
    found: list[_Found] = []
    try:
        advice.settle(lambda: _judged(options, advice, found), options["fix"])
    except (GraphError, ProtoError) as error:
        hinted = advice.hinted(error)
        advice.show_refused(results, hinted)
        raise hinted from None
    finally:
        advice.show_fixes(results)
    states, notes = found[-1]
    show_notes(notes)
    for net, state in states:
        _show(net, state, results, options["level"])
    advice.show(results)
    count = len(advice.warnings)
    more = {"warnings": count, "notes": [as_record(note) for note in advice.notes], "fixed": len(advice.fixed)}
    results.close(closing(path, count), net=states[0][0].param.name if states else "", **more)
    return 1 if count or (options["strict"] and advice.notes) else 0


_Found = tuple[list[tuple[Any, Any]], list[str]]
"""The states of nets, and notes on them."""


def _judged(options: dict[str, Any], advice: Advice, found: list[_Found]) -> list[Any]:
    """What rules find in nets that can be built; GraphError for others. The nets are appended to ``found``."""
    from ..analysis.advice import advise, make_case
    from ..proto import read_weights

    states, notes, planned = _states(options)
    problems = list(dict.fromkeys(problem for _, state in states for problem in state.problems))
    if problems:
        raise GraphError(problems)
    tops = {top for net, _ in states for layer in net.param.layer for top in layer.top}
    for name in options["shape"]:
        if name not in tops:
            raise UsageError(f'--shape {name}: no layer writes a blob "{name}"{did_you_mean(name, tops)}')
    found.append((states, notes))
    path, sources = options["weights"], advice.sources()
    more = {"weights_path": path, "weights": read_weights(path)} if path else {}
    return advise(make_case(states, sources, planned=planned, **more), sources, advice.ignore)


def _states(options: dict[str, Any]) -> tuple[list[tuple[NetFile, Checked]], list[str], Planned | None]:
    """The nets in their states, notes on them, and what a solver plans."""
    from ..analysis.check import PHASES, check_net, check_solver
    from ..proto import is_solver, read_net, read_solver_file

    path = options["model"]
    phases = PHASES if options["phase"] == "both" else (options["phase"],)
    how: dict[str, Any] = {"given": {name: shape_flag(name, text) for name, text in options["shape"].items()}}
    how["python_path"] = options["allow_python_layers"]
    notes: list[str] = []
    planned = None
    if is_solver(path):
        if options["solver"]:
            raise UsageError(f"{path} is a solver; expected a net beside --solver {options['solver']}")
        definition = _definition(options)
        states = check_solver(definition, phases, **how)
        planned = _planned(path, definition.param, False)
        notes += [note if note.startswith(path) else f"{path}: {note}" for note in definition.notes]
    else:
        net = read_net(path, strict=False)
        states = [(net, state) for state in check_net(net, phases, options["level"], options["stage"], **how)]
        if options["solver"]:
            planned = _planned(options["solver"], read_solver_file(options["solver"], strict=False).param, True)
    notes += [note for net, state in states for note in (*(f"{net.path}: {n}" for n in net.notes), *state.notes)]
    return states, notes, planned


def _planned(path: str, param: Message, beside: bool) -> Planned:
    from ..analysis.advice import Planned, source_of

    source = source_of(path)
    return Planned(source.path if source else path, param.max_iter, param.iter_size, source, beside)


def _texts(path: str) -> list[str]:
    """The files that are judged: a net's, or a solver's and those of the nets that it names."""
    from ..analysis.advice import source_of
    from ..proto import find, is_solver

    if not is_solver(path):
        return [path]
    source = source_of(path)
    fields = source.whole.parts if source else ()
    names = [field.word for field in fields if field.name in ("net", "train_net", "test_net")]
    nets = [find(name, os.path.dirname(path)) for name in names]
    return list(dict.fromkeys([path, *(net for net in nets if os.path.isfile(net))]))


def _definition(options: dict[str, Any]) -> Definition:
    """A solver whose own fields are right, and its nets, whatever is wrong with them."""
    from ..solver.definition import read_definition
    from ..solver.rules import rule_class

    definition = read_definition(options["model"], None, options["level"] or None, options["stage"], strict=False)
    rule_class(definition.param)
    return definition


def _show(net: NetFile, state: Checked, results: Results, level: int) -> None:
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
    summary="show a net's layers, or all that is wrong with it; advice",
    about="Builds the graph of a net without its data or weights, in each of its phases, and prints a table: type, "
    "shapes, parameters, multiply-adds (of convolutions, inner products and recurrent layers, for the whole batch) and "
    "bytes of the tops. Shapes that only absent data could tell are taken from options, assumed from well-known names, "
    "or shown as ?; notes say which. Every error in the file is listed, with exit status 2. Nets without error are "
    "judged by rules on batch normalisation and what stands around it: warnings say where, why and what to do, and "
    "give exit status 1; notes, on what may well be meant, do not. A comment # minicaffe: ok RULE in a layer or above "
    "it, or above everything in the file, allows what a rule would find.",
    subject="model",
    flags=(
        Flag(
            "model",
            "NET",
            "the prototxt of a net, or of a solver, whose nets are checked in the states it names",
            needed=False,
        ),
        Flag("solver", "FILE", "judge the net by what this solver plans: max_iter, iter_size"),
        Flag("weights", "FILE", "judge what these weights, binary or HDF5, hold for BatchNorm layers"),
        Flag("fix", "", "write what is safe to write into the prototxt, in place, and show it; all else stays"),
        Flag("ignore", "RULE[,RULE]", "rules that are not asked", comma_list, ()),
        Flag("strict", "", "exit status 1 for notes too"),
        Flag("rules", "", "list the rules"),
        Flag("phase", "PHASE", "TRAIN, TEST or both", one_of("TRAIN", "TEST", "both"), "both"),
        LEVEL,
        STAGE,
        Flag("shape", "BLOB=N,C,H,W", "the shape of a blob that comes from data; may be repeated", pairs=True),
        LAYERS,
        PYTHON,
        Flag("json", "", "print JSON: an object per layer, per finding or error, and one for the totals of each state"),
    ),
    examples=(
        "minicaffe check models/cifar10_bn/train_test.prototxt",
        "minicaffe check models/lenet/solver.prototxt",
        "minicaffe check train_val.prototxt --phase TEST --shape data=10,3,227,227 label=10",
        "minicaffe check train_val.prototxt --solver solver.prototxt --weights net.caffemodel",
        "minicaffe check train_val.prototxt --fix",
    ),
    run=run,
)
