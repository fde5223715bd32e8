"""``minicaffe extract-features``: the blobs of a net as records, as Caffe's extract_features writes them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import plural, shape_text
from .flags import Command, Flag, comma_list, one_of, whole
from .loading import at_work, load_weights, warn_of_gpu
from .netflags import HOW, LEVEL, net_options
from .progress import Rate, Screen, duration

if TYPE_CHECKING:
    import numpy as np

    from ..net import Net


def run(options: dict[str, Any]) -> int:
    """Build the net in phase TEST, run its batches, and write what the blobs hold."""
    from ..data.features import new_features

    blobs, paths = options["blobs"], options["datasets"]
    with (
        at_work(options["json"]) as (screen, log, results),
        new_features(blobs, paths, options["db_type"]) as write,
        _net(options) as net,
    ):
        load_weights(net, options["weights"], log)
        for note in net.notes:
            log.note(note)
        if options["mode"] == "GPU":
            warn_of_gpu(options["device"], log)
        log.release()
        began = time.perf_counter()
        records, shapes = _extract(net, blobs, options["batches"], write, screen)
        seconds = time.perf_counter() - began
    where = paths if len(paths) == len(blobs) else paths * len(blobs)
    results.text(
        f"{blob}: {plural(records[blob], 'record')} of {shape_text(shapes[blob])} in {path}"
        for blob, path in zip(blobs, where)
    )
    results.close(
        f"{net.name}: {sum(records.values()):,} records from {options['batches']} batches in {duration(seconds)}",
        name=net.name,
        batches=options["batches"],
        seconds=seconds,
        features=[
            {"blob": blob, "records": records[blob], "shape": list(shapes[blob]), "path": path}
            for blob, path in zip(blobs, where)
        ],
    )
    return 0


def _net(options: dict[str, Any]) -> Net:
    """The net under the plan that is wished for, or under the one that keeps every blob where one is not kept."""
    from ..analysis.features import net_with
    from ..net import Net

    model, how = options["model"], net_options(options)
    wished = how.pop("plan")
    return net_with(lambda plan: Net(model, "TEST", plan=plan, **how), options["blobs"], wished, model)


def _extract(
    net: Net, blobs: Sequence[str], batches: int, write: Callable[[str, np.ndarray], None], screen: Screen
) -> tuple[dict[str, int], dict[str, tuple[int, ...]]]:
    """Run and write; return the number of records and the shape of one, by blob."""
    from ..analysis.features import run_own

    records, shapes, rate = dict.fromkeys(blobs, 0), {}, Rate()
    screen.start(f"{net.name}: ", batches)
    for batch, found in enumerate(run_own(net, blobs, batches)):
        images = 1
        for name, data in found.items():
            write(name, data)
            count = len(data) if data.ndim else 1
            records[name] += count
            shapes[name] = data.shape[1:]
            images = max(images, count)
        rate.add(images)
        screen.say(str(rate))
        screen.to(batch + 1)
    screen.close()
    return records, shapes


COMMAND = Command(
    name="extract-features",
    summary="write what blobs of a net hold",
    about="Runs batches of a net's own data through it, in phase TEST, and writes what some blobs hold, a record for "
    "each image: with lmdb and leveldb into a database of float Datums for each blob, as Caffe's extract_features "
    "does; with hdf5 into data sets named as the blobs, in one file for all or a file for each.",
    subject="weights model blobs datasets batches db_type mode device",
    flags=(
        Flag("weights", "WEIGHTS", "the caffemodel; several with commas between", comma_list),
        Flag("model", "NET", "the net prototxt, with a data layer for phase TEST"),
        Flag("blobs", "BLOB[,BLOB]", "the blobs to write", comma_list),
        Flag("datasets", "DB[,DB]", "the databases to make, one for each blob; must not be there yet", comma_list),
        Flag("batches", "BATCHES", "how many batches to run", whole(1)),
        Flag("db_type", "DB_TYPE", "lmdb, leveldb or hdf5", one_of("lmdb", "leveldb", "hdf5")),
        Flag(
            "mode",
            "MODE",
            "CPU or GPU, for Caffe's sake; everything runs on the CPU",
            one_of("CPU", "GPU"),
            "CPU",
            needed=False,
        ),
        Flag("device", "DEVICE", "accepted for Caffe's sake", str, "0", needed=False),
        LEVEL,
        *HOW,
        Flag("json", "", "print one JSON object on stdout"),
    ),
    examples=(
        "minicaffe extract-features net.caffemodel train_val.prototxt fc7,prob fc7_lmdb,prob_lmdb 10 lmdb",
        "minicaffe extract_features net.caffemodel train_val.prototxt fc6,fc7 features.h5 10 hdf5",
    ),
    run=run,
)
