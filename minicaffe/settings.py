"""What pycaffe keeps for the whole process: the mode, the device, the random seed, the log."""

from __future__ import annotations

import logging
import os

__all__ = [
    "fresh_seed",
    "has_nccl",
    "init_log",
    "log",
    "set_device",
    "set_mode_cpu",
    "set_mode_gpu",
    "set_random_seed",
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


def set_random_seed(seed: int) -> None:
    """Let nets and solvers that are given no seed of their own begin alike from now on, one after the other."""
    global _seed, _given_out
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
