"""How long a net takes, and where: by layer, and under the fast plan by step. Returns data; prints nothing."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .execution import Span
from .graph import Graph
from .kernels.fast.clock import Clock
from .net import Net
from .plan.fast.builder import Buffer, PlainStep, Step
from .runner import Program, Runner

__all__ = ["LayerTime", "Pass", "StepTime", "Timing", "fill_inputs", "resident_bytes", "time_net"]

_NUMBER = 4  # bytes of a float32


@dataclass(frozen=True)
class LayerTime:
    """Seconds of one iteration in layers that are computed together; under the inspect plan in one layer."""

    names: tuple[str, ...]
    forward: float
    backward: float


@dataclass(frozen=True)
class StepTime:
    """One step of the fast plan. ``kernel`` is None where a layer runs itself.

    ``seconds``: of one run, the threads' times added and divided by their number. ``operations``: arithmetic ones, two
    to a multiply-add, 0 where the plan does not count them. ``bytes``: of all operands, each once; a worker's own work
    space does not count.
    """

    kernel: str | None
    layers: tuple[str, ...]
    seconds: float
    operations: float = 0.0
    bytes: int = 0


@dataclass(frozen=True)
class Pass:
    """``seconds``: of one run; what its steps do not account for is waiting, and the calls between programs."""

    name: str
    seconds: float
    steps: tuple[StepTime, ...] = ()


@dataclass(frozen=True)
class Timing:
    """Seconds. ``passes``: forward and backward; under the fast plan "prepare" before them, with the steps of each.

    ``arena_bytes``: the memory of the fast plan, None under the inspect plan.
    """

    iterations: tuple[float, ...]
    total: float
    layers: tuple[LayerTime, ...]
    passes: tuple[Pass, ...]
    arena_bytes: int | None

    def seconds(self, name: str) -> float:
        """Of one run of a pass; 0 where there is none."""
        return sum(one.seconds for one in self.passes if one.name == name)


def time_net(net: Net, iterations: int, after: Callable[[int, float], None] = lambda number, seconds: None) -> Timing:
    """Run ``net`` forward and backward ``iterations`` times; ``after(number, seconds)`` is told of each, from 1.

    The net must have run before: nothing is left out. In phase TEST the fast plan runs forward only.
    """
    timer = _InspectTimer(net) if net.runner is None else _FastTimer(net.graph, net.runner)
    spans = []
    began = time.perf_counter()
    for number in range(1, iterations + 1):
        start = time.perf_counter()
        timer.iterate()
        spans.append(time.perf_counter() - start)
        after(number, spans[-1])
    return timer.timing(tuple(spans), time.perf_counter() - began)


def fill_inputs(net: Net, seed: int = 1) -> None:
    """Normal noise for every input of the net, but zeros where a layer reads it as labels, or it has a single axis."""
    random = np.random.default_rng(seed)
    for value in net.graph.inputs:
        blob = net.blobs[net.graph.values[value].name].data
        blob[...] = 0 if blob.ndim < 2 or _beside(net.graph, value) else random.standard_normal(blob.shape, np.float32)


def resident_bytes() -> int | None:
    """The memory of this process that is in use now; None where the system does not tell."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _beside(graph: Graph, value: int) -> bool:
    """Whether a layer reads the value as another bottom than its first, as it does with labels."""
    readers = [node for node in graph.nodes if value in node.bottoms]
    splits = [top for node in readers if node.type == "Split" for top in node.tops]
    return any(node.bottoms[0] != value for node in readers) or any(_beside(graph, top) for top in splits)


class _InspectTimer:
    """A layer at a time."""

    def __init__(self, net: Net):
        self._net = net
        self._forward: dict[int, float] = defaultdict(float)
        self._backward: dict[int, float] = defaultdict(float)
        self._whole = [0.0, 0.0]

    def iterate(self) -> None:
        runs = ((self._net.run_forward, self._forward), (self._net.run_backward, self._backward))
        for i, (run, seconds) in enumerate(runs):
            began = last = time.perf_counter()

            def after(node: Any, seconds: Any = seconds) -> None:
                nonlocal last
                now = time.perf_counter()
                seconds[node.index] += now - last
                last = now

            run(Span(after=after))
            self._whole[i] += time.perf_counter() - began

    def timing(self, spans: tuple[float, ...], total: float) -> Timing:
        count = len(spans)
        layers = tuple(
            LayerTime((node.name,), self._forward[node.index] / count, self._backward[node.index] / count)
            for node in self._net.graph.nodes
        )
        forward, backward = (seconds / count for seconds in self._whole)
        return Timing(spans, total, layers, (Pass("forward", forward), Pass("backward", backward)), None)


