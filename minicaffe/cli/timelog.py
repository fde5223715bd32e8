"""What ``minicaffe time`` says: Caffe's own log lines, and a table of the fast plan's steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .log import Line, number

if TYPE_CHECKING:
    from ..kernels.fast.peak import Peak
    from ..timing import StepTime, Timing

_MS = 1e3
_COLUMNS = f"  {'kernel':<28}{'ms':>9}{'share':>7}{'GFLOP/s':>9}{'of peak':>8}{'GB/s':>7}{'of copy':>8}  layers"
_TITLES = {"prepare": "prepare, when parameters may have changed"}


def begin_line(iterations: int) -> list[Line]:
    """What Caffe says when it begins to measure."""
    return [("caffe.cpp:365", "*** Benchmark begins ***"), ("caffe.cpp:366", f"Testing for {iterations} iterations.")]


def iteration_line(index: int, seconds: float) -> Line:
    return "caffe.cpp:394", f"Iteration: {index} forward-backward time: {number(_MS * seconds)} ms."


def average_lines(timing: Timing) -> list[Line]:
    """Each layer's average, or that of layers computed together, and those of the passes; a ``timing.Timing``."""
    lines = [("caffe.cpp:397", "Average time per layer: ")]
    for layer in timing.layers:
        name = " + ".join(layer.names).rjust(10)
        lines.append(("caffe.cpp:400", f"{name}\tforward: {number(_MS * layer.forward)} ms."))
        lines.append(("caffe.cpp:403", f"{name}\tbackward: {number(_MS * layer.backward)} ms."))
    total = _MS * timing.total
    return [
        *lines,
        ("caffe.cpp:408", f"Average Forward pass: {number(_MS * timing.seconds('forward'))} ms."),
        ("caffe.cpp:410", f"Average Backward pass: {number(_MS * timing.seconds('backward'))} ms."),
        ("caffe.cpp:412", f"Average Forward-Backward: {number(total / len(timing.iterations))} ms."),
        ("caffe.cpp:414", f"Total Time: {number(total)} ms."),
        ("caffe.cpp:415", "*** Benchmark ends ***"),
    ]


def step_table(timing: Timing, peak: Peak) -> Iterator[str]:
    """The steps of each pass, as they run; ``peak`` is a ``kernels.fast.peak.Peak``."""
    for one in timing.passes:
        if not one.steps:
            continue
        yield f"{_TITLES.get(one.name, one.name)}: {_MS * one.seconds:.3f} ms"
        yield _COLUMNS
        for step in one.steps:
            kernel = step.kernel or "(plain layer)"
            head = f"  {kernel:<28}{_MS * step.seconds:9.3f}{_share(step.seconds, one.seconds):>7}"
            yield f"{head}{_rates(step, peak)}  {' + '.join(step.layers)}"
        rest = max(0.0, one.seconds - sum(step.seconds for step in one.steps))
        yield f"  {'(waiting, calls)':<28}{_MS * rest:9.3f}{_share(rest, one.seconds):>7}"
        yield ""
    yield f"the most on as many threads: {peak.flops / 1e9:.0f} GFLOP/s, copying {peak.bytes / 1e9:.1f} GB/s"


def _rates(step: StepTime, peak: Peak) -> str:
    flops = step.operations / step.seconds if step.seconds else 0.0
    moved = step.bytes / step.seconds if step.seconds else 0.0
    shown = f"{flops / 1e9:9.1f}{_share(flops, peak.flops):>8}" if flops else " " * 17
    return shown + (f"{moved / 1e9:7.1f}{_share(moved, peak.bytes):>8}" if moved else " " * 15)


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f}%" if whole else ""
