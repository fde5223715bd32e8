"""``minicaffe train``: run a solver, as ``caffe train`` does."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import UsageError, plural
from .flags import Command, Flag, comma_list, one_of, whole
from .loading import Compiling, ignored_lines, tell_of_copies, warn_of_compiling, warn_of_gpu
from .log import Log, build_lines
from .netflags import CHECK_FINITE, GPU, HOW, LEVEL, net_options
from .netlog import net_lines
from .plot import target
from .progress import Screen, duration
from .results import Results, by_name, in_words
from .signals import EFFECTS, ended_by_signals, handled

if TYPE_CHECKING:
    from ..proto import Message
    from ..solver import Listener, Solver
    from .report import TrainReport


def run(options: dict[str, Any]) -> int:
    """Build the solver, take up weights or a snapshot, solve, and say what was reached."""
    if options["snapshot"] and options["weights"]:
        raise UsageError("--snapshot resumes a training and --weights begins a new one; expected one of the two")
    from ..kernels import _jit
    from ..solver import get_solver
    from .report import TrainReport

    how = net_options(options)
    screen = Screen()
    log, results = Log(screen.line), Results(options["json"])
    report = TrainReport(log, screen, results)
    listener, followers = _listening(report, options, log)
    warn_of_compiling(log)
    compiling = _jit.told_of_compiling(Compiling(screen))
    with ended_by_signals(), contextlib.closing(screen), _closing(followers), compiling:
        solver = get_solver(
            options["solver"],
            overrides={**options["set"], **_weights(options)},
            seed=options["seed"],
            listener=listener,
            test_bn_stats=options["test_bn_stats"],
            **how,
        )
        with contextlib.closing(solver):
            results.on_closed = solver.request_stop
            for net in (solver.net, *solver.test_nets):
                net.check_finite = options["check_finite"]
            _prepare(solver, options, log)
            log.info("caffe.cpp:239", "Starting Optimization")
            first, begin = solver.iter, time.perf_counter()
            screen.start(f"{solver.net.name}: ", solver.param.max_iter, first)
            with handled(solver, options["sigint_effect"], options["sighup_effect"]):
                solver.solve()
            screen.close()
            log.info("caffe.cpp:250", "Optimization Done.")
            _close(solver, report, results, first, time.perf_counter() - begin)
    return 0


def _listening(report: Listener, options: dict[str, Any], log: Log) -> tuple[Listener, list]:
    """The report, together with what else the flags ask to follow the training; and the latter alone."""
    if not (options["plot"] or options["tensorboard"]):
        return report, []
    from .following import Board, LivePlot, Together

    followers: list[LivePlot | Board] = []
    if options["plot"]:
        followers.append(LivePlot(options["plot"], log.warning))
    if options["tensorboard"]:
        followers.append(Board(options["tensorboard"], log.warning))
    return Together(report, *followers), followers


@contextlib.contextmanager
def _closing(followers: list) -> Iterator[None]:
    """Tell all of them when the training is over."""
    try:
        yield
    finally:
        for follower in followers:
            follower.close()


def _weights(options: dict[str, Any]) -> dict[str, str]:
    """The flag's weights take the place of the solver's."""
    return {"weights": ",".join(options["weights"])} if options["weights"] else {}


def _prepare(solver: Solver, options: dict[str, Any], log: Log) -> None:
    """Log how the solver came to be, and load the snapshot that the flags name."""
    from ..proto import format_text

    shown = type(solver.param)()
    shown.CopyFrom(solver.param)
    if options["weights"]:
        shown.weights[:] = [",".join(options["weights"])]
    tests = [net_lines(net) for net in solver.test_nets]
    ignored = {(net, path): ignored_lines(report) for net, path, report in solver.copies}
    log.infos(build_lines(shown, format_text(shown), net_lines(solver.net), tests, ignored))
    for index in range(1 + len(tests)):
        tell_of_copies([(path, report) for net, path, report in solver.copies if net == index], log)
    for note in solver.notes:
        (log.note if note in solver.net.notes else log.warning)(note)
    if options["gpu"] is not None and not _asks_for_gpu(solver.param):
        warn_of_gpu(options["gpu"], log)
    if options["snapshot"]:
        log.info("caffe.cpp:235", f"Resuming from {options['snapshot']}")
        solver.restore(options["snapshot"])
    log.release()


def _asks_for_gpu(param: Message) -> bool:
    """Whether the file itself says GPU, in which case the solver has its own remark."""
    return param.HasField("solver_mode") and param.solver_mode == type(param).GPU


def _close(solver: Solver, report: TrainReport, results: Results, first: int, seconds: float) -> None:
    """The last line: iterations, time, scores, files."""
    done, last = solver.iter - first, solver.iter
    head = f"{solver.net.name}: {plural(done, 'iteration')} in {duration(seconds)}"
    if first:
        head += f", from {first} to {last}"
    if report.stopped_early:
        head += f", stopped before {solver.param.max_iter}"
    parts = [head]
    for index, test in sorted(report.tests.items()):
        name = "test" if len(report.tests) == 1 else f"test net #{index}"
        when = "" if test.iteration == last else f" at iteration {test.iteration}"
        parts.append(f"{name} {in_words(test.outputs)}{when}")
    if not report.tests and report.loss is not None:
        parts.append(f"training loss {report.loss:.4f}")
    model, state = report.snapshot or ("", "")
    wrote = f"wrote {model} and {state[state.rindex('.solverstate') :]}" if model else "no snapshot was asked for"
    results.close(
        f"{', '.join(parts)}; {wrote}",
        name=solver.net.name,
        iteration=last,
        iterations=done,
        seconds=seconds,
        stopped_early=report.stopped_early,
        loss=report.loss,
        tests={str(index): by_name(test.outputs) for index, test in sorted(report.tests.items())},
        model=model,
        state=state,
    )


COMMAND = Command(
    name="train",
    summary="train or finetune the net of a solver file",
    about="Runs the solver to its max_iter, writing Caffe's log lines to stderr and snapshots in Caffe's own "
    "format. Ctrl-C takes a snapshot and stops; SIGHUP takes a snapshot and goes on.",
    subject="solver",
    flags=(
        Flag("solver", "SOLVER", "the solver prototxt"),
        Flag(
            "weights",
            "FILE[,FILE]",
            "weights to begin with, binary or HDF5; not together with --snapshot",
            comma_list,
            (),
        ),
        Flag("snapshot", "FILE", "the solverstate to resume from"),
        Flag("set", "KEY=VALUE", "a solver field to change, such as max_iter=500; may be repeated", pairs=True),
        Flag("seed", "N", "the random seed, instead of the solver's random_seed", whole(0)),
        Flag("sigint_effect", "EFFECT", "what Ctrl-C does: stop, snapshot or none", one_of(*EFFECTS), "stop"),
        Flag("sighup_effect", "EFFECT", "what SIGHUP does: stop, snapshot or none", one_of(*EFFECTS), "snapshot"),
        Flag(
            "test_bn_stats",
            "KIND",
            "the BatchNorm statistics of tests: stored, or exact[:N], measured over N training batches for each test",
        ),
        replace(LEVEL, default=None),
        *HOW,
        CHECK_FINITE,
        Flag(
            "plot",
            "FILE",
            "keep a picture of the curves up to date as it runs: .png, .svg or .pdf (needs matplotlib)",
            target,
        ),
        Flag("tensorboard", "DIR", "write the numbers for TensorBoard into this folder (needs tensorboardX)"),
        Flag("json", "", "print one JSON object per display and per test on stdout"),
        GPU,
    ),
    examples=(
        "minicaffe train models/cifar10_bn/solver.prototxt",
        "minicaffe train models/cifar10_bn/solver.prototxt --set max_iter=500 display=20 --seed 1",
        "minicaffe train models/cifar10_bn/solver.prototxt --plot curves.png",
        "minicaffe train models/cifar10_bn/solver.prototxt --weights snapshots/cifar10_bn_iter_500.caffemodel",
        "minicaffe train models/cifar10_bn/solver.prototxt --snapshot snapshots/cifar10_bn_iter_500.solverstate",
    ),
    run=run,
)
