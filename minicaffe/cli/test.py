"""``minicaffe test``: score a net, as ``caffe test`` does."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .flags import Command, Flag, comma_list, one_of, whole
from .loading import Compiling, load_weights, warn_of_compiling, warn_of_gpu
from .log import Log, number, score_lines
from .netflags import CHECK_FINITE, GPU, HOW, LEVEL, net_options
from .netlog import net_lines
from .progress import Screen, duration
from .results import Results, by_name, in_words
from .tables import table

if TYPE_CHECKING:
    from ..net import Net
    from ..solver.events import Output

_STATISTICS = {None: (None,), "stored": ("stored",), "batch": ("batch",), "both": ("stored", "batch")}


def run(options: dict[str, Any]) -> int:
    """Build the net, load the weights, and average the outputs of ``iterations`` batches."""
    if not options["weights"]:
        raise UsageError("test needs weights; expected --weights FILE")
    from ..kernels import _jit
    from ..settings import fresh_seed

    screen = Screen()
    log, results = Log(screen.line), Results(options["json"])
    how = {**net_options(options), "seed": fresh_seed()}  # both kinds of statistics meet the same images
    batches = options["iterations"]
    warn_of_compiling(log)
    scores = {}
    began = time.perf_counter()
    with contextlib.closing(screen), _jit.told_of_compiling(Compiling(screen)):
        for kind in _STATISTICS[options["bn_stats"]]:
            with _net(options, how, kind) as net:
                scores[kind], seconds = _test(net, options, kind, log, screen, results)
                name = net.name
    if len(scores) > 1:
        seconds = time.perf_counter() - began
        results.text(_side_by_side(scores))
    words = "; ".join(_words(kind, *score) for kind, score in scores.items())
    outputs, loss = next(iter(scores.values()))
    others = {f"{kind}_statistics": {"loss": s[1], "outputs": by_name(s[0])} for kind, s in scores.items() if kind}
    results.close(
        f"{name}: {words} over {batches} batches in {duration(seconds)}",
        name=name,
        batches=batches,
        loss=loss,
        outputs=by_name(outputs),
        **others,
        seconds=seconds,
    )
    return 0


def _net(options: dict[str, Any], how: dict[str, Any], kind: str | None) -> Net:
    """The net as it is written, or with ``kind`` of statistics in all that normalise: "stored" or "batch"."""
    from ..bn_stats import normalising, with_statistics
    from ..net import Net
    from ..proto import read_net

    file = read_net(options["model"])
    net = Net(with_statistics(file, kind == "stored") if kind else file, options["phase"], **how)
    if kind and not normalising(net):
        net.close()
        raise UsageError(
            f"{options['model']}: no layer normalises by statistics; expected a BatchNorm layer for --bn-stats"
        )
    return net


def _test(
    net: Net, options: dict[str, Any], kind: str | None, log: Log, screen: Screen, results: Results
) -> tuple[tuple[tuple[Output, ...], float], float]:
    """Score one net; return the mean outputs with the mean loss, and the seconds."""
    batches = options["iterations"]
    net.check_finite = options["check_finite"]
    log.info("caffe.cpp:275", "Use CPU.")
    log.infos(net_lines(net))
    load_weights(net, options["weights"], log)
    for note in net.notes:
        log.note(note)
    if kind:
        log.note(f"BatchNorm layers use {_OF[kind]}")
    if options["gpu"] is not None:
        warn_of_gpu(options["gpu"], log)
    log.release()
    log.info("caffe.cpp:281", f"Running for {batches} iterations.")
    begin = time.perf_counter()
    screen.start(f"{net.name}: ", batches)
    outputs, loss = _score(net, batches, log, screen, results, {"bn_stats": kind} if kind else {})
    seconds = time.perf_counter() - begin
    screen.close()
    log.infos(score_lines(outputs, loss))
    return (outputs, loss), seconds


_OF = {"stored": "their stored statistics", "batch": "the statistics of each batch"}


def _words(kind: str | None, outputs: Sequence[Output], loss: float) -> str:
    words = in_words(outputs) or f"loss {loss:.4f}"
    return f"{words} with {_OF[kind]}" if kind else words


def _side_by_side(scores: dict) -> Iterator[str]:
    """A row for each output number, a column for each kind of statistics."""
    columns = [[*((output.name, output.value) for output in outputs)] for outputs, _ in scores.values()]
    rows = [(name, *(f"{column[i][1]:.4f}" for column in columns)) for i, (name, _) in enumerate(columns[0])]
    return table(("output", *(f"{kind} statistics" for kind in scores)), rows, 1)


def _score(
    net: Net, batches: int, log: Log, screen: Screen, results: Results, facts: dict[str, str]
) -> tuple[tuple[Output, ...], float]:
    """Run all batches; return the mean of every output number, and the mean loss."""
    from ..solver.events import Output

    weights = net.blob_loss_weights
    names: list[str] = []
    sums: list[float] = []
    loss = 0.0
    for batch in range(batches):
        found = [(name, float(value)) for name, array in net.forward().items() for value in array.ravel()]
        loss += net.loss
        if batch == 0:
            names, sums = [name for name, _ in found], [0.0] * len(found)
        for i, (name, value) in enumerate(found):
            sums[i] += value
            log.info("caffe.cpp:304", f"Batch {batch}, {name} = {number(value)}")
        outputs = tuple(Output(i, name, value, weights[name]) for i, (name, value) in enumerate(found))
        results.record("test", batch=batch, **facts, loss=net.loss, outputs=by_name(outputs))
        screen.to(batch + 1)
    means = tuple(Output(i, name, total / batches, weights[name]) for i, (name, total) in enumerate(zip(names, sums)))
    return means, loss / batches


COMMAND = Command(
    name="test",
    summary="score a net with trained weights",
    about="Runs the TEST phase of a net over batches of its own data and prints the mean of every output.",
    subject="model",
    flags=(
        Flag("model", "NET", "the net prototxt"),
        Flag("weights", "FILE[,FILE]", "the weights to score, binary or HDF5", comma_list, ()),
        Flag("iterations", "N", "batches to run", whole(1), 50),
        Flag("phase", "PHASE", "TRAIN or TEST: which layers of the net to run", one_of("TRAIN", "TEST"), "TEST"),
        Flag(
            "bn_stats",
            "KIND",
            "what BatchNorm layers use, whatever the net says: stored statistics, those of the batch, or both in turn",
            one_of("stored", "batch", "both"),
        ),
        LEVEL,
        *HOW,
        CHECK_FINITE,
        Flag("json", "", "print one JSON object per batch and one for the whole on stdout"),
        GPU,
    ),
    examples=(
        "minicaffe test models/cifar10_bn/train_test.prototxt --weights snapshots/cifar10_bn_iter_500.caffemodel",
        "minicaffe test -model train_test.prototxt -weights net.caffemodel -iterations 10",
        "minicaffe test train_test.prototxt --weights net.caffemodel --bn-stats both",
    ),
    run=run,
)
