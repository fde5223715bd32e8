"""What an inspection looks at: image files, or another database, in place of what the net would read."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from ..data import Transformer, open_database
from ..data.images import read_image
from ..errors import DataError, LayerError, UsageError, plural, shape_text
from ..proto import NetFile, caffe_pb2, filter_net, find, read_mean

__all__ = ["Fed", "Look", "with_database", "with_images"]

_RECORDS = {"Data": "data_param", "ImageData": "image_data_param", "WindowData": "window_data_param"}


@dataclass(frozen=True)
class Look:
    """How images enter, where it is not as the net's own ``transform_param`` has it.

    ``mean``: the path of a binaryproto, or numbers with commas, one for each channel. ``scale``: the factor that comes
    after it.
    """

    phase: str
    level: int = 0
    stages: Collection[str] = ()
    mean: str | None = None
    scale: float | None = None


@dataclass(frozen=True)
class Fed:
    """A net that takes ``arrays``, by blob name, where ``file`` has Input layers. ``labelled``: its labels are true."""

    file: NetFile
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    labelled: bool = True


def with_images(net: NetFile, paths: Sequence[str], labels: Sequence[int], look: Look) -> Fed:
    """``net`` with the image files ``paths`` as its batch, and ``labels`` for them where it takes some.

    Images are resized to the size that the net's mean image or crop has, else to that of its input. Raises UsageError
    where the net takes no images or the labels do not match, DataError for files.
    """
    net = _copied(net)
    if labels and len(labels) != len(paths):
        raise UsageError(f"{plural(len(labels), 'label')} for {plural(len(paths), 'image')}; expected one for each")
    layer, slot, shape = _entrance(net, look)
    transform = _transform(layer, look)
    color, size = _expected(layer, transform, shape, net)
    images = []
    for path in paths:
        image = read_image(path, color, *size)
        image = image[:3] if color is None else image  # without transparency
        if shape and not transform.crop_size and image.shape[1:] != shape[2:]:
            transform.crop_size = _crop(path, image, shape)
        images.append(_transformed(path, image, transform, net))
        if images[-1].shape != images[0].shape:
            raise DataError(
                f"{path}: an image of {shape_text(images[-1].shape)}; expected {shape_text(images[0].shape)}, as the "
                "first"
            )
    arrays = {layer.top[slot]: np.stack(images)}
    if shape:
        _input_shape(layer, slot).dim[:] = arrays[layer.top[slot]].shape
    else:
        _as_input(layer, arrays[layer.top[slot]].shape)
    label = _label_top(net, layer, look)
    if label:
        arrays[label] = np.array(labels or [0] * len(paths), np.float32)
        for other, place in _input_tops(net, look):
            if other.top[place] == label:
                _input_shape(other, place).dim[:] = arrays[label].shape
    return Fed(net, arrays, not label or bool(labels))


def with_database(net: NetFile, path: str, look: Look) -> Fed:
    """``net`` with batches from the LMDB or LevelDB ``path``, labels included where it takes some."""
    net = _copied(net)
    layer, slot, shape = _entrance(net, look)
    source, transform = os.path.abspath(path), _transform(layer, look)
    with_labels = _label_top(net, layer, look)
    opened = open_database(path)
    records = opened.shape
    opened.close()
    if not shape:
        batch = getattr(layer, _RECORDS[layer.type]).batch_size
        if layer.type != "Data":
            layer.ClearField(_RECORDS[layer.type])
            layer.type = "Data"
        layer.data_param.source, layer.data_param.batch_size = source, batch
        layer.transform_param.CopyFrom(transform)
        return Fed(net)
    if records[0] != shape[1] or min(a - b for a, b in zip(records[1:], shape[2:])) < 0:
        raise DataError(
            f"{path}: images of {shape_text(records)}; expected {shape_text(shape[1:])}, as the net's input"
        )
    if records[1:] != tuple(shape[2:]):
        transform.crop_size = _crop(path, np.empty((0, *records[1:])), shape)
    top = layer.top[slot]
    data = caffe_pb2.LayerParameter(name=_free_name(net, "data"), type="Data", transform_param=transform)
    data.data_param.source, data.data_param.batch_size = source, shape[0]
    for name in filter(None, (top, with_labels)):
        _drop(net, name)
        data.top.append(name)
    layers = [data, *net.param.layer]
    del net.param.layer[:]
    net.param.layer.extend(layers)
    return Fed(replace(net, lines=(0,) * len(layers)))


# -- where images enter a net ------------------------------------------------------------------------------------


def _copied(net: NetFile) -> NetFile:
    param = caffe_pb2.NetParameter()
    param.CopyFrom(net.param)
    return replace(net, param=param)


def _layers(net: NetFile, look: Look) -> list:
    kept = filter_net(net.param, look.phase, look.level, (*net.param.state.stage, *look.stages))
    return [net.param.layer[i] for i in kept]


def _entrance(net: NetFile, look: Look):
    """The layer that images come from, which of its tops, and the top's shape where it is an Input's, else ()."""
    for layer in _layers(net, look):
        if layer.type in _RECORDS and layer.top:
            return layer, 0, ()
    for layer, slot in _input_tops(net, look):
        shape = tuple(_input_shape(layer, slot).dim)
        if len(shape) == 4:
            return layer, slot, shape
    raise UsageError(
        f"{net.path}: no layer takes images in phase {look.phase}; expected a Data or ImageData layer, or an input of "
        "N x C x H x W"
    )


def _input_tops(net: NetFile, look: Look):
    return [(layer, i) for layer in _layers(net, look) if layer.type == "Input" for i in range(len(layer.top))]


def _input_shape(layer, slot: int):
    shapes = layer.input_param.shape
    while 0 < len(shapes) < len(layer.top):
        shapes.add().CopyFrom(shapes[0])
    return shapes[slot] if slot < len(shapes) else caffe_pb2.BlobShape()


def _label_top(net: NetFile, layer, look: Look) -> str | None:
    """The blob that takes labels: the second of a data layer, or an input of one axis."""
    if layer.type in _RECORDS or len(layer.top) > 1:
        return layer.top[1] if len(layer.top) > 1 else None
    found = [other.top[i] for other, i in _input_tops(net, look) if len(_input_shape(other, i).dim) == 1]
    return found[0] if found else None


def _as_input(layer, shape: tuple[int, ...]) -> None:
    """Turn a data layer into an Input of the same tops."""
    layer.ClearField(_RECORDS[layer.type])
    layer.ClearField("transform_param")
    layer.type = "Input"
    layer.input_param.shape.add(dim=shape)
    for _ in layer.top[1:]:
        layer.input_param.shape.add(dim=shape[:1])


def _drop(net: NetFile, top: str) -> None:
    """Take an Input's top away, and the Input where it was the last."""
    for i, layer in enumerate(net.param.layer):
        if layer.type == "Input" and top in layer.top:
            slot = list(layer.top).index(top)
            _input_shape(layer, slot)
            del layer.top[slot], layer.input_param.shape[slot]
            if not layer.top:
                del net.param.layer[i]
            return


