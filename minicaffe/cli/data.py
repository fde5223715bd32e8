"""``minicaffe data``: build the LMDBs and the mean image that the nets in models/ read."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from ..errors import UsageError
from .flags import Command, Flag, one_of
from .progress import Screen
from .signals import ended_by_signals


def run(options: dict[str, Any]) -> int:
    """Build the data set, showing each stage."""
    name = options["dataset"]
    out = options["out"] or os.path.join("data", name)
    if name == "shapes10" and options["source"]:
        raise UsageError("shapes10 is made by procedure and takes no --source")
    with ended_by_signals(), contextlib.closing(Screen()) as screen:
        stages = _Stages(screen)
        if name == "cifar10":
            from ..data.cifar10 import build_cifar10

            made = build_cifar10(options["source"], out, stages)
        elif name == "mnist":
            from ..data.mnist import build_mnist

            made = build_mnist(options["source"], out, stages)
        else:
            from ..data.shapes10 import build_shapes10

            made = build_shapes10(out, stages)
    there = "" if made.fresh else ", already there"
    print(f"{name}: {made.train_count:,} training and {made.test_count:,} test images in {out}{there}")
    return 0


class _Stages:
    """One bar per stage; without a terminal, one line per stage."""

    def __init__(self, screen: Screen):
        self._screen = screen
        self._stage = ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage:
            self._stage = stage
            self._screen.start(f"{stage}: ", total)
            if not self._screen.live:
                self._screen.line(f"{stage} ...")
        self._screen.to(done)


COMMAND = Command(
    name="data",
    summary="build a data set: cifar10, mnist or shapes10",
    about="Writes a training LMDB, a test LMDB and mean.binaryproto. A set that is there already is left alone.",
    subject="dataset",
    flags=(
        Flag(
            "dataset",
            "SET",
            "cifar10, mnist, or shapes10 (made by procedure, needs no download)",
            one_of("cifar10", "mnist", "shapes10"),
        ),
        Flag(
            "source",
            "PATH",
            "cifar10: a folder with data_batch_*.bin or the binary archive; mnist: a folder with the four IDX files, "
            "packed or not; fetched if not given",
        ),
        Flag("out", "FOLDER", "where to write; data/SET if not given"),
    ),
    examples=(
        "minicaffe data cifar10",
        "minicaffe data cifar10 --source cifar-10-binary.tar.gz --out data/cifar10",
        "minicaffe data mnist --source downloads/mnist",
        "minicaffe data shapes10",
    ),
    run=run,
)
