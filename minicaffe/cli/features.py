"""``minicaffe features``: what blobs of a net hold, as arrays in one npz file."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..errors import UsageError, plural, shape_text
from .flags import Command, Flag, comma_list, in_a_folder, whole
from .images import IMAGES, MEAN, MEAN_FILE, SCALE, image_files, image_net, loaded_images, wished_mean
from .loading import at_work, load_quietly
from .log import Log
from .netflags import HOW, LEVEL, net_options
from .progress import Screen, duration

if TYPE_CHECKING:
    import numpy as np

_AT_ONCE = 32


def _target(text: str) -> str:
    if not text.endswith(".npz"):
        raise UsageError(f'"{text}"; expected a name that ends in .npz')
    return in_a_folder(text)


def run(options: dict[str, Any]) -> int:
    """Build the net, run images, records or its own data through it, and write the arrays."""
    from ..data.features import write_npz

    if options["data"] and options["image"]:
        raise UsageError("both --data and images are given; expected one of the two, or neither for the net's own data")
    if not options["weights"] or not options["blobs"]:
        missing, value = ("weights", "FILE") if not options["weights"] else ("blobs", "BLOB[,BLOB]")
        raise UsageError(f"features needs {missing}; expected --{missing} {value}")
    how, began = net_options(options), time.perf_counter()
    work = _of_images if options["image"] else _of_records if options["data"] else _of_own
    with at_work(options["json"]) as (screen, log, results):
        name, arrays = work(options, how, log, screen)
        write_npz(options["o"], arrays)
    seconds = time.perf_counter() - began
    results.text(f"{array}: {shape_text(values.shape)} {values.dtype}" for array, values in arrays.items())
    results.close(
        f"{name}: {plural(len(arrays), 'array')} in {options['o']}, in {duration(seconds)}",
        name=name,
        path=options["o"],
        seconds=seconds,
        arrays={array: list(values.shape) for array, values in arrays.items()},
    )
    return 0


def _of_own(
    options: dict[str, Any], how: dict[str, Any], log: Log, screen: Screen
) -> tuple[str, dict[str, np.ndarray]]:
    """Batches of the net's own data."""
    from ..analysis.features import gathered, label_blob, net_with, run_own
    from ..net import Net

    model, blobs, plan = options["model"], list(options["blobs"]), how.pop("plan")
    with net_with(lambda plan: Net(model, "TEST", plan=plan, **how), blobs, plan, model) as net:
        if net.inputs:
            inputs = ", ".join(net.inputs)
            raise UsageError(f"{model}: the net has no data of its own, but inputs ({inputs}); give --data or images")
        load_quietly(net, options["weights"], log)
        label = label_blob(net)
        wanted = [*blobs, *({label} - {None, *blobs})]
        size = next((net.blobs[name].shape[0] for name in wanted if net.blobs[name].shape), 1)
        batches = math.ceil(options["items"] / size) if options["items"] else options["iterations"] or 1
        pieces = _counted(run_own(net, wanted, batches), batches, net.name, screen)
        arrays = gathered(pieces, wanted, options["items"])
    if label is not None:
        arrays["labels"] = _whole(arrays[label] if label in blobs else arrays.pop(label))
    return net.name, arrays


def _of_images(
    options: dict[str, Any], how: dict[str, Any], log: Log, screen: Screen
) -> tuple[str, dict[str, np.ndarray]]:
    """Image files."""
    import numpy as np

    from ..analysis.features import gathered

    files, blobs = image_files(options["image"])[: options["items"]], options["blobs"]
    with image_net(options, how, min(_AT_ONCE, len(files)), blobs) as net:
        load_quietly(net, options["weights"], log)
        batch = net.blobs[net.inputs[0]].shape[0]
        files = files[: options["iterations"] and options["iterations"] * batch]
        images = (net.centre(image) for image in loaded_images(net, files))
        pieces = _counted(net.run_batches(images, blobs), math.ceil(len(files) / batch), net.name, screen)
        arrays = gathered(pieces, blobs, None)
    return net.name, {**arrays, "keys": np.array(files)}


