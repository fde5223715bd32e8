"""``minicaffe bn-stats``: exact statistics for the BatchNorm layers of trained weights."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import UsageError, WeightsError, plural
from .flags import Command, Flag, in_a_folder, whole
from .loading import at_work, load_weights
from .netflags import HOW, LEVEL, net_options
from .progress import duration
from .tables import table

if TYPE_CHECKING:
    from ..bn_stats import Statistics
    from ..graph import Node
    from ..net import Net
    from ..weights import CopyReport


def run(options: dict[str, Any]) -> int:
    """Measure the statistics in phase TRAIN, show how far the stored ones were off, and write weights with the new."""
    for name, flag in (("weights", "--weights FILE"), ("o", "-o FILE")):
        if not options[name]:
            raise UsageError(f"bn-stats needs {flag}")
    from .. import bn_stats
    from ..proto import patch_weights

    weights, out, batches = options["weights"], options["o"], options["batches"]
    with at_work(options["json"]) as (screen, log, results), _net(options) as net:
        (report,) = load_weights(net, [weights], log)
        nodes = bn_stats.measured(net)
        _refuse_without_weights(weights, nodes, report)
        for note in (*net.notes, *_left_alone(bn_stats.normalising(net), nodes)):
            log.note(note)
        log.release()
        began = time.perf_counter()
        before = {node.name: bn_stats.stored(node) for node in nodes}
        screen.start(f"{net.name}: ", batches)
        found = bn_stats.measure(net, batches, screen.to)
        screen.close()
        values = {node.name: dict(zip(node.layer.kept, node.layer.as_stored(*found[node.name]))) for node in nodes}
        patch_weights(weights, out, values)
        seconds = time.perf_counter() - began
    changes = [_change(name, before[name], new) for name, new in found.items()]
    for change in changes:
        results.record("layer", **change)
    results.text(_table(changes))
    results.close(
        f"{net.name}: exact statistics of {plural(len(found), 'layer')} over {batches} "
        f"{'batch' if batches == 1 else 'batches'} in {duration(seconds)}; wrote {out}",
        name=net.name,
        layers=len(found),
        batches=batches,
        seconds=seconds,
        wrote=out,
    )
    return 0


def _net(options: dict[str, Any]) -> Net:
    """The net in phase TRAIN, over its own data or over those that the flags name."""
    from ..deploy import with_source
    from ..net import Net
    from ..proto import read_net

    how = net_options(options)
    file = read_net(options["model"])
    if options["data"]:
        with_source(file, options["data"], how["level"], how["stages"])
    net = Net(file, "TRAIN", seed=options["seed"], **how)
    if net.inputs:
        raise UsageError(
            f'{options["model"]}: "{net.inputs[0]}" is an input, which holds no data; expected a net that reads its '
            "training data, such as that which was trained"
        )
    return net


def _refuse_without_weights(path: str, nodes: Sequence[Node], report: CopyReport) -> None:
    lacking = [node.name for node in nodes if node.name in report.missing]
    if lacking:
        raise WeightsError(f"{path}: has no blobs of {', '.join(lacking)}; expected the weights of this net")


def _left_alone(all_nodes: Sequence[Node], nodes: Sequence[Node]) -> list[str]:
    names = [node.name for node in all_nodes if node not in nodes]
    return [f"{', '.join(names)}: stored statistics are used in phase TRAIN too, and are left as they are"] * bool(
        names
    )


def _change(name: str, old: Statistics | None, new: Statistics) -> dict[str, Any]:
    """How far the stored statistics were off: the mean's largest distance, in deviations, and the variance's ratios."""
    channels = int(new.mean.size)
    if old is None:
        return {"layer": name, "channels": channels, "mean": None, "least": None, "most": None}
    deviation = new.variance**0.5 + 1e-30
    ratio = new.variance / (old.variance + 1e-30)
    distance = float((abs(new.mean - old.mean) / deviation).max())
    return {
        "layer": name,
        "channels": channels,
        "mean": distance,
        "least": float(ratio.min()),
        "most": float(ratio.max()),
    }


def _table(changes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    rows = [
        (
            change["layer"],
            str(change["channels"]),
            *(f"{change[key]:.3g}" if change[key] is not None else "none stored" for key in ("mean", "least", "most")),
        )
        for change in changes
    ]
    return table(("layer", "values", "mean moves by (std)", "variance times at least", "at most"), rows, 1)


COMMAND = Command(
    name="bn-stats",
    summary="exact BatchNorm statistics for trained weights",
    about="Runs the net in phase TRAIN over batches of its training data, with the weights as they are, and writes the "
    "weights again with the mean and variance that every BatchNorm layer met; all other blobs stay as they are. What "
    "training stores is an average over about 1,000 iterations, so that after a short training the test accuracy is "
    "lower than the weights are good for.",
    subject="model",
    flags=(
        Flag("model", "NET", "the net prototxt, with its training data"),
        Flag("weights", "FILE", "the trained weights, binary or HDF5"),
        Flag("data", "DB", "an LMDB or a LevelDB to read in place of the net's training data"),
        Flag("batches", "N", "batches to measure", whole(1), 100),
        Flag("o", "FILE", "the weights to write, in the same form; may be the same file", in_a_folder),
        Flag("seed", "N", "the seed of mirroring, random crops and dropout", whole(0), 1),
        LEVEL,
        *HOW,
        Flag("json", "", "print one JSON object per layer and one for the whole on stdout"),
    ),
    examples=(
        "minicaffe bn-stats train_test.prototxt --weights net.caffemodel -o exact.caffemodel",
        "minicaffe bn-stats net.prototxt --weights net.caffemodel --data train_lmdb --batches 500 -o exact.caffemodel",
    ),
    run=run,
)
