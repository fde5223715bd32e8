"""``minicaffe time``: how long a net takes, layer by layer, as ``caffe time`` does, and step by step."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .flags import Command, Flag, comma_list, one_of, whole
from .loading import Compiling, load_weights, warn_of_compiling, warn_of_gpu
from .log import Log, number
from .netflags import GPU, HOW, LEVEL, net_options
from .netlog import net_lines
from .progress import Screen
from .results import Results
from .timelog import average_lines, begin_line, iteration_line, step_table

if TYPE_CHECKING:
    from ..kernels.fast.peak import Peak
    from ..net import Net
    from ..timing import Timing


def run(options: dict[str, Any]) -> int:
    """Build the net, run it once, then time it."""
    from ..kernels import _jit, _threads
    from ..net import Net
    from ..timing import fill_inputs, resident_bytes, time_net

    how = net_options(options)
    screen = Screen()
    log, results = Log(screen.line), Results(options["json"])
    with contextlib.closing(screen), _jit.told_of_compiling(Compiling(screen)):
        warn_of_compiling(log)
        with Net(options["model"], options["phase"], **how) as net:
            log.info("caffe.cpp:343", "Use CPU.")
            log.infos(net_lines(net))
            load_weights(net, options["weights"], log)
            for note in net.notes:
                log.note(note)
            if options["gpu"] is not None:
                warn_of_gpu(options["gpu"], log)
            fill_inputs(net)
            log.release()
            _run_once(net, log)
            iterations = options["iterations"]
            log.infos(begin_line(iterations))
            screen.start(f"{net.name}: ", iterations)

            def after(index: int, seconds: float) -> None:
                log.info(*iteration_line(index, seconds))
                screen.say(f"{1e3 * seconds:.2f} ms")
                screen.to(index)

            timing = time_net(net, iterations, after)
            resident, peak = resident_bytes(), _peak(net)
            screen.close()
            log.infos(average_lines(timing))
            _close(net, timing, results, resident, peak, _threads.threads())
    return 0


def _run_once(net: Net, log: Log) -> None:
    """So that what is made at the first run is there, and is not timed."""
    log.info("caffe.cpp:351", "Performing Forward")
    net.forward()
    log.info("caffe.cpp:356", f"Initial loss: {number(net.loss)}")
    if _runs_backward(net):
        log.info("caffe.cpp:357", "Performing Backward")
        net.backward()
    else:
        log.note("the fast plan computes no gradients in phase TEST: only forward passes are timed")


def _runs_backward(net: Net) -> bool:
    return net.runner is None or any(net.runner.plan.gradients.nodes)


def _peak(net: Net) -> Peak | None:
    """What the machine can do at most, where it is compared with steps."""
    if net.runner is None:
        return None
    from ..kernels.fast.peak import measure

    return measure()


def _close(net: Net, timing: Timing, results: Results, resident: int | None, peak: Peak | None, threads: int) -> None:
    """The table of steps, and the last line."""
    if peak is not None:
        results.text(step_table(timing, peak))
    for layer in timing.layers:
        results.record("layer", **asdict(layer))
    for one in timing.passes:
        for step in one.steps:
            results.record("step", **{"pass": one.name}, **asdict(step))
    mean = timing.total / len(timing.iterations)
    memory = [f"{timing.arena_bytes / 1e6:.1f} MB in the arena"] if timing.arena_bytes is not None else []
    memory += [f"{resident / 1e6:.0f} MB resident"] if resident is not None else []
    results.close(
        f"{net.name}: {', '.join([f'{1e3 * mean:.3f} ms an iteration over {len(timing.iterations)}', *memory])}",
        name=net.name,
        iterations=list(timing.iterations),
        seconds=mean,
        passes={one.name: one.seconds for one in timing.passes},
        arena_bytes=timing.arena_bytes,
        resident_bytes=resident,
        threads=threads,
        peak=peak and {"flops": peak.flops, "bytes": peak.bytes},
    )


COMMAND = Command(
    name="time",
    summary="time a net layer by layer, and step by step",
    about="Runs a net forward and backward, and prints Caffe's lines: the average of each layer. Under the fast plan "
    "layers that are computed together are one line, and a table on stdout shows every step with its speed, beside "
    "the most that this machine can do. The net's inputs are filled with noise.",
    subject="model",
    flags=(
        Flag("model", "NET", "the net prototxt"),
        Flag("weights", "FILE[,FILE]", "caffemodels to run with; the net's own fillers if not given", comma_list, ()),
        Flag("iterations", "N", "iterations to time", whole(1), 50),
        Flag("phase", "PHASE", "TRAIN or TEST: which layers of the net to run", one_of("TRAIN", "TEST"), "TRAIN"),
        LEVEL,
        *HOW,
        Flag("json", "", "print one JSON object per layer, per step and for the whole on stdout, times in seconds"),
        GPU,
    ),
    examples=(
        "minicaffe time models/cifar10_bn/train_test.prototxt",
        "minicaffe time -model models/resnet50/deploy.prototxt -phase TEST -iterations 10",
        "minicaffe time models/lenet/train_test.prototxt --plan inspect --json",
    ),
    run=run,
)
