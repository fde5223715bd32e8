"""``minicaffe import``: nets of Darknet and Keras, with their weights, as a prototxt and a caffemodel."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import UsageError, WeightsError, plural, shape_text
from .flags import Command, Flag, decimal, height_and_width, one_of, whole
from .netflags import THREADS, get_ready
from .nettable import listed, shapes_text
from .results import Results, show_notes
from .tables import number, table, total

if TYPE_CHECKING:
    import numpy as np

    from ..analysis.summary import Totals
    from ..importers import Imported
    from ..proto import NetFile

_READ = {"darknet": ("NET.cfg", "NET.weights"), "keras": ("MODEL",)}
"""By format: the files that are read."""


def run(options: dict[str, Any]) -> int:
    """Import, show the layers, build the net and run it once, and write both files."""
    from ..analysis.fold import write_both
    from ..proto import format_text, parse_net

    sources, targets = _files(options)
    get_ready(options)
    results = Results(options["json"])
    found = _import(options, sources)
    show_notes(found.notes)
    text = format_text(found.param)
    file = parse_net(text, targets[0])
    sums = _show(file, results)
    if not options["no_run"]:
        _run(file, found.arrays, options["seed"], results)
    write_both(targets[0], targets[1], text, found)
    results.close(
        f"{' and '.join(sources)}: {plural(len(found.layers), 'layer')}, {number(sums.parameters)} numbers; "
        f"wrote {targets[0]} and {targets[1]}",
        wrote=list(targets),
        layers=len(found.layers),
        parameters=sums.parameters,
    )
    return 0


def _import(options: dict[str, Any], sources: tuple[str, ...]) -> Imported:
    from ..importers import import_darknet, import_keras

    if options["format"] == "keras":
        return import_keras(sources[0], options["batch"], options["size"])
    cfg, weights = sources
    return import_darknet(cfg, weights, options["batch"], options["size"], options["epsilon"])


def _files(options: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The files to read and the two to write; UsageError for too many or too few, and for one that is both."""
    kind, files, net = options["format"], options["files"], options["o"]
    wanted = _READ[kind]
    said = f"minicaffe import {kind} {' '.join(wanted)} -o OUT.prototxt [OUT.caffemodel]"
    if not len(wanted) <= len(files) <= len(wanted) + 1:
        raise UsageError(f"import {kind}: found {plural(len(files), 'file')}; expected {said}")
    if net is None:
        raise UsageError(f"import {kind} needs -o, the prototxt to write; expected {said}")
    if kind != "darknet" and options["epsilon"] is not None:
        raise UsageError(f"import {kind} takes no --epsilon, as the file has it; it is for darknet")
    sources, rest = files[: len(wanted)], files[len(wanted) :]
    targets = net, rest[0] if rest else os.path.splitext(net)[0] + ".caffemodel"
    for path in targets:
        if any(os.path.realpath(path) == os.path.realpath(other) for other in sources):
            raise UsageError(f"-o {path}: is a file that is read; expected another name")
    if os.path.realpath(targets[0]) == os.path.realpath(targets[1]):
        raise UsageError(f"-o {net}: both files have this name; expected one for the net and one for the weights")
    return sources, targets


def _show(file: NetFile, results: Results) -> Totals:
    """Print the layers; GraphError where the net cannot be built."""
    from ..analysis.check import check_net
    from ..analysis.summary import summarise, totals
    from ..errors import GraphError

    (state,) = check_net(file, ("TEST",))
    if state.problems:
        raise GraphError(state.problems)
    layers = summarise(state)
    sums = totals(layers, state.outline.graph)
    rows = []
    for layer in layers:
        counts = layer.parameters, layer.multiply_adds
        results.record("layer", name=layer.name, type=layer.type, tops=listed(layer.tops), parameters=counts[0])
        rows.append((layer.name, layer.type, shapes_text(layer.tops), *map(number, counts)))
    rows.append(("total", "", "", *map(total, sums.values[:2], sums.open[:2])))
    head = ("layer", "type", "tops", "parameters", "multiply-adds")
    results.text([file.param.name, *table(head, rows, 3), ""])
    return sums


