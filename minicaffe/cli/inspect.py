"""``minicaffe inspect``: a page that shows a net at work, layer by layer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..errors import UsageError, plural
from .flags import Command, Flag, comma_list, decimal, in_a_folder, one_of, whole
from .images import wished_mean
from .loading import at_work, load_quietly
from .netflags import KERNELS, LEVEL, PYTHON, STAGE, THREADS, net_options

if TYPE_CHECKING:
    from ..deploy import Fed
    from ..report.facts import LayerFacts, Numbers


def _classes(text: str) -> tuple[int, ...]:
    return tuple(whole(0)(word) for word in comma_list(text))


def run(options: dict[str, Any]) -> int:
    """Build the net, run it once, and write the page."""
    from ..net import Net
    from ..report import inspect_net, read_labels

    how = net_options({**options, "layers": options["layer_files"], "plan": "inspect"})
    labels = read_labels(options["labels"]) if options["labels"] else ()
    fed = _fed(options)
    with (
        at_work(options["json"]) as (_, log, results),
        Net(fed.file, options["phase"], seed=options["seed"], **how) as net,
    ):
        if net.inputs and not fed.arrays:
            raise UsageError(
                f"{options['model']}: the net takes {', '.join(net.inputs)} from outside; expected --image or --data"
            )
        load_quietly(net, options["weights"], log)
        for name, array in fed.arrays.items():
            net.blobs[name].data[...] = array
        notes = ["No labels were given: loss and accuracy count class 0 as true, and there are no gradients."]
        found = inspect_net(
            net,
            options["layers"] or None,
            item=options["item"],
            rgb=options["rgb"],
            gradients=fed.labelled,
            labels=labels,
            weights=options["weights"],
            notes=[] if fed.labelled else notes,
        )
    found.save(options["o"])
    for layer in found.layers.values():
        results.record("layer", **_facts(layer))
    findings = [text for layer in found.layers.values() for text in layer.findings]
    results.close(
        f"wrote {options['o']}: {plural(len(found.layers), 'layer')}, {plural(len(findings), 'finding')}, "
        f"{os.path.getsize(options['o']) / 1e6:.1f} MB",
        wrote=options["o"],
        net=found.name,
        phase=found.phase,
        batch=found.batch,
        loss=found.loss,
    )
    return 0


def _fed(options: dict[str, Any]) -> Fed:
    """The net, with the images or the database of the flags in place of its own data."""
    from ..deploy import Fed, Look, with_batch, with_database, with_images
    from ..proto import read_net

    if options["image"] and options["data"]:
        raise UsageError("both --image and --data are given; expected at most one of them")
    if options["label"] and not options["image"]:
        raise UsageError("--label is given without --image; expected both, or neither")
    file = read_net(options["model"])
    if options["batch"]:
        with_batch(file, options["batch"])
    look = Look(options["phase"], options["level"], options["stage"], wished_mean(options), options["scale"])
    if options["image"]:
        return with_images(file, options["image"], options["label"], look)
    if options["data"]:
        return with_database(file, options["data"], look)
    if options["mean"] is not None or options["scale"] is not None:
        raise UsageError("--mean and --scale are for --image and --data; expected one of these")
    return Fed(file)


def _facts(layer: LayerFacts) -> dict[str, Any]:
    """A layer as JSON has it: numbers, without histograms and pictures."""

    def told(numbers: Numbers | None) -> dict[str, Any] | None:
        names = ("min", "max", "mean", "std", "zeros", "broken")
        return (
            None
            if numbers is None
            else {"shape": list(numbers.shape), **{name: getattr(numbers, name) for name in names}}
        )

    units, norm = layer.units, layer.norm
    return {
        "name": layer.name,
        "type": layer.type,
        "tops": [{"name": top.name, "data": told(top.data), "gradient": told(top.gradient)} for top in layer.tops],
        "params": [{"name": p.label, "data": told(p.data), "gradient": told(p.gradient)} for p in layer.params],
        "units": units and {"kind": units.kind, "silent": list(units.silent), "of": len(units.share)},
        "batch_norm": norm
        and {
            "factor": norm.factor,
            "used": norm.used,
            **{
                name: getattr(norm, name).tolist()
                for name in ("stored_mean", "batch_mean", "stored_variance", "batch_variance")
            },
        },
        "flags": list(layer.flags),
        "findings": list(layer.findings),
    }


COMMAND = Command(
    name="inspect",
    summary="show a net at work, layer by layer, as one page of HTML",
    about="Runs a net once, and backward where it has a loss, and writes one page with everything inside: predictions, "
    "filters, activation maps, distributions of activations, weights and gradients, dead and saturated units, and for "
    "BatchNorm the stored statistics beside those of the batch. The batch is what the net's own data layer gives, or "
    "--image, or --data. Images are resized to the size of the mean image, else of the net's own images, of the crop "
    "or of the input, and changed as the net's transform_param, --mean and --scale say. Nothing but the page "
    "is written; the page asks for nothing from the network. Image files need pillow: pip install minicaffe[images].",
    subject="model",
    flags=(
        Flag("model", "NET", "the net prototxt"),
        Flag("weights", "FILE[,FILE]", "trained weights, binary or HDF5; without them, first values", comma_list, ()),
        Flag("image", "FILE[,FILE]", "image files to look at, as one batch", comma_list, ()),
        Flag("data", "DB", "an LMDB or a LevelDB to look at"),
        Flag("label", "N[,N]", "the true class of each image, for loss and gradients", _classes, ()),
        Flag("labels", "FILE", "names of the classes, one a line"),
        Flag("layers", "NAME[,NAME]", "the layers to show, instead of all", comma_list, ()),
        Flag("item", "N", "which of the batch has its activation maps drawn", whole(0), 0),
        Flag("batch", "N", "the batch size, in place of that in the file", whole(1)),
        Flag(
            "mean", "FILE", "the mean to subtract: a binaryproto, a .npy, or numbers, one for each channel: 104,117,123"
        ),
        Flag("scale", "X", "what to multiply by afterwards", decimal()),
        Flag("rgb", "", "the net's images are red first, as CIFAR-10's; else they are drawn blue first"),
        Flag("phase", "PHASE", "TEST or TRAIN", one_of("TEST", "TRAIN"), "TEST"),
        Flag("seed", "N", "of first values, dropout and crops", whole(0)),
        LEVEL,
        STAGE,
        THREADS,
        KERNELS,
        Flag("layer_files", "FILE[,FILE]", "Python files that register layer types of your own", comma_list, ()),
        PYTHON,
        Flag("o", "FILE", "the page to write", in_a_folder, default="report.html"),
        Flag("json", "", "print what was measured, one JSON object per layer"),
    ),
    examples=(
        "minicaffe inspect train_val.prototxt --weights net.caffemodel --phase TRAIN -o report.html",
        "minicaffe inspect deploy.prototxt --weights net.caffemodel --image cat.jpg --mean 104,117,123",
    ),
    run=run,
)
