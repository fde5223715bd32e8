"""``minicaffe diff``: how two nets, solvers or files of weights differ, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..errors import plural, shape_text
from .flags import Command, Flag
from .results import Results, show_notes
from .tables import table

if TYPE_CHECKING:
    from ..analysis.diff import Difference, LayerDifference
    from ..analysis.fields import Change

_EQUAL, _DIFFERENT = 0, 1
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def run(options: dict[str, Any]) -> int:
    """Print what differs; return 0 where nothing does, else 1."""
    from ..analysis.diff import compare

    results = Results(options["json"])
    old, new = options["a"], options["b"]
    found = compare(old, new)
    show_notes(found.notes)
    for change in found.outside:
        results.record("field", **asdict(change))
        results.text([_change(change, "")])
    for layer in found.layers:
        results.record("layer", **asdict(layer))
        if layer.kind != "changed" or layer.changes:
            results.text([f"{_SIGNS[layer.kind]} {layer.name}" + f" ({layer.type})" * bool(layer.type)])
        results.text(_change(change, "    ") for change in layer.changes)
    results.text(_distances(found.layers))
    counts = {kind: sum(layer.kind == kind for layer in found.layers) for kind in _SIGNS}
    parameters = sum(len(layer.distances) for layer in found.layers)
    results.close(
        f"{old} and {new} {'are equal' if found.equal else 'differ: ' + _in_words(found, counts, parameters)}",
        equal=found.equal,
        fields=len(found.outside),
        layers=counts,
        compared=found.compared,
        parameters=parameters,
    )
    return _EQUAL if found.equal else _DIFFERENT


def _change(change: Change, indent: str) -> str:
    return f"{indent}{change.what}: {change.old or 'none'} -> {change.new or 'none'}"


def _distances(layers: Iterable[LayerDifference]) -> Iterator[str]:
    rows = [
        (
            f"{layer.name}[{one.index}]",
            shape_text(one.shape),
            *(f"{value:.4g}" for value in (one.l2, one.relative, one.largest)),
        )
        for layer in layers
        for one in layer.distances
    ]
    if rows:
        yield "parameters that are apart:"
        yield from table(("parameter", "shape", "L2", "relative", "largest"), rows, 2)


def _in_words(found: Difference, counts: dict[str, int], parameters: int) -> str:
    parts = [f"{plural(len(found.outside), 'field')} outside of layers"] if found.outside else []
    parts += [f"{plural(count, 'layer')} {kind}" for kind, count in counts.items() if count]
    if parameters:
        parts.append(f"{parameters} of {plural(found.compared, 'parameter')} apart")
    return ", ".join(parts)


COMMAND = Command(
    name="diff",
    summary="compare two nets, solvers or files of weights",
    about="Compares two prototxts, or two files of weights (binary or HDF5), layer by layer: what was added (+), "
    "removed (-) or changed (~), each field from old to new, shapes, and how far parameters are apart: the L2 norm of "
    "the difference, the same over the norm of the old parameter, and the largest difference of two numbers. Old "
    "forms are upgraded first. Exit status: 0 equal, 1 different, 2 bad input.",
    subject="a b",
    flags=(
        Flag("a", "A", "the old file"),
        Flag("b", "B", "the new file, of the same kind"),
        Flag("json", "", "print one JSON object per difference and one for the whole on stdout"),
    ),
    examples=(
        "minicaffe diff old.prototxt new.prototxt",
        "minicaffe diff snap/net_iter_500.caffemodel snap/net_iter_1000.caffemodel.h5",
    ),
    run=run,
)
