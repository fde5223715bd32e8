"""``minicaffe summary``: a net layer by layer, its memory under each plan, and what its weights are like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..errors import GraphError, WeightsError, plural, shape_text
from .flags import Command, Flag, one_of, whole
from .netflags import LAYERS, LEVEL, PYTHON, STAGE, get_ready
from .nettable import known, listed, shapes_text, title
from .results import Results, show_notes
from .tables import megabytes, number, table, total

if TYPE_CHECKING:
    from ..analysis.check import Checked
    from ..analysis.summary import ParamStatistics
    from ..proto import NetFile

_PLANS = ("inspect", "fast")


def run(options: dict[str, Any]) -> int:
    """Print a table for every state of the net, and one of the weights; GraphError with all that is wrong."""
    from ..analysis.check import PHASES, check_net
    from ..analysis.summary import peak_bytes, statistics
    from ..deploy import with_batch
    from ..proto import read_net, read_weights

    get_ready(options)
    net, results = read_net(options["model"]), Results(options["json"])
    weights = read_weights(options["weights"]) if options["weights"] else None
    if options["batch"]:
        with_batch(net, options["batch"])
    phases = PHASES if options["phase"] == "both" else (options["phase"],)
    where = {"level": options["level"], "stages": options["stage"], "python_path": options["allow_python_layers"]}
    states = check_net(net, phases, **where)
    show_notes([*(f"{net.path}: {note}" for note in net.notes), *(note for state in states for note in state.notes)])
    problems = list(dict.fromkeys(problem for state in states for problem in state.problems))
    if problems:
        raise GraphError(problems)
    for state in states:
        peaks = {}
        for phase in state.phases:
            one = state if len(state.phases) == 1 else check_net(net, (phase,), **where)[0]
            graph = one.outline.graph
            peaks[phase] = {plan: graph and peak_bytes(graph, plan) for plan in _PLANS}
        _show(net, state, peaks, options["level"], results)
    if weights is not None:
        _show_weights(options["weights"], statistics(weights), _labels(states), results)
    results.close(f"{net.path}: {', '.join(title(state) for state in states)}", net=net.param.name)
    return 0


def _show(net: NetFile, state: Checked, peaks: dict, level: int, results: Results) -> None:
    from ..analysis.summary import summarise, totals

    layers = summarise(state, level)
    sums = totals(layers, state.outline.graph)
    rows = []
    for layer in layers:
        facts = asdict(layer)
        facts.update(bottoms=listed(layer.bottoms), tops=listed(layer.tops))
        results.record("layer", net_phases=list(state.phases), stages=list(state.stages), **facts)
        rows.append(
            (
                layer.name,
                layer.type,
                shapes_text(layer.tops),
                "both" if len(layer.phases) == 2 else layer.phases[0],
                "yes" if layer.in_place else "",
                _rates(layer.lr_mult),
                *map(number, (layer.parameters, layer.multiply_adds, layer.bytes)),
            )
        )
    rows.append(("total", "", "", "", "", "", *map(total, sums.values, sums.open)))
    head = ("layer", "type", "tops", "phase", "in place", "lr_mult", "parameters", "multiply-adds", "bytes")
    said = "; ".join(
        ", ".join(f"{plan} plan {megabytes(size)}" for plan, size in sizes.items()) + f" in {phase}"
        for phase, sizes in peaks.items()
    )
    results.text(
        [
            f"{net.param.name or net.path} ({title(state)})",
            *table(head, rows, 5),
            f"  memory: {said}" if state.outline.graph else "  memory: not known without shapes",
            "",
        ]
    )
    results.record("total", phases=list(state.phases), **known(sums), peak_bytes=peaks)


def _rates(rates: tuple[float, ...]) -> str:
    """One number where all are equal; statistics have 0."""
    return ", ".join(f"{rate:g}" for rate in (rates if len(set(rates)) > 1 else rates[:1]))


def _labels(states: Sequence[Checked]) -> dict[tuple[str, int], tuple[str, tuple[int, ...]]]:
    """(layer, index) -> what the layer calls this parameter, and its shape in the net."""
    return {
        (layer.draft.layer.name, i): (param.name, tuple(param.shape))
        for state in states
        for layer in state.outline.layers
        if layer.inferred is not None
        for i, param in enumerate(layer.inferred.params)
    }


def _show_weights(
    path: str,
    found: Sequence[ParamStatistics],
    labels: Mapping[tuple[str, int], tuple[str, tuple[int, ...]]],
    results: Results,
) -> None:
    from ..weights import core_shape

    missing = sorted({layer for layer, _ in labels} - {one.layer for one in found})
    beyond = sorted({one.layer for one in found} - {layer for layer, _ in labels})
    if found and not {one.layer for one in found} - set(beyond):
        raise WeightsError(f"{path}: none of its {plural(len(found), 'parameter')} has the name of a layer in the net")
    rows = []
    for one in found:
        label, shape = labels.get((one.layer, one.index), ("", one.shape))
        results.record("parameter", name=label, net_shape=list(shape), **{**asdict(one), "shape": list(one.shape)})
        differs = core_shape(shape) != core_shape(one.shape)
        name = " ".join(filter(None, (f"{one.layer}[{one.index}]", label)))
        numbers = ["-" if value is None else f"{value:.4g}" for value in (one.mean, one.std, one.min, one.max)]
        size = shape_text(one.shape) + (f" (net: {shape_text(shape)})" if differs else "")
        rows.append((name, size, *numbers, f"{one.zeros:,}", f"{one.broken:,}" if one.broken else ""))
    head: tuple[str, ...] = ("parameter", "shape", "mean", "std", "min", "max", "zeros", "not finite")
    if not any(one.broken for one in found):
        head, rows = head[:-1], [row[:-1] for row in rows]
    lines = [f"weights in {path}", *table(head, rows, 2)]
    lines += [f"  in the file and not in the net: {', '.join(beyond)}"] if beyond else []
    lines += [f"  in the net and not in the file: {', '.join(missing)}"] if missing else []
    results.text([*lines, ""])


COMMAND = Command(
    name="summary",
    summary="show a net layer by layer: shapes, parameters, work, memory, weights",
    about="Prints a table of every state of a net, without its data: type, shapes of the tops, phase, whether a layer "
    "runs in place, lr_mult of its parameters, parameters, multiply-adds and bytes of the tops for the whole batch; "
    "and the memory that the net takes under either plan: values, gradients, scratch, parameters with theirs; what a "
    "solver and prefetching add is not in it. With weights also what their numbers are like, as they stand in the "
    "file; BatchNorm's first two blobs are sums there, to be divided by the third.",
    subject="model",
    flags=(
        Flag("model", "NET", "the prototxt of a net"),
        Flag("weights", "FILE", "a caffemodel, binary or HDF5, whose numbers are described"),
        Flag("batch", "N", "the batch size, in place of those in the file", whole(1)),
        Flag("phase", "PHASE", "TRAIN, TEST or both", one_of("TRAIN", "TEST", "both"), "both"),
        LEVEL,
        STAGE,
        LAYERS,
        PYTHON,
        Flag("json", "", "print one JSON object per layer and per parameter, and one for the totals of each state"),
    ),
    examples=(
        "minicaffe summary models/cifar10_bn/train_test.prototxt",
        "minicaffe summary deploy.prototxt --batch 1 --weights net.caffemodel",
    ),
    run=run,
)
