"""The flags of every command that builds a net, and what they mean to ``Net`` and ``get_solver``."""

from __future__ import annotations

from typing import Any

from ..errors import UsageError
from .flags import Flag, comma_list, one_of, whole

_MOST_THREADS = 1024


def _threads(text: str) -> int:
    number = whole(1)(text)
    if number > _MOST_THREADS:
        raise UsageError(f'"{text}"; expected at most {_MOST_THREADS}')
    return number


LEVEL = Flag("level", "N", "the level that the net's include and exclude rules meet", whole(), 0)
STAGE = Flag("stage", "NAME[,NAME]", "the stages that the rules meet", comma_list, ())
THREADS = Flag("threads", "N", "threads to compute with, instead of all; the results do not depend on it", _threads)
KERNELS = Flag(
    "kernels", "KIND", "auto, or direct: plain sums only, for strict gradients", one_of("auto", "direct"), "auto"
)
PLAN = Flag("plan", "PLAN", "fast, or inspect: a layer at a time, every blob kept", one_of("fast", "inspect"), "fast")
LAYERS = Flag("layers", "FILE[,FILE]", "Python files that register layer types of your own", comma_list, ())
PYTHON = Flag(
    "allow_python_layers", "FOLDER", "let Python layers run the modules of this folder; they are refused without it"
)
CHECK_FINITE = Flag(
    "check_finite", "", "stop at the first NaN or infinity in a blob or diff; with --plan inspect after each layer"
)
GPU = Flag("gpu", "ID", "accepted for Caffe's sake; everything runs on the CPU")

HOW = (STAGE, THREADS, KERNELS, PLAN, LAYERS, PYTHON)
"""What commands that run nets have in common, beside ``LEVEL``, whose default is not the same for all."""


def get_ready(options: dict[str, Any]) -> None:
    """Set the threads and run the files of ``--layers``, where a command has such flags and they are given."""
    from ..user_code import load_file

    if options.get("threads"):
        from ..kernels import _threads

        _threads.set_threads(options["threads"])
    for path in options.get("layers", ()):
        load_file(path)


def net_options(options: dict[str, Any]) -> dict[str, Any]:
    """The keywords of ``Net`` and ``get_solver`` that the flags give; threads are set and ``--layers`` files run."""
    get_ready(options)
    how = {"python_layers": options["allow_python_layers"]}
    how.update((name, options[name]) for name in ("level", "kernels", "plan"))
    how["stages"] = options["stage"]
    return how