def _free_name(net: NetFile, name: str) -> str:
    taken = {layer.name for layer in net.param.layer if layer.type != "Input"}
    while name in taken:
        name += "_"
    return name


# -- what becomes of images --------------------------------------------------------------------------------------


def _transform(layer, look: Look):
    """The layer's ``transform_param`` without mirroring, and with the mean and scale that are wished for."""
    transform = caffe_pb2.TransformationParameter()
    transform.CopyFrom(layer.transform_param)
    transform.ClearField("mirror")
    if look.scale is not None:
        transform.scale = look.scale
    if look.mean is not None:
        transform.ClearField("mean_file")
        transform.ClearField("mean_value")
        try:
            transform.mean_value.extend(float(word) for word in look.mean.split(","))
        except ValueError:
            transform.ClearField("mean_value")
            transform.mean_file = os.path.abspath(look.mean)
    return transform


def _expected(layer, transform, shape: tuple[int, ...], net: NetFile) -> tuple[bool | None, tuple[int, ...]]:
    """Whether images are read in colour, and to what size: (0, 0) leaves them as they are."""
    records = _records(layer, net) if not shape else None
    mean = read_mean(find(transform.mean_file, net.folder)).shape if transform.mean_file else None
    channels = shape[1] if shape else mean[0] if mean else records[0] if records else 0
    color = False if channels == 1 or transform.force_gray else True if channels else None
    if mean:
        return color, mean[1:]
    if shape:
        return color, tuple(shape[2:])
    crop = transform.crop_size
    return color, (crop, crop) if crop else records[1:] if records else (0, 0)


def _records(layer, net: NetFile) -> tuple[int, ...] | None:
    """The shape of the images that the layer would read, where its database is there."""
    if layer.type != "Data":
        return None
    try:
        source = open_database(find(layer.data_param.source, net.folder))
    except DataError:
        return None
    source.close()
    return source.shape


def _crop(path: str, image: np.ndarray, shape: tuple[int, ...]) -> int:
    """The crop_size that makes images fit the net's input."""
    if shape[2] != shape[3] or min(image.shape[1:]) < shape[2]:
        raise DataError(
            f"{path}: images of {shape_text(image.shape[1:])} cannot be cropped to {shape_text(shape[2:])}, the size "
            "of the net's input; expected a mean of that size"
        )
    return shape[2]


def _transformed(path: str, image: np.ndarray, transform, net: NetFile) -> np.ndarray:
    try:
        work = Transformer(transform, "TEST", image.shape, partial(find, folder=net.folder))
        out = np.empty(work.output_shape, np.float32)
        work.one(image, out, work.lots(1, 0, 0)[0])
    except (DataError, LayerError) as error:
        raise DataError(f"{path}: {error}") from None
    return out