@dataclass
class _Sums:
    """What was measured of one pass: by part of it, the ticks of a program's rows or the seconds of a plain layer."""

    runs: int = 0
    seconds: float = 0.0
    parts: dict[int, tuple[PlainStep | Program, np.ndarray | float, int]] = field(default_factory=dict)


class _FastTimer:
    """A step at a time, by the time stamps that threads take."""

    def __init__(self, graph: Graph, runner: Runner):
        self._graph, self._runner = graph, runner
        self._learns = any(runner.plan.gradients.nodes)
        self._clock = Clock()
        self._sums = {name: _Sums() for name in ("prepare", "forward", "backward")}
        runner.add_to_gradients(False)  # as in training
        if not self._learns:
            self._run("prepare")  # once: parameters do not change

    def iterate(self) -> None:
        for name in ("prepare", "forward", "backward") if self._learns else ("forward",):
            self._run(name)

    def _run(self, name: str) -> None:
        sums = self._sums[name]
        began = last = time.perf_counter()
        for i, (part, ticks) in enumerate(self._runner.profile(name)):
            now = time.perf_counter()
            spent = now - last if ticks is None else ticks.sum(axis=0)
            workers = 1 if ticks is None else len(ticks)
            sums.parts[i] = (part, sums.parts[i][1] + spent if i in sums.parts else spent, workers)
            last = now
        sums.seconds += time.perf_counter() - began
        sums.runs += 1

    def timing(self, spans: tuple[float, ...], total: float) -> Timing:
        tick = self._clock.seconds_per_tick()
        passes = []
        layers: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
        found: list[tuple[tuple[int, ...], StepTime]]
        for name, sums in self._sums.items():
            if not sums.runs:
                continue
            steps = []
            for part, spent, workers in sums.parts.values():
                if isinstance(part, PlainStep):
                    found = [((part.node,), StepTime(None, self._names((part.node,)), float(spent) / sums.runs))]
                else:
                    each = spent * tick / workers / sums.runs
                    found = [(step.nodes, self._step(step, float(s))) for step, s in zip(part.steps, each)]
                for nodes, step in found:
                    steps.append(step)
                    if self._learns or name != "prepare":
                        layers[nodes][name == "backward"] += step.seconds
            passes.append(Pass(name, sums.seconds / sums.runs, tuple(steps)))
        return Timing(spans, total, self._by_layer(layers), tuple(passes), self._runner.bytes)

    def _by_layer(self, seconds: Any) -> tuple[LayerTime, ...]:
        """In running order, with the layers that take no step."""
        seen = {index for nodes in seconds for index in nodes}
        rest = {(node.index,): (0.0, 0.0) for node in self._graph.nodes if node.index not in seen}
        ordered = sorted({**seconds, **rest}.items(), key=lambda item: item[0] or (len(self._graph.nodes),))
        return tuple(LayerTime(self._names(nodes), *both) for nodes, both in ordered)

    def _names(self, nodes: tuple[int, ...]) -> tuple[str, ...]:
        return tuple(self._graph.nodes[index].name for index in nodes) or ("the net's inputs",)

    def _step(self, step: Step, seconds: float) -> StepTime:
        elements = sum(self._elements(buffer) for buffer in step.reads())
        return StepTime(step.kernel.name, self._names(step.nodes), seconds, 2 * step.work, _NUMBER * elements)

    def _elements(self, buffer: Buffer) -> int:
        plan = self._runner.plan
        if buffer.kind == "private":
            return 0
        if buffer.kind == "groups":
            return buffer.step * -(-plan.images // plan.group)
        by_image = buffer.kind == "images" or (buffer.source is not None and buffer.source[0] in ("data", "diff"))
        return buffer.step * (plan.images if by_image else 1)
