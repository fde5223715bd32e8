"""A net for images from outside: an input in place of its data layer, and nothing that needs labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..data import mean_of, open_database
from ..errors import UsageError
from ..proto import NetFile, caffe_pb2, filter_net, find
from .summary import BATCHES

__all__ = ["Deployed", "centre", "deployed", "name_predictions", "prediction"]

_PREDICTIONS = {"SoftmaxWithLoss": "Softmax", "InfogainLoss": "Softmax", "SigmoidCrossEntropyLoss": "Sigmoid"}


@dataclass(frozen=True)
class Deployed:
    """``net`` in phase TEST with inputs, and what its data layer did: y = (x - ``mean``) * ``scale``.

    ``whole`` is the (height, width) of images before the crop, where there was one. A net that had inputs already has
    none of these.
    """

    net: NetFile
    mean: np.ndarray | None = None
    scale: float = 1.0
    whole: tuple[int, ...] | None = None


def deployed(
    net: NetFile,
    batch: int | None = None,
    shape: tuple[int, ...] | None = None,
    mean: np.ndarray | None = None,
    level: int = 0,
    stages: Sequence[str] = (),
) -> Deployed:
    """The net with an Input, of ``batch`` images at most, where its data layer of phase TEST was.

    ``shape`` is that of the images where it is known from elsewhere (C, H, W); else the data layer's options tell,
    its database where that is there, or its mean. ``mean`` takes the place of the file's. Layers that read labels are
    left out: of a SoftmaxWithLoss a Softmax is left, whose top is "prob", of a SigmoidCrossEntropyLoss a Sigmoid. A net
    without a data layer stays as it is. Raises UsageError where the size of the images cannot be told.
    """
    kept = filter_net(net.param, "TEST", level, stages)
    layers = [net.param.layer[i] for i in kept]
    sources = [layer for layer in layers if layer.type in BATCHES]
    if not sources:
        return Deployed(net)
    if len(sources) > 1:
        names = ", ".join(layer.name for layer in sources)
        raise UsageError(f"{net.path}: has the data layers {names} in phase TEST; expected one, or a net with an Input")
    source = sources[0]
    known = shape or _stored_shape(source, net.folder)
    if mean is None:
        mean = mean_of(source.transform_param, known[0] if known else 3, lambda path: find(path, net.folder))
    if known is None and mean is not None and mean.shape[1:] != (1, 1):
        known = mean.shape
    size = _input_shape(source, known)
    if size is None:
        raise UsageError(
            f'{net.path}: the size of the images of layer "{source.name}" ({source.type}) is not known, as there is '
            "neither a crop_size nor a mean_file nor the data; expected a net with an Input"
        )
    count = max(1, getattr(source, BATCHES[source.type]).batch_size)
    made = caffe_pb2.NetParameter()
    made.CopyFrom(net.param)
    del made.layer[:]
    made.layer.extend(_without_labels(layers, source, (min(count, batch or count), *size)))
    places = {layer.name: net.lines[i] for i, layer in zip(kept, layers)}
    lines = tuple(places.get(layer.name, 0) for layer in made.layer)
    whole = (known[1], known[2]) if known and known[1:] != size[1:] else None
    scale = source.transform_param.scale
    return Deployed(replace(net, param=made, lines=lines), _cut_mean(mean, size), scale, whole)


def centre(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle of ``image`` (C, H, W), where Caffe cuts it in phase TEST."""
    top, left = (image.shape[1] - height) // 2, (image.shape[2] - width) // 2
    return image[:, top : top + height, left : left + width]


def _cut_mean(mean: np.ndarray | None, size: tuple[int, ...]) -> np.ndarray | None:
    if mean is None or mean.shape[1] < size[1] or mean.shape[2] < size[2]:
        return mean
    return centre(mean, *size[1:])


def _stored_shape(layer, folder: str) -> tuple[int, ...] | None:
    """The shape of the images, as the options or the first record of the database tell."""
    if layer.type == "MemoryData":
        options = layer.memory_data_param
        return options.channels, options.height, options.width
    if layer.type == "ImageData" and layer.image_data_param.new_height and layer.image_data_param.new_width:
        options = layer.image_data_param
        return 3 if options.is_color else 1, options.new_height, options.new_width
    path = find(layer.data_param.source, folder)
    if layer.type != "Data" or not os.path.isdir(path):
        return None
    source = open_database(path)
    source.close()
    return source.shape


def _input_shape(layer, known: tuple[int, ...] | None) -> tuple[int, ...] | None:
    crop = layer.transform_param.crop_size or layer.window_data_param.crop_size
    if not crop:
        return known
    grey = layer.transform_param.force_gray or not layer.image_data_param.is_color
    return (known[0] if known else 1 if grey else 3), crop, crop


def _without_labels(layers, source, shape: Sequence[int]) -> list:
    """The layers, ``source`` as an Input of ``shape``, without those that read anything else of it."""
    gone, found = set(source.top[1:]), []
    scored = {bottom for layer in layers if layer.type == "Softmax" for bottom in layer.bottom}
    for layer in layers:
        if layer is source:
            made = caffe_pb2.LayerParameter(name=layer.name, type="Input", top=layer.top[:1])
            made.input_param.shape.add(dim=shape)
        elif gone.isdisjoint(layer.bottom):
            made = layer
        else:
            gone.update(top for top in layer.top if top not in layer.bottom)
            scores = layer.bottom[0]
            made = None if scores in gone or scores in scored else prediction(layer)
            if made is None:
                continue
        found.append(made)
    name_predictions(found)
    return found


def prediction(loss):
    """A layer, as yet without a top, that computes what ``loss`` judges: of the same name, a Softmax or a Sigmoid.

    None for losses that compute nothing of the kind.
    """
    if loss.type not in _PREDICTIONS:
        return None
    made = caffe_pb2.LayerParameter(name=loss.name, type=_PREDICTIONS[loss.type], bottom=loss.bottom[:1])
    options = loss.infogain_loss_param if loss.type == "InfogainLoss" else loss.softmax_param
    if options.HasField("axis"):
        made.softmax_param.axis = options.axis
    return made


def name_predictions(layers) -> None:
    """Give the layers that ``prediction`` made tops: the last one "prob", others, of side branches, their own names."""
    taken = {top for layer in layers for top in layer.top}
    new = [layer for layer in layers if not layer.top and layer.type in _PREDICTIONS.values()]
    for layer in reversed(new):
        name = "prob" if "prob" not in taken else layer.name
        layer.top.append(name)
        taken.add(name)
