"""Kernels on several threads: ``run`` cuts units over them, ``together`` has all of them enter one compiled task.

Each unit must give the same result wherever the cuts fall: a kernel that sums keeps one partial sum per unit and
another kernel adds them in order. Then the same seed gives the same bits on any number of threads.
"""

from __future__ import annotations

import itertools
import os
import threading

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ._atomic import exchange, fetch_add, read
from ._jit import kernel

SPINS = 50_000
"""Readings of a flag, about a tenth of a millisecond, after which a thread that waits lets others have its core."""

_CALLED, _DONE, _ASLEEP, _QUIT, _TASK = 0, 8, 16, 17, 24  # places in a worker's bell
_BELL = 32


@intrinsic
def call_at(typing, arena, row, worker, workers):
    """Call the compiled function whose address is the first number at ``row``, as row kernels are called."""

    def generate(context, builder, signature, args):
        number, pointer = ir.IntType(64), ir.PointerType
        row = builder.inttoptr(args[1], pointer(number))
        kind = ir.FunctionType(ir.VoidType(), [pointer(ir.FloatType()), pointer(number), number, number])
        function = builder.inttoptr(builder.load(row), pointer(kind))
        builder.call(function, [builder.inttoptr(args[0], pointer(ir.FloatType())), row, *args[2:]])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), generate


@kernel
def _lead(arena, row, workers):
    """The caller's own part of a task."""
    call_at(arena, row, 0, workers)


@kernel
def _ring(bell, arena, row, worker, workers):
    """Hand a task to a worker, or a call where ``row`` is 0; tells whether it sleeps, and so must be woken."""
    if not bell[_QUIT]:
        bell[_TASK], bell[_TASK + 1], bell[_TASK + 2], bell[_TASK + 3] = arena, row, worker, workers
    fetch_add(bell, _CALLED, 1)
    return exchange(bell, _ASLEEP, 0)


@kernel
def _serve(bell, number):
    """Run tasks from ``number`` on until there is a call: its number; 0 to quit, -number to sleep before the next."""
    while True:
        spins = 0
        while read(bell, _CALLED) < number:
            spins += 1
            if spins > SPINS:
                exchange(bell, _ASLEEP, 1)
                if read(bell, _CALLED) < number or exchange(bell, _ASLEEP, 0) == 0:
                    return -number
        if bell[_QUIT] and read(bell, _CALLED) == number:
            return 0
        if bell[_TASK + 1] == 0:
            return number
        call_at(bell[_TASK], bell[_TASK + 1], bell[_TASK + 2], bell[_TASK + 3])
        number += 1


@kernel
def _spin(bell, at, number):
    """Return when bell[at] has reached ``number``, or after a while."""
    for _ in range(SPINS):
        if read(bell, at) >= number:
            break


class _Worker:
    """A thread that waits for one task or call at a time: first it spins, which is quick, then it sleeps at a lock.

    A *task* is compiled and never meets the interpreter, whose lock would make both wait; a *call* is any other.
    """

    def __init__(self):
        self.bell = np.zeros(_BELL, np.int64)  # how many were begun, and done
        self.calls = 0
        self.call = None
        self.failure = None
        self.go = threading.Lock()
        self.done = threading.Lock()
        self.go.acquire()
        self.done.acquire()
        self.thread = threading.Thread(target=self._loop, name="minicaffe-kernels", daemon=True)
        self.thread.start()

    def _loop(self):
        number = 1
        while number := _serve(self.bell, number):
            if number < 0:
                self.go.acquire()
                number = -number
                continue
            function, args = self.call
            try:
                function(*args)
            except BaseException as error:  # handed to the caller by wait()
                self.failure = error
            self.call = function = args = None
            self.bell[_DONE] = number
            self.done.release()
            number += 1

    def start(self, function, args):
        self.call = (function, args)
        self.start_task(0, 0, 0, 0)

    def start_task(self, arena, row, worker, workers):
        self.calls += 1
        if _ring(self.bell, arena, row, worker, workers):
            self.go.release()

    def wait(self):
        _spin(self.bell, _DONE, self.calls)
        self.done.acquire()
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure

    def dismiss(self):
        """End the thread after what it has begun, if anything."""
        self.bell[_QUIT] = 1
        self.start_task(0, 0, 0, 0)


def usable_cores() -> int:
    """The cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1


_threads = usable_cores()
_workers: list[_Worker] = []
_busy = threading.Lock()


def _forget_workers():
    """A forked child has none of its parent's threads."""
    global _workers, _busy
    _workers, _busy = [], threading.Lock()


def _dismiss_workers():
    """End all workers, once what they have begun is done; the next ``run`` makes new ones."""
    workers = _workers[:]
    _workers.clear()
    for worker in workers:
        worker.dismiss()
    for worker in workers:
        worker.thread.join()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)


def threads() -> int:
    """The number of threads that ``run`` uses."""
    return _threads


def set_threads(number: int) -> None:
    """Use ``number`` threads from now on; results do not depend on it."""
    global _threads
    if number < 1:
        raise ValueError(f"threads must be at least 1, found {number}")
    _threads = number


def run(function, units: int, *args, grain: int = 1) -> None:
    """Call ``function(start, stop, *args)`` over [0, units), cut over the threads at multiples of ``grain``.

    From a second thread, while the first is inside ``run``, everything runs in the calling thread.
    """
    pieces = min(_threads, -(-units // grain))
    if pieces > 1:
        blocks = -(-units // grain)
        cuts = [min(units, blocks * i // pieces * grain) for i in range(pieces + 1)]
        calls = [(start, stop, *args) for start, stop in itertools.pairwise(cuts)]
        if _busy.acquire(blocking=False):
            _call_all(function, calls)
            return
    if units > 0:
        function(0, units, *args)


def together(arena: int, row: np.ndarray, workers: int, abort) -> None:
    """Run the task of ``row`` on ``workers`` threads at once, which may wait for one another.

    The row's first number is the address of a compiled function of the arena's address, the row, the worker's number
    and how many there are; number 0, which the calling thread runs, leaves it last. Where another thread is inside
    ``run``, and with one worker, the calling thread runs it alone. ``abort`` is called when not all of them can begin,
    and must end those that wait.
    """
    place = row.ctypes.data
    if workers <= 1 or not _busy.acquire(blocking=False):
        _lead(arena, place, 1)
        return
    try:
        for number, worker in enumerate(_helpers(workers - 1), start=1):
            worker.start_task(arena, place, number, workers)
        _lead(arena, place, workers)
    except BaseException:  # Ctrl-C can come anywhere, and no one may write to the arrays after this
        abort()
        _dismiss_workers()
        raise
    finally:
        _busy.release()


def _call_all(function, calls: list[tuple]) -> None:
    """``function`` with each of ``calls`` at once: the first here, the others in workers. Lets go of ``_busy``."""
    try:
        helpers = _helpers(len(calls) - 1)
        for worker, call in zip(helpers, calls[1:]):
            worker.start(function, call)
        function(*calls[0])
        for worker in helpers:
            worker.wait()
    except BaseException:
        _dismiss_workers()
        raise
    finally:
        _busy.release()


def _helpers(number: int) -> list[_Worker]:
    while len(_workers) < number:
        _workers.append(_Worker())
    return _workers[:number]
