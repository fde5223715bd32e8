"""What pycaffe keeps for the whole process: the mode, the device, the random seed, the log."""

from __future__ import annotations

import logging
import os
import time

from .errors import UsageError

__all__ = [
    "NCCL",
    "Timer",
    "fresh_seed",
    "has_nccl",
    "init_log",
    "log",
    "set_device",
    "set_mode_cpu",
    "set_mode_gpu",
    "set_multiprocess",
    "set_random_seed",
    "set_solver_count",
    "set_solver_rank",
    "solver_count",
    "solver_rank",
]

_logger = logging.getLogger("minicaffe")
_seed: int | None = None
_given_out = 0


def set_mode_cpu() -> None:
    """Nothing to do: everything runs on the CPU."""


def set_mode_gpu() -> None:
    """Accepted for Caffe's sake, with a note: everything runs on the CPU."""
    _logger.warning("set_mode_gpu has no effect: this program runs on the CPU")


def set_device(device: int) -> None:
    """Accepted for Caffe's sake: there is one device, the CPU."""


def has_nccl() -> bool:
    """Whether several GPUs can train together: never."""
    return False


class NCCL:
    """Joins solvers on several GPUs in pycaffe; there are none here. Raises UsageError."""

    def __init__(self, *_: object) -> None:
        raise UsageError("NCCL joins GPUs, this program trains on the CPU; expected has_nccl() to be asked first")

    @staticmethod
    def new_uid() -> str:
        """Raises UsageError, as the class does."""
        return str(NCCL())


def solver_count() -> int:
    """How many solvers train one net together: 1."""
    return 1


def solver_rank() -> int:
    """Which of them this process is: 0, the first and only one."""
    return 0


def set_solver_count(count: int) -> None:
    """Accepted for Caffe's sake where ``count`` is 1. Raises UsageError for more."""
    if count != 1:
        raise UsageError(f"the number of solvers is {count}; expected 1, as one solver uses all threads")


def set_solver_rank(rank: int) -> None:
    """Accepted for Caffe's sake where ``rank`` is 0. Raises UsageError for another."""
    if rank != 0:
        raise UsageError(f"the solver's rank is {rank}; expected 0, as there is one solver")


def set_multiprocess(several: bool) -> None:
    """Accepted for Caffe's sake: there is one process."""


class Timer:
    """A stopwatch: ``start``, ``stop``, and in ``ms`` the milliseconds between them, or up to now while it runs."""

    def __init__(self) -> None:
        self._from = self._to = 0.0
        self._runs = False

    def start(self) -> None:
        """Begin at zero, unless it runs already."""
        if not self._runs:
            self._from, self._runs = time.perf_counter(), True

    def stop(self) -> None:
        """Keep the time."""
        if self._runs:
            self._to, self._runs = time.perf_counter(), False

    @property
    def ms(self) -> float:
        """Milliseconds."""
        return 1000 * ((time.perf_counter() if self._runs else self._to) - self._from)


def set_random_seed(seed: int) -> None:
    """Let nets and solvers that are given no seed of their own begin alike from now on, one after the other.

    Raises UsageError for a seed below 0.
    """
    global _seed, _given_out
    if int(seed) < 0:
        raise UsageError(f"seed is {seed}; expected at least 0")
    _seed, _given_out = int(seed), 0


def fresh_seed() -> int:
    """A seed for a net or solver that has none: the next after ``set_random_seed``, else one of the system's."""
    global _given_out
    if _seed is None:
        return int.from_bytes(os.urandom(4), "little")
    _given_out += 1
    return _seed + _given_out - 1


def init_log(level: int = 0, stderr: bool = True) -> None:
    """Show what the package logs from ``level`` on (0 notes, 1 warnings, 2 errors), on stderr if so wanted."""
    _logger.setLevel((logging.INFO, logging.WARNING, logging.ERROR)[min(max(level, 0), 2)])
    if stderr and not _logger.handlers:
        _logger.addHandler(logging.StreamHandler())


def log(text: str) -> None:
    """Put a line into the log."""
    _logger.info(text)
