"""``minicaffe warmup``: compile all kernels now rather than at the first training."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from ..errors import plural
from .flags import Command, Flag
from .loading import Compiling
from .progress import Screen, duration
from .results import Results


def run(options: dict[str, Any]) -> int:
    """Compile what the cache lacks, and say where it lies."""
    from ..kernels import _jit
    from ..warmup import kernel_files, warm_up

    results = Results(options["json"])
    with contextlib.closing(Screen()) as screen:
        compiling = Compiling(screen)
        began = time.perf_counter()
        with _jit.told_of_compiling(compiling):
            warm_up()
        seconds = time.perf_counter() - began
    folder, there = _jit.cache_folder(), kernel_files()
    if compiling.count:
        sentence = f"compiled {plural(compiling.count, 'kernel')} in {duration(seconds)}; the cache is {folder}"
    else:
        sentence = f"all kernels were there; the cache is {folder}"
    results.close(sentence, compiled=compiling.count, files=there, seconds=seconds, cache=str(folder))
    return 0


COMMAND = Command(
    name="warmup",
    summary="compile all kernels ahead",
    about="Compiles every kernel and keeps it in the cache, in the user's cache folder or in NUMBA_CACHE_DIR, "
    "so that no later run has to wait. What is there already is left alone.",
    subject="",
    flags=(Flag("json", "", "print one JSON object on stdout"),),
    examples=("minicaffe warmup", "NUMBA_CACHE_DIR=/opt/minicaffe minicaffe warmup"),
    run=run,
)
