"""``minicaffe fold``: a net for use alone, its BatchNorm, Scale, Bias and Dropout folded into layers with weights."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..errors import GraphError, UsageError, WeightsError, plural
from .flags import Command, Flag, comma_list, decimal, whole
from .netflags import LAYERS, LEVEL, PYTHON, STAGE, THREADS, get_ready
from .nettable import shape_flag
from .results import Results, show_notes
from .tables import number, table

if TYPE_CHECKING:
    from ..analysis.fold import Folded
    from ..analysis.fold.compare import Version
    from ..deploy import Deployed
    from ..net import Net
    from ..proto import NetFile

_PLANS = ("inspect", "fast")


def run(options: dict[str, Any]) -> int:
    """Fold, compare with the net as it was, and write both files; WeightsError where they differ too much."""
    from ..analysis.check import check_net
    from ..analysis.fold import fold, net_text, write_both
    from ..deploy import alone, shapes_given
    from ..net import Net
    from ..proto import parse_net, read_net

    targets = _targets(options)
    get_ready(options)
    results, source, python = Results(options["json"]), read_net(options["model"]), options["allow_python_layers"]
    given = shapes_given(source, {name: shape_flag(name, text) for name, text in options["shape"].items()})
    state = check_net(source, ("TEST",), options["level"], options["stage"], given, python_path=python)[0]
    show_notes(f"{source.path}: {note}" for note in source.notes)
    if state.problems:
        raise GraphError(state.problems)
    deployed = alone(source, state.outline.incoming(), given, options["level"], state.stages)
    if not _inputs(deployed.net) <= given.keys():
        show_notes(state.notes)
    net = Net(deployed.net, "TEST", seed=0, python_layers=python)
    _load(net, options["weights"])
    folded = fold(net, options["keep"])
    text = net_text(folded, deployed.net, _content(source.path))
    after = parse_net(text, targets[0] if targets else source.path)
    costs = {"before": _costs(deployed.net, python), "after": _costs(after, python)}
    _show(folded, costs, results)
    arrays = {name: [blob.data for blob in blobs] for name, blobs in net.params.items()}
    _compare(net, (deployed.net, arrays), (after, folded.arrays), deployed, options, results)
    if targets:
        write_both(targets[0], targets[1], text, folded)
    layers = plural(len(folded.changes), "layer")
    wrote = f"wrote {targets[0]} and {targets[1]}" if targets else "nothing was written, as no -o was given"
    results.close(f"{source.path}: {layers} folded, {len(folded.left)} left; {wrote}", wrote=list(targets), **costs)
    return 0


def _targets(options: dict[str, Any]) -> tuple[str, ...]:
    """The prototxt and the weights to write; UsageError for one that would replace a file that is read."""
    net, weights = options["o"], options["caffemodel"]
    if net is None:
        if weights:
            raise UsageError(f'"{weights}" is one word too many without -o; expected -o DEPLOY.prototxt {weights}')
        return ()
    weights = weights or os.path.splitext(net)[0] + ".caffemodel"
    for path in (net, weights):
        for other in (options["model"], *options["weights"]):
            if os.path.realpath(path) == os.path.realpath(other):
                raise UsageError(f"-o {path}: is a file that is read; expected another name")
    if os.path.realpath(net) == os.path.realpath(weights):
        raise UsageError(f"-o {net}: both files have this name; expected one for the net and one for the weights")
    return net, weights


def _inputs(net: NetFile) -> set[str]:
    return {top for layer in net.param.layer if layer.type == "Input" for top in layer.top}


def _content(path: str) -> str:
    """The text of a prototxt, for its comments; "" for a binary net."""
    from ..proto.files import read_bytes
    from ..proto.kinds import kind_of
    from ..proto.text import text_of

    data = read_bytes(path, "a net")
    return text_of(data, path, "a net") if kind_of(data) == "text" else ""


def _load(net: Net, paths: Iterable[str]) -> None:
    """Take the weights of every file; WeightsError for a layer that is in none of them."""
    missing = set(net.params)
    for path in paths:
        missing &= set(net.copy_from(path).missing)
    if missing:
        names = ", ".join(name for name in net.params if name in missing)
        raise WeightsError(f"{' and '.join(paths)}: no weights for {names}; expected those of every layer")


def _costs(net: NetFile, python: str | None) -> dict[str, int]:
    from ..analysis.check import check_net
    from ..analysis.summary import summarise, totals

    (state,) = check_net(net, ("TEST",), python_path=python)
    layers = summarise(state)
    sums = totals(layers, state.outline.graph)
    names = ("parameters", "multiply_adds", "bytes")
    return {"layers": len(layers), **dict(zip(names, sums.values))}


_WHERE = {"before": " before it", "after": " after it", "merged": ": one Scale"}


def _show(folded: Folded, costs: dict[str, dict[str, int]], results: Results) -> None:
    for change in folded.changes:
        results.record("fold", **asdict(change))
        where = f"into {', '.join(change.into)}{_WHERE[change.how]}" if change.into else "removed"
        results.text([f"{change.layer} ({change.type}) {where}"])
    for left in folded.left:
        results.record("left", **asdict(left))
        results.text([f"{left.layer} ({left.type}) stays: {'; '.join(left.reasons)}"])
    rows = [(name, *map(number, sums.values())) for name, sums in costs.items()]
    results.text(["", *table(("", "layers", "parameters", "multiply-adds", "bytes"), rows, 1), ""])


def _compare(
    net: Net, before: Version, after: Version, deployed: Deployed, options: dict[str, Any], results: Results
) -> None:
    """Print how far the outputs are apart under both plans; WeightsError if it is more than the bound."""
    from ..analysis.fold import data_batches, differences, random_batches

    count, bound, source = options["iterations"], options["bound"], options["data"]
    if source:
        batches, said = list(data_batches(net, source, count, deployed)), f"of {source}"
    else:
        batches, said = list(random_batches(net, count, options["seed"], deployed.scale)), "of random numbers"
    rows, worst = [], None
    for plan in _PLANS:
        how = {"keep": options["keep"], "python_layers": options["allow_python_layers"]}
        for one in differences(before, after, batches, plan, **how):
            results.record("difference", plan=plan, **asdict(one))
            rows.append((one.blob, plan, f"{one.absolute:.2g}", f"{one.relative:.2g}"))
            worst = one if worst is None or one.relative > worst.relative else worst
    title = f"largest differences over {count} {'batch' if count == 1 else 'batches'} {said}"
    results.text([title, *table(("blob", "plan", "absolute", "relative"), rows, 2), ""])
    if worst is not None and worst.relative > bound:
        raise WeightsError(
            f'"{worst.blob}" differs by {worst.relative:.2g} of its largest number, expected at most {bound:g} '
            "(--bound); nothing was written"
        )


COMMAND = Command(
    name="fold",
    summary="fold BatchNorm, Scale, Bias and Dropout into the layers with weights",
    about="Reads a net and its weights and writes a net for use alone that computes the same with fewer layers: "
    "BatchNorm with its statistics, Scale, Bias, EltwiseAffine, Power with power 1 and Dropout go into the "
    "Convolution, Deconvolution or InnerProduct before or after them, through Concat, Eltwise, pooling and Flatten "
    "where that is exact; two that are left side by side become one Scale. What stays is named with the reason. A net "
    "that trains or tests becomes one of phase TEST: data become inputs, of batch 1 unless --shape says otherwise, "
    "SoftmaxWithLoss becomes Softmax, other losses and Accuracy go. The net's inputs and outputs keep their names and "
    "meaning, other blobs only with --keep; comments at the top and above layers are kept. Both nets are run under "
    "both plans, and nothing is written where an output (what goes into a Softmax at the end) differs by more than "
    "--bound of its largest number.",
    subject="model weights caffemodel",
    flags=(
        Flag("model", "NET", "the net: a deploy prototxt, or one that trains or tests"),
        Flag("weights", "FILE[,FILE]", "its weights, binary or HDF5", comma_list),
        Flag(
            "caffemodel",
            "DEPLOY.caffemodel",
            "with -o, the weights to write, HDF5 if it ends in .h5; the name after -o with this ending if not given",
            needed=False,
        ),
        Flag("o", "DEPLOY.prototxt", "the net to write; without it nothing is written"),
        Flag("keep", "BLOB[,BLOB]", "blobs that stay what they are", comma_list, ()),
        Flag("shape", "BLOB=N,C,H,W", "the shape of an input; may be repeated", pairs=True),
        Flag("data", "DB", "an LMDB or LevelDB to compare over, transformed as the net does; else random numbers"),
        Flag("iterations", "N", "batches to compare", whole(1), 2),
        Flag("seed", "N", "of the random numbers", whole(0), 0),
        Flag(
            "bound",
            "X",
            "the largest relative difference that is accepted",
            decimal(lambda x: x >= 0, "a number of at least 0"),
            1e-4,
        ),
        LEVEL,
        STAGE,
        THREADS,
        LAYERS,
        PYTHON,
        Flag("json", "", "print one JSON object per layer, difference and for the whole"),
    ),
    examples=(
        "minicaffe fold train_val.prototxt net.caffemodel -o deploy.prototxt deploy.caffemodel",
        "minicaffe fold deploy.prototxt net.caffemodel --data test_lmdb --iterations 10",
    ),
    run=run,
)
