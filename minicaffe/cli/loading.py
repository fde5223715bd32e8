"""What training and testing have in common: weights from files, and remarks before the work begins."""

from __future__ import annotations

import os
from collections.abc import Iterable

from .log import Log


def load_weights(net, paths: Iterable[str], log: Log) -> None:
    """Copy every caffemodel into ``net``; log which layers of a file, and which of the net, found no partner."""
    for path in paths:
        report = net.copy_from(path)
        for name in report.ignored:
            log.info("net.cpp:744", f"Ignoring source layer {name}")
        if report.missing:
            log.warning(f"{path} has no weights for {', '.join(report.missing)}: left as they were")


def warn_of_gpu(device: str, log: Log) -> None:
    """Caffe's -gpu is accepted, and has no effect."""
    log.warning(f"-gpu {device} has no effect: this program runs on the CPU")


def warn_of_compiling(log: Log) -> None:
    """The first run ever is slow to begin, and every run where compiled kernels cannot be kept: say why."""
    from ..kernels import _jit

    folder = _jit.cache_folder()
    if not os.access(folder, os.W_OK):
        log.note(f"compiling the kernels, as in every run: {folder} cannot be written; set NUMBA_CACHE_DIR")
    elif not any(folder.rglob("*.nbi")):
        log.note("compiling the kernels, which is done once on a machine: this may take a minute")