def _of_records(
    options: dict[str, Any], how: dict[str, Any], log: Log, screen: Screen
) -> tuple[str, dict[str, np.ndarray]]:
    """Records of a database, all of them unless told otherwise."""
    import numpy as np

    from ..analysis.features import gathered, net_with, run_records
    from ..data import open_database
    from ..deploy import Transformed, for_images
    from ..net import Net
    from ..proto import read_net

    model, blobs, plan, mean = options["model"], options["blobs"], how.pop("plan"), wished_mean(options)
    with contextlib.closing(open_database(options["data"])) as source:
        whole = source.shape
        found = for_images(read_net(model), shape=whole, mean=mean, level=how["level"], stages=how["stages"])
        with net_with(lambda plan: Net(found.net, "TEST", plan=plan, **how), blobs, plan, model) as net:
            if len(net.inputs) != 1 or len(net.blobs[net.inputs[0]].shape) != 4:
                raise UsageError(f"{model}: the inputs are {', '.join(net.inputs) or 'none'}; expected one, of images")
            load_quietly(net, options["weights"], log)
            shape = net.blobs[net.inputs[0]].shape
            batch = shape[0]
            items = min(source.count, options["items"] or source.count, batch * (options["iterations"] or source.count))
            mean = found.mean if mean is None else mean
            prepared = Transformed(found.transform, found.net.folder, mean, options["input_scale"], shape[1:])
            labels: list[float] = []
            keys: list[str] = []

            def pieces() -> Iterator[dict[str, np.ndarray]]:
                for arrays, some_labels, some_keys in run_records(net, blobs, source, items, prepared):
                    labels.extend(some_labels)
                    keys.extend(some_keys)
                    yield arrays

            arrays = gathered(_counted(pieces(), math.ceil(items / batch), net.name, screen), blobs, None)
    return net.name, {**arrays, "labels": _whole(np.array(labels)), "keys": np.array(keys)}


def _whole(labels: np.ndarray) -> np.ndarray:
    """The labels as whole numbers, if that is what they are."""
    return labels.astype(int) if (labels == labels.round()).all() else labels


def _counted(pieces: Iterator, of: int, title: str, screen: Screen) -> Iterator:
    """The pieces, with a bar."""
    screen.start(f"{title}: ", of)
    for number, piece in enumerate(pieces, 1):
        yield piece
        screen.to(number)
    screen.close()


COMMAND = Command(
    name="features",
    summary="write what blobs of a net hold, as arrays for NumPy",
    about="Runs images, the records of a database, or batches of the net's own data through a net in phase TEST, and "
    "writes what some blobs hold into one file for numpy.load: an array for each blob by its name, and with them "
    "labels, and keys (of records) or file names, where there are any. Images and records enter by an input, which "
    "takes the place of a data layer, as in classify. extract-features writes databases and HDF5 files.",
    subject="model image",
    flags=(
        Flag("model", "NET", "the net prototxt"),
        Flag("image", "IMAGE", "image files, or folders of them (needs pillow)", many=True, needed=False),
        Flag("weights", "FILE[,FILE]", "the caffemodel", comma_list, ()),
        Flag("blobs", "BLOB[,BLOB]", "the blobs to write", comma_list, ()),
        Flag("o", "FILE", "the file to write; it ends in .npz", _target, "features.npz"),
        Flag("data", "DB", "an LMDB or LevelDB of images, in place of the net's own data"),
        Flag("iterations", "N", "batches to run: of the net's own data one, else until the images end", whole(1)),
        Flag("items", "N", "how many images at most", whole(1)),
        MEAN,
        MEAN_FILE,
        *IMAGES,
        SCALE,
        LEVEL,
        *HOW,
        Flag("json", "", "print one JSON object on stdout"),
    ),
    examples=(
        "minicaffe features deploy.prototxt photos/ --weights net.caffemodel --blobs fc7 -o fc7.npz",
        "minicaffe features deploy.prototxt --weights net.caffemodel --data test_lmdb --mean 104,117,123 --blobs ip1",
        "minicaffe features train_val.prototxt --weights net.caffemodel --blobs pool3,ip1 --items 1000",
    ),
    run=run,
)
