"""``minicaffe init``: first weights of a net, orthonormal or LSUV, as a caffemodel to train from."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..errors import plural, shape_text
from .flags import Command, Flag, decimal, in_a_folder, one_of, whole
from .netflags import LAYERS, LEVEL, PYTHON, STAGE, THREADS, get_ready
from .results import Results, show_notes
from .tables import table

_TOLERANCE = decimal(lambda x: 0 < x < 1, "a number above 0 and below 1")


def run(options: dict[str, Any]) -> int:
    """Build the net in phase TRAIN, set its weights layer by layer on one batch, and write them."""
    from ..analysis.initialise import initialise
    from ..deploy import with_batch, with_source
    from ..net import Net
    from ..proto import read_net

    get_ready(options)
    level, stages, out = options["level"], options["stage"], options["o"]
    file, results = read_net(options["model"]), Results(options["json"])
    if options["data"]:
        with_source(file, options["data"], level, stages)
    if options["batch"]:
        with_batch(file, options["batch"])
    python = options["allow_python_layers"]
    with Net(file, "TRAIN", level, stages, seed=options["seed"], python_layers=python) as net:
        show_notes(net.notes)
        found = initialise(
            net,
            options["method"],
            options["tolerance"],
            told=lambda start: results.record("layer", **asdict(start)),
        )
        (net.save_hdf5 if out.endswith(".h5") else net.save)(out)
        seed = net.seed
    rows = [
        (one.layer, one.type, shape_text(one.shape), f"{one.before:.4g}", f"{one.after:.4g}", str(one.trials))
        for one in found
    ]
    results.text(table(("layer", "type", "weights", "std before", "after", "trials"), rows, 3))
    far = [one.layer for one in found if options["method"] == "lsuv" and abs(one.after - 1) >= options["tolerance"]]
    if far:
        show_notes([f"not within the tolerance after all trials: {', '.join(far)}"])
    results.close(
        f"wrote {out}: {options['method']} weights of {plural(len(found), 'layer')}, seed {seed}",
        wrote=out,
        method=options["method"],
        seed=seed,
        layers=len(found),
    )
    return 0


COMMAND = Command(
    name="init",
    summary="write first weights: orthonormal, or scaled to the data (LSUV)",
    about="Gives every convolution and inner product of a net orthonormal weights; with lsuv each layer's are then "
    "divided by the standard deviation of its outputs over one batch, in running order, until that is 1 within the "
    "tolerance (Mishkin and Matas, arXiv 1511.06422). The net runs in phase TRAIN; BatchNorm's statistics stay as they "
    "were. Biases, other parameters and weights with lr_mult 0 keep what their fillers give. Train from the file "
    "with minicaffe train --weights.",
    subject="model",
    flags=(
        Flag("model", "NET", "the prototxt of a net, with data for phase TRAIN"),
        Flag("method", "METHOD", "lsuv or orthonormal", one_of("lsuv", "orthonormal"), "lsuv"),
        Flag("data", "DB", "the LMDB or LevelDB that Data layers read, in place of their own"),
        Flag("batch", "N", "the batch size, in place of those in the file", whole(1)),
        Flag("tolerance", "X", "how far from 1 a standard deviation may stay", _TOLERANCE, 0.04),
        Flag("seed", "N", "the random seed: the same number gives the same weights", whole(0), 1),
        Flag("o", "FILE", "the caffemodel to write; HDF5 if it ends in .h5", in_a_folder, default="init.caffemodel"),
        LEVEL,
        STAGE,
        THREADS,
        LAYERS,
        PYTHON,
        Flag("json", "", "print one JSON object per layer and one at the end"),
    ),
    examples=(
        "minicaffe init models/cifar10_full/train_test.prototxt --method lsuv -o lsuv.caffemodel",
        "minicaffe init train_val.prototxt --method orthonormal --data train_lmdb --batch 256 --seed 3",
    ),
    run=run,
)
