"""Runs a fast plan: gives its buffers memory and its rows their numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arena import LARGE_PAGE, aligned_zeros
from .kernels._threads import threads
from .kernels.fast.elsewhere import load_kernels
from .kernels.fast.executor import PIECE, Task
from .kernels.fast.rows import WIDTH, Operand
from .plan.fast import FastPlan
from .plan.fast.builder import Buffer, Part, PlainStep, Step
from .plan.fast.regions import Region

_SLACK = 64  # elements behind the last buffer, which vectors may read
_PIECES = 128  # most pieces that a step over other units than images is cut into


@dataclass(eq=False)
class Program:
    """Regions in the executor's form. ``task`` has rows for each worker, made when that many threads run it."""

    steps: list[Step]
    template: np.ndarray  # (rows, WIDTH)
    scratch: list[tuple[int, int]]  # (row, number) of what lies in a worker's own memory
    pieces: np.ndarray
    regions: np.ndarray
    adds: np.ndarray  # (rows, number): whether what a row writes to a parameter's gradient is added
    guard: int = 0
    guarded: Sequence[int] = ()
    task: Task | None = None


class Runner:
    """Memory and programs of a fast plan.

    ``array(source)`` gives the array of an "outside" buffer: ("data", value), ("diff", value), ("param", id) or
    ("param_diff", id). ``plain(node, backward)`` runs a layer itself.
    """

    def __init__(self, plan: FastPlan, array: Callable, plain: Callable):
        self.plan = plan
        self._array, self._plain = array, plain
        self.arena = aligned_zeros(plan.layout.shared_size + _SLACK, np.float32)
        self._local: list[np.ndarray] = []
        self._adds = True
        load_kernels({step.kernel for step in _steps(plan)})
        self._passes = {name: self._programs(getattr(plan, name)) for name in ("prepare", "forward", "backward")}
        self.joined = self._join()

    @property
    def bytes(self) -> int:
        """The arena's bytes, and those of the workers that have run so far."""
        return self.arena.nbytes + sum(local.nbytes for local in self._local)

    def first_non_finite(self) -> tuple[int, float] | None:
        """The first value kept after a forward pass that holds NaN or infinity, and which of them."""
        for value, buffer in self.plan.kept:
            at = self.plan.layout.shared[buffer]
            numbers = self.arena[at : at + buffer.step * self.plan.images]
            finite = np.isfinite(numbers)
            if not finite.all():
                return value, float(numbers[np.argmin(finite)])
        return None

    def add_to_gradients(self, add: bool) -> None:
        """Whether "backward" adds to all parameters' gradients, as at first, or overwrites ``plan.overwritten``."""
        if add == self._adds:
            return
        self._adds = add
        for part in (*self._passes["backward"], *self._passes.get("both", ())):
            if isinstance(part, Program):
                for rows in (part.template, *([part.task.rows] if part.task else ())):
                    rows[..., part.adds[:, 0], part.adds[:, 1]] = add

    def run(self, name: str) -> None:
        """Run a pass: "prepare", "forward" or "backward", or where ``joined`` "both"."""
        for part in self._passes[name]:
            if isinstance(part, PlainStep):
                self._plain(part.node, part.backward)
            else:
                self._task(part).run()

    def profile(self, name: str) -> Iterator[tuple[PlainStep | Program, np.ndarray | None]]:
        """Like ``run``; yields each part after it ran, with the time stamps (workers, rows) that its rows took."""
        for part in self._passes[name]:
            if isinstance(part, PlainStep):
                self._plain(part.node, part.backward)
                yield part, None
            else:
                task = self._task(part)
                ticks = np.zeros((task.workers, len(part.template)), np.int64)
                task.run(ticks)
                yield part, ticks

    # -- building --------------------------------------------------------------------------------------------

    def _join(self) -> bool:
        """Whether the pass "both" is there: forward and backward, whose programs between become one.

        It ends with forward where a loss is not finite, so all of the losses must be made by that program.
        """
        forward, backward = self.plan.forward, self.plan.backward
        if not (forward and backward and isinstance(forward[-1], list) and isinstance(backward[0], list)):
            return False
        made = {buffer.source for region in forward[-1] for buffer in region.writes()}
        losses = [("data", value.id) for value, _ in self.plan.graph.loss_values()]
        if not losses or not made.issuperset(losses):
            return False
        program = self._program([*forward[-1], *backward[0]])
        program.guard, program.guarded = len(forward[-1]), [self._array(loss).ctypes.data for loss in losses]
        self._passes["both"] = [*self._passes["forward"][:-1], program, *self._passes["backward"][1:]]
        return True

    def _programs(self, parts: Sequence[list[Region] | PlainStep]) -> list[Program | PlainStep]:
        return [self._program(part) if isinstance(part, list) else part for part in parts]

    def _program(self, regions: list[Region]) -> Program:
        steps = [step for region in regions for step in region.steps]
        template = np.zeros((len(steps), WIDTH), np.int64)
        scratch: list[tuple[int, int]] = []
        adds: list[tuple[int, int]] = []
        for i, step in enumerate(steps):
            operands = {name: self._operand(part) for name, part in step.parts()}
            template[i] = step.kernel.encode(step.values._replace(**operands))
            scratch += [(i, step.kernel.place_of(name)) for name, part in step.parts() if self._is_local(part.buffer)]
            if step in self.plan.overwritten:
                adds.append((i, step.kernel.place_of("add")))
        pieces: list[tuple[int, ...]] = []
        begins = [0]
        row = 0
        for region in regions:
            pieces += self._pieces(region, row)
            begins.append(len(pieces))
            row += len(region.steps)
        return Program(
            steps, template, scratch, np.array(pieces, np.int64).reshape(-1, PIECE), np.array(begins, np.int64),
            np.array(adds, np.int64).reshape(-1, 2),
        )  # fmt: skip

    def _pieces(self, region: Region, row: int) -> Iterator[tuple[int, ...]]:
        if region.by_image:
            images, group, chunk = self.plan.images, self.plan.group, self.plan.layout.chunks[region]
            summed = any(buffer.kind == "groups" for buffer in region.buffers())
            for start in range(0, images, group):
                stop = min(start + group, images)
                for first in [start] if summed else range(start, stop, chunk):
                    yield row, row + len(region.steps), first, stop if summed else min(first + chunk, stop), chunk
            return
        workers = threads()
        for worker in range(workers):  # a like share of each step, so that a thread finds in its cache what it has made
            for i, step in enumerate(region.steps, start=row):
                units = step.units or 0
                grains = -(-units // step.grain)
                start, end = (min(grains * w // workers * step.grain, units) for w in (worker, worker + 1))
                while start < end:  # large pieces first: neighbours are worked on in turn, and all end together
                    size = max(-(-units // _PIECES), -(-(end - start) // 2))
                    stop = min(start + -(-size // step.grain) * step.grain, end)
                    yield i, i + 1, start, stop, stop - start
                    start = stop

    def _is_local(self, buffer: Buffer) -> bool:
        return buffer in self.plan.layout.local

    def _operand(self, part: Part) -> Operand:
        buffer, layout = part.buffer, self.plan.layout
        step = buffer.step if part.step is None else part.step
        if buffer.kind == "outside":
            source = buffer.source or ("", None)
            array: Any = source[1] if source[0] == "constant" else self._array(source)
            distance = array.ctypes.data - self.arena.ctypes.data
            return Operand(distance // 4 + part.offset, step, 0)
        if self._is_local(buffer):
            return Operand(layout.local[buffer] + part.offset, 0 if buffer.kind == "private" else step, 1)
        return Operand(layout.shared[buffer] + part.offset, step, 0)

    def _task(self, program: Program) -> Task:
        """The program for as many workers as there are threads."""
        workers = threads()
        if program.task is None or program.task.workers != workers:
            while len(self._local) < workers:
                self._local.append(aligned_zeros(_in_large_pages(self.plan.layout.local_size + _SLACK), np.float32))
            rows = np.repeat(program.template[None], workers, axis=0)
            for worker, local in enumerate(self._local[:workers]):
                base = (local.ctypes.data - self.arena.ctypes.data) // 4
                for row, number in program.scratch:
                    rows[worker, row, number] += base
            program.task = Task(
                self.arena, rows, program.pieces, program.regions, program.guard, program.guarded
            )  # fmt: skip
        return program.task


def _in_large_pages(elements: int) -> int:
    """At least so many float32 numbers that fill large pages, unless they take less than a quarter of one."""
    page = LARGE_PAGE // 4
    return -(-elements // page) * page if elements >= page // 4 else elements


def _steps(plan: FastPlan) -> Iterator[Step]:
    for part in (*plan.prepare, *plan.forward, *plan.backward):
        if not isinstance(part, PlainStep):
            yield from (step for region in part for step in region.steps)
