"""What ``classify`` and ``features`` have in common: a net for image files, and the flags that say how they enter."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import DataError, UsageError, plural
from .flags import Flag, decimal, height_and_width

if TYPE_CHECKING:
    import numpy as np

    from ..classifier import Classifier
    from ..net import Net
    from ..proto import NetFile


def _order(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",")]
    if sorted(words) != sorted(map(str, range(len(words)))):
        raise UsageError(f'"{text}"; expected the numbers of all channels, such as 2,1,0')
    return tuple(map(int, words))


MEAN = Flag("mean", "FILE", "the mean to subtract: a binaryproto, a .npy, or numbers B,G,R; else the net's own, if any")
MEAN_FILE = Flag("mean_file", "FILE", "the same, by its name in Caffe's classify.py")
SCALE = Flag(
    "input_scale", "NUMBER", "multiply last of all; else by the scale of the net's own data layer, if any", decimal()
)
IMAGES = (
    Flag(
        "images_dim",
        "HEIGHT,WIDTH",
        "resize images to this, and cut out what the net takes; else to that",
        height_and_width,
    ),
    Flag("raw_scale", "NUMBER", "multiply numbers from 0 to 1 by this before the mean is subtracted", decimal(), 255.0),
    Flag("channel_swap", "ORDER", "the order of channels, from red, green, blue: [2,1,0] for three", _order),
)


def wished_mean(options: dict[str, Any]) -> np.ndarray | None:
    """The mean of the flags, (C, H, W) or (C, 1, 1), or None. DataError or ProtoError where it cannot be read."""
    import numpy as np

    text = options["mean"] or options.get("mean_file")
    if text is None:
        return None
    try:
        return np.array([float(word) for word in text.split(",")], np.float32).reshape(-1, 1, 1)
    except ValueError:
        pass
    if not text.endswith(".npy"):
        from ..proto import read_mean

        return read_mean(text)
    try:
        mean = np.load(text, allow_pickle=False).astype(np.float32)
    except (OSError, ValueError) as error:
        raise DataError(f"{text}: cannot be read as a .npy ({getattr(error, 'strerror', None) or error})") from None
    if mean.ndim not in (1, 3):
        raise DataError(f"{text}: holds {plural(mean.ndim, 'axis').replace('axiss', 'axes')}; expected C, or C x H x W")
    return mean.reshape(-1, 1, 1) if mean.ndim == 1 else mean


def image_files(words: Sequence[str]) -> list[str]:
    """The files, and in place of a folder its image files by name. DataError for a folder without any."""
    from ..data.images import ENCODINGS

    files: list[str] = []
    for word in words:
        if not os.path.isdir(word):
            files.append(word)
            continue
        inside = [name for name in sorted(os.listdir(word)) if name.rpartition(".")[2].lower() in ENCODINGS]
        if not inside:
            raise DataError(f"{word}: a folder without images; expected files that end in {', '.join(ENCODINGS)}")
        files += [os.path.join(word, name) for name in inside]
    return files


def image_net(options: dict[str, Any], how: dict[str, Any], batch: int, blobs: Sequence[str] = ()) -> Classifier:
    """The net of the flags as a Classifier for up to ``batch`` images at a time, under a plan that keeps ``blobs``."""
    from ..analysis.features import net_with
    from ..classifier import Classifier
    from ..deploy import for_images
    from ..proto import read_net

    mean, model = wished_mean(options), options["model"]
    found = for_images(read_net(model), batch, mean=mean, level=how["level"], stages=how["stages"])
    dims = options["images_dim"] or found.whole
    mean = _for_input(mean if found.mean is None else found.mean, found.net, dims)
    scale = found.scale if options["input_scale"] is None else options["input_scale"]
    rest = {name: value for name, value in how.items() if name != "plan"}

    def make(plan: str) -> Classifier:
        net = Classifier(
            found.net,
            None,
            dims,
            mean,
            None if scale == 1 else scale,
            options["raw_scale"],
            plan=plan,
            **rest,
        )
        name = net.inputs[0]
        swap = options["channel_swap"] or ((2, 1, 0) if net.blobs[name].shape[1] == 3 else None)
        if swap is not None:
            net.transformer.set_channel_swap(name, swap)
        return net

    return net_with(make, blobs, how["plan"], model)


def _for_input(mean: np.ndarray | None, net: NetFile, dims: Sequence[int] | None) -> np.ndarray | None:
    """The mean as the input takes it: of one that has the size of the images before the crop, the middle."""
    from ..deploy import centre

    shapes = [list(layer.input_param.shape[0].dim) for layer in net.param.layer if layer.type == "Input"][:1]
    if mean is None or dims is None or mean.shape[1:] != tuple(dims) or not shapes or len(shapes[0]) != 4:
        return mean
    return centre(mean, *shapes[0][2:])


def loaded_images(net: Net, files: Iterable[str]) -> Iterator[np.ndarray]:
    """The images of ``files`` as the net's input wants them, (H, W, 3), or (H, W, 1) where it takes one channel."""
    from ..io import load_image

    color = net.blobs[net.inputs[0]].shape[1] != 1
    return (load_image(file, color) for file in files)
