"""Compiles row kernels in a second process, into the cache that both share: the first run ever waits half as long."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterable, Sequence

from .._jit import cache_usable
from .._threads import usable_cores
from .rows import KERNELS, RowKernel

FEW = 4
"""So many kernels are not worth a process."""


def load_kernels(kernels: Iterable[RowKernel]) -> None:
    """Compile, or load, all of these. A second process begins at the other end; each loads what the other has kept."""
    ordered, helper = sorted(kernels, key=lambda kernel: kernel.name), None
    try:
        for number, needed in enumerate(ordered):
            compiled, left = needed.load(number, len(ordered)), ordered[number + 1 :]
            if compiled and helper is None and len(left) > FEW:
                helper = _compile_elsewhere(left)
    finally:
        if helper is not None:
            helper.kill()  # files of the cache are written whole or not at all
            helper.wait()


def _compile_elsewhere(kernels: Sequence[RowKernel]) -> subprocess.Popen | None:
    """A process that compiles these, the last one first; None where there can be none."""
    if not (sys.executable and usable_cores() > 1 and cache_usable()):
        return None
    modules = sorted({kernel.function.__module__ for kernel in kernels})
    names = [kernel.name for kernel in reversed(kernels)]
    code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import _load; _load({modules!r}, {names!r})"
    nowhere = subprocess.DEVNULL
    try:
        return subprocess.Popen([sys.executable, "-c", code], stdin=nowhere, stdout=nowhere, stderr=nowhere)
    except OSError:
        return None


def _load(modules: list[str], names: list[str]) -> None:
    for module in modules:
        importlib.import_module(module)
    for name in names:
        KERNELS[name].load()
