"""``minicaffe classify``: what a net sees in image files, as Caffe's cpp_classification and classify.py tell it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import DataError, NonFiniteError, UsageError, plural, shape_text
from .flags import Command, Flag, comma_list, whole
from .images import IMAGES, MEAN, MEAN_FILE, SCALE, image_files, image_net, loaded_images
from .loading import at_work, load_quietly
from .netflags import HOW, LEVEL, net_options
from .results import Results

if TYPE_CHECKING:
    import numpy as np

    from ..classifier import Classifier
    from ..net import Net

_BAR = 20
_AT_ONCE = 32


def run(options: dict[str, Any]) -> int:
    """Build the net for images, run them a batch at a time, and print the best classes of each."""
    from ..report import read_labels

    files, names = image_files(options["images"]), options["labels"] or options["labels_file"]
    labels = read_labels(names) if names else ()
    crops = bool(options["images_dim"]) and not options["center_only"]
    blobs = [options["blob"]] if options["blob"] else []
    batch = min(_AT_ONCE, len(files) * (10 if crops else 1))
    with at_work(options["json"]) as (_, log, results), _net(options, batch, blobs) as net:
        blob = options["blob"] or _only_output(net, options["model"])
        classes = _classes(net, blob, labels, names)
        load_quietly(net, options["weights"], log)
        step = max(1, net.blobs[net.inputs[0]].shape[0] // (10 if crops else 1))
        scaled = True
        for start in range(0, len(files), step):
            some = files[start : start + step]
            scores = net.predict(loaded_images(net, some), crops, blob).reshape(len(some), classes)
            for file, row in zip(some, scores):
                _check(file, row, blob)
                scaled = _show(file, row, labels, options["top"], results) and scaled
    if not scaled:
        log.note(f'the numbers of blob "{blob}" are scores, not probabilities: they do not add up to 1')
    results.record("done", name=net.name, blob=blob, images=len(files), probabilities=scaled)
    return 0


def _net(options: dict[str, Any], batch: int, blobs: list[str]) -> Classifier:
    return image_net(options, net_options(options), batch, blobs)


def _only_output(net: Net, path: str) -> str:
    """The net's output; of several the one called "prob"."""
    outputs = net.outputs
    if len(outputs) == 1 or "prob" in outputs:
        return outputs[0] if len(outputs) == 1 else "prob"
    raise UsageError(f"{path}: the net has the outputs {', '.join(outputs)}; expected --blob with one of its blobs")


def _classes(net: Net, blob: str, labels: Sequence[str], path: str | None) -> int:
    """How many classes the blob has numbers for; UsageError or DataError where that makes no sense."""
    shape = net.blobs[blob].shape
    if len(shape) < 2 or any(size != 1 for size in shape[2:]):
        raise UsageError(f'blob "{blob}" is {shape_text(shape)}; expected a blob of N x C, a score per class')
    if labels and len(labels) != shape[1]:
        raise DataError(f'{path}: {plural(len(labels), "label")}; expected {shape[1]}, as classes in blob "{blob}"')
    return shape[1]


def _check(file: str, scores: np.ndarray, blob: str) -> None:
    import numpy as np

    if not np.isfinite(scores).all():
        value = scores[~np.isfinite(scores)][0]
        raise NonFiniteError(f'{file}: blob "{blob}" holds {value:g}; expected finite numbers: do the weights fit?')


def _show(file: str, scores: np.ndarray, labels: Sequence[str], top: int, results: Results) -> bool:
    """Print the best classes of an image; whether its scores are probabilities."""
    import numpy as np

    scaled = bool(scores.min() >= 0 and abs(float(scores.sum(dtype=np.float64)) - 1) < 1e-3)
    best = [int(i) for i in np.argsort(-scores, kind="stable")[:top]]
    low, high = (0.0, 1.0) if scaled else (float(scores.min()), float(scores.max()))
    numbers, names = [f"{scores[i]:.4f}" for i in best], labels or [f"class {i}" for i in range(len(scores))]
    wide = max(map(len, numbers))
    lines = [
        f"  {number:>{wide}}  {_bar((float(scores[i]) - low) / ((high - low) or 1))}  {names[i]}"
        for i, number in zip(best, numbers)
    ]
    results.text([file, *lines, ""])
    found = [{"class": i, "label": labels[i] if labels else None, "score": float(scores[i])} for i in best]
    results.record("image", image=file, top=found, probabilities=scaled)
    return scaled


def _bar(part: float) -> str:
    """A bar of fixed width, ``part`` of it filled; in letters where the terminal has no blocks."""
    full, empty = ("█", "░") if "utf" in (sys.stdout.encoding or "").lower() else ("#", ".")
    filled = round(_BAR * min(max(part, 0.0), 1.0))
    return full * filled + empty * (_BAR - filled)


COMMAND = Command(
    name="classify",
    summary="tell what a net sees in images",
    about="Prints the best classes of each image with their probabilities. An image is resized to what the net takes, "
    "or with --images_dim to that size, of which ten crops are averaged (corners, middle, mirrored), or with "
    "--center_only the middle is taken; its numbers go from 0 to 255, blue first, less the mean. The net is a "
    "deploy.prototxt, or one with a data layer in phase TEST: an input takes its place, with its mean, scale and crop, "
    "and a Softmax that of the loss. A folder stands for the images in it.",
    subject="model weights images",
    flags=(
        Flag("model", "NET", "the net prototxt"),
        Flag("weights", "WEIGHTS", "the caffemodel; several with commas between", comma_list),
        Flag("images", "IMAGE", "image files, or folders of them (needs pillow)", many=True),
        MEAN,
        MEAN_FILE,
        Flag("labels", "FILE", "the names of the classes, one a line, such as synset_words.txt"),
        Flag("labels_file", "FILE", "the same, by another name"),
        Flag("top", "N", "how many classes to print", whole(1), 5),
        Flag("blob", "BLOB", "the blob that holds the scores, instead of the net's output"),
        *IMAGES,
        SCALE,
        Flag("center_only", "", "with --images_dim: the middle alone, not ten crops"),
        LEVEL,
        *HOW,
        Flag("json", "", "print one JSON object per image and one for the whole"),
    ),
    examples=(
        "minicaffe classify deploy.prototxt net.caffemodel cat.jpg --mean mean.binaryproto --labels synset_words.txt",
        "minicaffe classify train_val.prototxt net.caffemodel photos/ --top 3",
        "minicaffe classify deploy.prototxt net.caffemodel cat.jpg --mean 104,117,123 --images_dim 256,256",
    ),
    run=run,
)
