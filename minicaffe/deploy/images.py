"""A net for images from outside: an input in place of its data layer, and nothing that needs labels."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ..data import mean_of
from ..errors import UsageError
from ..layers.base import Shape
from ..proto import NetFile, find
from .losses import without_judges
from .records import centre
from .sources import SOURCES, Deployed, channels_of, crop_of, input_layer, kept_layers, stored_shape, with_layers

__all__ = ["Deployed", "for_images"]


def for_images(
    net: NetFile,
    batch: int | None = None,
    shape: Shape | None = None,
    mean: np.ndarray | None = None,
    level: int = 0,
    stages: Collection[str] = (),
) -> Deployed:
    """The net with an Input, of ``batch`` images at most, where its data layer of phase TEST was.

    ``shape`` is that of the images where it is known from elsewhere (C, H, W); else the data layer's options tell,
    its database where that is there, or its mean. ``mean`` takes the place of the file's. Layers that read labels are
    left out: of a SoftmaxWithLoss a Softmax is left, whose top is "prob", of a SigmoidCrossEntropyLoss a Sigmoid. A net
    without a data layer stays as it is. Raises UsageError where the size of the images cannot be told.
    """
    layers = kept_layers(net, "TEST", level, stages)
    sources = [param for param, _ in layers if param.type in SOURCES]
    if not sources:
        return Deployed(net)
    if len(sources) > 1:
        names = ", ".join(layer.name for layer in sources)
        raise UsageError(f"{net.path}: has the data layers {names} in phase TEST; expected one, or a net with an Input")
    source = sources[0]
    known = shape or stored_shape(source, net.folder)
    channels = channels_of(source, known) or 3
    if mean is None:
        mean = mean_of(source.transform_param, channels, lambda path: find(path, net.folder))
    if known is None and mean is not None and mean.shape[1:] != (1, 1):
        known, channels = mean.shape, mean.shape[0]
    crop = crop_of(source)
    size = (channels, crop, crop) if crop else known
    if size is None:
        raise UsageError(
            f'{net.path}: the size of the images of layer "{source.name}" ({source.type}) is not known, as there is '
            "neither a crop_size nor a mean_file nor the data; expected a net with an Input"
        )
    count = max(1, getattr(source, SOURCES[source.type]).batch_size)
    made = input_layer(source, {source.top[0]: (min(count, batch or count), *size)})
    layers = without_judges(layers, missing=source.top[1:])
    if mean is not None and mean.shape[1] >= size[1] and mean.shape[2] >= size[2]:
        mean = centre(mean, *size[1:])
    whole = (known[1], known[2]) if known and known[1:] != size[1:] else None
    entries = [(made if param is source else param, line) for param, line in layers]
    return Deployed(with_layers(net, entries), source, mean, whole)
