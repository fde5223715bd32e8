"""A net as it is, losses included, with image files or another database in place of what it would read."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..data import open_database
from ..data.images import read_image
from ..errors import UsageError, plural
from ..layers.base import Shape
from ..proto import NetFile, caffe_pb2, find, read_mean
from .records import Transformed, record_batches
from .sources import SOURCES, Entry, channels_of, crop_of, input_layer, kept_layers, stored_shape, with_layers

__all__ = ["Fed", "Look", "with_database", "with_images"]


@dataclass(frozen=True)
class Look:
    """How images enter, where it is not as the net's own ``transform_param`` has it: ``mean``, ``scale``.

    ``mean`` is (C, H, W) or (C, 1, 1); ``scale`` is the factor that comes after it.
    """

    phase: str
    level: int = 0
    stages: Collection[str] = ()
    mean: np.ndarray | None = None
    scale: float | None = None


@dataclass(frozen=True)
class Fed:
    """A net that takes ``arrays``, by blob name, where ``file`` has Input layers. ``labelled``: its labels are true."""

    file: NetFile
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    labelled: bool = True


def with_images(net: NetFile, paths: Sequence[str], labels: Sequence[int], look: Look) -> Fed:
    """``net`` with the image files ``paths`` as its batch, and ``labels`` for them where it takes some.

    Images are resized to the size of the net's mean image, else of the images it would read, of its crop or of its
    input. Raises UsageError where the net takes no images or the labels do not match, DataError for files.
    """
    if labels and len(labels) != len(paths):
        raise UsageError(f"{plural(len(labels), 'label')} for {plural(len(paths), 'image')}; expected one for each")
    entrance = _Entrance(net, look)
    color, size = entrance.expected()
    images = []
    for path in paths:
        image = read_image(path, color, *size)
        images.append(entrance.take(image[:3] if color is None else image, path))  # without transparency
    fed = entrance.fed(np.stack(images), labels or [0] * len(paths))
    return Fed(fed.file, fed.arrays, bool(labels) or len(fed.arrays) == 1)


def with_database(net: NetFile, path: str, look: Look) -> Fed:
    """``net`` with the first batch of the LMDB or LevelDB ``path``, labels included where it takes some."""
    entrance = _Entrance(net, look)
    with contextlib.closing(open_database(path, entrance.expected()[0])) as source:
        images, labels, _ = next(record_batches(source, entrance.batch, entrance.batch, entrance.take))
    return entrance.fed(images, labels)


class _Entrance:
    """Where images enter a net: a data layer, or an Input's top of four axes, whose ``shape`` then is not ()."""

    def __init__(self, net: NetFile, look: Look) -> None:
        self.net, self.look = net, look
        self.layers = kept_layers(net, look.phase, look.level, look.stages)
        self.inputs = _input_shapes(self.layers)
        found = next((param for param, _ in self.layers if param.type in _OF_IMAGES and param.top), None)
        self.source = found
        self.shape: Shape = ()
        self.transform = caffe_pb2.TransformationParameter()
        if found is not None:
            self.top, self.label = (*found.top, None)[:2]
            self.batch = getattr(found, SOURCES[found.type]).batch_size
            self.transform.CopyFrom(found.transform_param)
            self.transform.crop_size = crop_of(found)
        else:
            self.top, self.shape = self._image_input()
            self.label = next((top for top, shape in self.inputs.items() if len(shape) == 1), None)
            self.batch = self.shape[0]
        self.batch = max(1, self.batch)
        self.take = Transformed(self.transform, net.folder, look.mean, look.scale, self.shape[1:])

    def _image_input(self) -> tuple[str, Shape]:
        for top, shape in self.inputs.items():
            if len(shape) == 4:
                return top, shape
        raise UsageError(
            f"{self.net.path}: no layer takes images in phase {self.look.phase}; expected a Data or ImageData layer, "
            "or an input of N x C x H x W"
        )

    def expected(self) -> tuple[bool | None, tuple[int, ...]]:
        """Whether image files are read in colour, and to what size: (0, 0) leaves them as they are."""
        mean, crop = self.look.mean, self.transform.crop_size
        if mean is None and self.transform.mean_file:
            mean = read_mean(find(self.transform.mean_file, self.net.folder))
        known = mean.shape if mean is not None and mean.shape[1:] != (1, 1) else ()
        if self.source is None:
            channels, size = self.shape[1], self.shape[2:]
        else:
            stored = stored_shape(self.source, self.net.folder)
            channels = channels_of(self.source, stored) or (known[0] if known else 0)
            size = stored[1:] if stored else (crop, crop)
        return (channels != 1 if channels else None), known[1:] or size

    def fed(self, images: np.ndarray, labels: Sequence[float]) -> Fed:
        """The net with Input layers for ``images`` and, where it takes some, ``labels``."""
        arrays = {self.top: images}
        if self.label:
            arrays[self.label] = np.array(labels, np.float32)
        made = []
        for param, line in self.layers:
            if (param is self.source or param.type == "Input") and not arrays.keys().isdisjoint(param.top):
                shapes = {top: arrays[top].shape if top in arrays else self.inputs.get(top, ()) for top in param.top}
                param = input_layer(param, shapes)
            made.append((param, line))
        return Fed(with_layers(self.net, made), arrays)


_OF_IMAGES = ("Data", "ImageData", "WindowData")


def _input_shapes(layers: Sequence[Entry]) -> dict[str, Shape]:
    """What the Input layers bring; one shape may stand for all tops of a layer."""
    found: dict[str, Shape] = {}
    for param, _ in layers:
        shapes = [tuple(shape.dim) for shape in param.input_param.shape] if param.type == "Input" else []
        found.update(zip(param.top, shapes * len(param.top) if len(shapes) == 1 else shapes))
    return found
