"""``minicaffe test``: score a net, as ``caffe test`` does."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from ..errors import UsageError
from .flags import Command, Flag, comma_list, one_of, whole
from .loading import Compiling, load_weights, warn_of_compiling, warn_of_gpu
from .log import Log, number, score_lines
from .netflags import CHECK_FINITE, GPU, HOW, LEVEL, net_options
from .netlog import net_lines
from .progress import Screen, duration
from .results import Results, by_name, in_words


def run(options: dict[str, Any]) -> int:
    """Build the net, load the weights, and average the outputs of ``iterations`` batches."""
    if not options["weights"]:
        raise UsageError("test needs weights; expected --weights FILE")
    from ..kernels import _jit
    from ..net import Net

    how = net_options(options)
    screen = Screen()
    log, results = Log(screen.line), Results(options["json"])
    model, batches = options["model"], options["iterations"]
    warn_of_compiling(log)
    with (
        contextlib.closing(screen),
        _jit.told_of_compiling(Compiling(screen)),
        Net(model, options["phase"], **how) as net,
    ):
        net.check_finite = options["check_finite"]
        log.info("caffe.cpp:275", "Use CPU.")
        log.infos(net_lines(net))
        load_weights(net, options["weights"], log)
        for note in net.notes:
            log.note(note)
        if options["gpu"] is not None:
            warn_of_gpu(options["gpu"], log)
        log.release()
        log.info("caffe.cpp:281", f"Running for {batches} iterations.")
        begin = time.perf_counter()
        screen.start(f"{net.name}: ", batches)
        outputs, loss = _score(net, batches, log, screen, results)
        seconds = time.perf_counter() - begin
        screen.close()
        log.infos(score_lines(outputs, loss))
        words = in_words(outputs) or f"loss {loss:.4f}"
        results.close(
            f"{net.name}: {words} over {batches} batches in {duration(seconds)}",
            name=net.name,
            batches=batches,
            loss=loss,
            outputs=by_name(outputs),
            seconds=seconds,
        )
    return 0


def _score(net, batches: int, log: Log, screen: Screen, results: Results):
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
        results.record("test", batch=batch, loss=net.loss, outputs=by_name(outputs))
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
        LEVEL,
        *HOW,
        CHECK_FINITE,
        Flag("json", "", "print one JSON object per batch and one for the whole on stdout"),
        GPU,
    ),
    examples=(
        "minicaffe test models/cifar10_bn/train_test.prototxt --weights snapshots/cifar10_bn_iter_500.caffemodel",
        "minicaffe test -model train_test.prototxt -weights net.caffemodel -iterations 10",
    ),
    run=run,
)
