"""``minicaffe compute-image-mean``: the mean of a database, as Caffe's compute_image_mean does it."""

from __future__ import annotations

import contextlib
from typing import Any

from ..errors import plural, shape_text
from .flags import Command, Flag, one_of
from .log import Log, number
from .progress import Screen
from .signals import ended_by_signals

_LOGGED = 10_000  # images between two lines of the log


def run(options: dict[str, Any]) -> int:
    """Add up all images; write the mean image, if wanted, and say each channel's mean."""
    import numpy as np

    from ..data import compute_mean, open_database
    from ..proto import write_mean

    with ended_by_signals(), contextlib.closing(Screen()) as screen:
        log = Log(screen.line)
        with contextlib.closing(open_database(options["database"])) as source:
            log.info("compute_image_mean.cpp:69", "Starting iteration")
            log.release()
            screen.start("mean: ", source.count)
            logged = 0

            def progress(_stage: str, done: int, total: int) -> None:
                nonlocal logged
                screen.to(done)
                while logged + _LOGGED <= done or logged < done == total:
                    logged = min(logged + _LOGGED, done)
                    place = "compute_image_mean.cpp:95" if logged % _LOGGED == 0 else "compute_image_mean.cpp:101"
                    log.info(place, f"Processed {logged} files.")

            mean = compute_mean(source, progress)
            count = source.count
        screen.close()
        there = ""
        if options["output"]:
            log.info("compute_image_mean.cpp:108", f"Write to {options['output']}")
            write_mean(options["output"], mean)
            there = f", written to {options['output']}"
        channels = [float(value) for value in mean.mean(axis=(1, 2), dtype=np.float64)]
        log.info("compute_image_mean.cpp:114", f"Number of channels: {len(channels)}")
        for c, value in enumerate(channels):
            log.info("compute_image_mean.cpp:119", f"mean_value channel [{c}]: {number(value)}")
    values = ", ".join(number(value) for value in channels)
    print(f"mean of {plural(count, 'image')} of {shape_text(mean.shape)}: {values}{there}")
    return 0


COMMAND = Command(
    name="compute-image-mean",
    summary="the mean image of a database",
    about="Adds up all images of a database and writes their mean as a binaryproto, which mean_file of a net reads; "
    "the mean of each channel, for mean_value, is printed, as by Caffe's compute_image_mean.",
    subject="database output",
    flags=(
        Flag("database", "DB", "the database; encoded images are decoded"),
        Flag("output", "FILE", "the binaryproto to write; nothing is written if not given", needed=False),
        Flag("backend", "KIND", "accepted for Caffe's sake; the folder says", one_of("lmdb", "leveldb"), "lmdb"),
    ),
    examples=(
        "minicaffe compute-image-mean train_lmdb mean.binaryproto",
        "minicaffe compute_image_mean -backend lmdb train_lmdb",
    ),
    run=run,
    switches=True,
)