def _run(file: NetFile, arrays: Mapping[str, Sequence[np.ndarray]], seed: int, results: Results) -> None:
    """Run the net once on random numbers from 0 to 1, and print what its outputs are like."""
    import numpy as np

    from ..net import Net

    random = np.random.default_rng(seed)
    with Net(file, "TEST", seed=0, plan="fast") as net:
        for name, blobs in net.params.items():
            for blob, array in zip(blobs, arrays[name]):
                blob.data[...] = array
        feeds: dict[str, Any] = {name: random.random(net.blobs[name].data.shape, np.float32) for name in net.inputs}
        outputs = {name: np.array(array) for name, array in net.forward(**feeds).items()}
    rows = []
    for name, array in outputs.items():
        if not np.isfinite(array).all():
            raise WeightsError(f'the output "{name}" is not finite for numbers from 0 to 1; nothing was written')
        low, high, mean = (float(value) for value in (array.min(), array.max(), array.mean()))
        results.record("output", name=name, shape=list(array.shape), min=low, max=high, mean=mean)
        rows.append((name, shape_text(array.shape), f"{low:.4g}", f"{high:.4g}", f"{mean:.4g}"))
    head = ("output", "shape", "min", "max", "mean")
    results.text(["run once on random numbers from 0 to 1", *table(head, rows, 2), ""])


COMMAND = Command(
    name="import",
    summary="turn a net of Darknet or Keras into a prototxt and a caffemodel",
    about="Reads Darknet's cfg and weights, or a model of Keras, and writes a net for use alone that gives the same "
    "numbers. It prints the layers, builds the net, runs it once, and writes both files; "
    "what cannot be imported exactly is refused by name. Darknet: [convolutional], [connected], [maxpool], [avgpool], "
    "[route] with groups, [shortcut], [upsample], [reorg], [softmax], [dropout], [cost]; of [yolo], [region] and "
    "[detection] the net gives the map that they read. Keras: Sequential and Functional models of Keras 2 and 3 with "
    "layers of convolution, Dense, pooling, padding, activation, BatchNormalization and merging, models within models "
    "too; images are N x C x H x W here. Needs h5py: pip install minicaffe[hdf5].",
    subject="format files",
    flags=(
        Flag("format", "FORMAT", "what is read: darknet or keras", one_of(*_READ)),
        Flag(
            "files",
            "FILE",
            "darknet: NET.cfg NET.weights; keras: MODEL, .h5 or .keras; after them, with -o, the weights to write, "
            "HDF5 if the name ends in .h5; the name after -o with the ending .caffemodel if not given",
            many=True,
        ),
        Flag("o", "OUT.prototxt", "the net to write"),
        Flag("batch", "N", "the batch size of the net's input", whole(1), 1),
        Flag("size", "H,W", "height and width of the input, in place of those in the file", height_and_width),
        Flag(
            "epsilon",
            "X",
            "darknet: normalise by sqrt(variance + X), as some of its builds for GPUs do, in place of "
            "sqrt(variance) + 0.000001",
            decimal(lambda x: 0 < x < math.inf, "a number above 0"),
        ),
        Flag("no_run", "", "write the files without running the net"),
        Flag("seed", "N", "of the random numbers that the net is run on", whole(0), 0),
        THREADS,
        Flag("json", "", "print one JSON object per layer and output, and one at the end"),
    ),
    examples=(
        "minicaffe import darknet yolov3-tiny.cfg yolov3-tiny.weights -o yolov3-tiny.prototxt",
        "minicaffe import darknet yolov3.cfg yolov3.weights -o deploy.prototxt net.caffemodel --size 320,320",
        "minicaffe import keras model.keras -o deploy.prototxt net.caffemodel --batch 8",
    ),
    run=run,
)
