"""The layers of a net that bring its data: which they are, what images they bring, and an Input in their place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..data import open_database
from ..errors import DataError, UsageError
from ..layers.base import Shape
from ..proto import Message, NetFile, caffe_pb2, filter_net, find

__all__ = [
    "SOURCES",
    "Deployed",
    "Entry",
    "channels_of",
    "crop_of",
    "input_layer",
    "kept_layers",
    "reads_color",
    "stored_shape",
    "with_batch",
    "with_layers",
    "with_source",
]

SOURCES = {
    "Data": "data_param",
    "HDF5Data": "hdf5_data_param",
    "ImageData": "image_data_param",
    "MemoryData": "memory_data_param",
    "WindowData": "window_data_param",
}
"""The layers of data, and the message that holds their batch_size."""

Entry = tuple[Message, int]
"""A LayerParameter and its line."""


@dataclass(frozen=True)
class Deployed:
    """``net`` in phase TEST with inputs, and ``data``, the layer that brought its images; None where it had inputs.

    For images, what this layer did: y = (x - ``mean``) * ``scale``, and the (height, width) before the crop, ``whole``,
    where there was one.
    """

    net: NetFile
    data: Message | None = None
    mean: np.ndarray | None = None
    whole: tuple[int, ...] | None = None

    @property
    def transform(self) -> Message:
        """The ``transform_param`` of that layer."""
        return caffe_pb2.TransformationParameter() if self.data is None else self.data.transform_param

    @property
    def scale(self) -> float:
        return self.transform.scale


def kept_layers(net: NetFile, phase: str, level: int = 0, stages: Collection[str] = ()) -> list[Entry]:
    """Copies of the layers that are part of the net in ``phase``, without the rules that say so."""
    found = []
    for i in filter_net(net.param, phase, level, (*net.param.state.stage, *stages)):
        param = caffe_pb2.LayerParameter()
        param.CopyFrom(net.param.layer[i])
        for field in ("include", "exclude", "phase"):
            param.ClearField(field)
        found.append((param, net.lines[i]))
    return found


def with_layers(net: NetFile, layers: Iterable[Entry]) -> NetFile:
    """``net`` with other layers; it stays as it is itself."""
    params, lines = zip(*layers)
    whole = caffe_pb2.NetParameter()
    whole.CopyFrom(net.param)
    del whole.layer[:]
    whole.layer.extend(params)
    return replace(net, param=whole, lines=lines)


def input_layer(layer: Message, shapes: Mapping[str, Sequence[int]]) -> Message:
    """An Input of the name of ``layer``, with a top of each of ``shapes``."""
    made = caffe_pb2.LayerParameter(name=layer.name, type="Input", top=list(shapes))
    for shape in shapes.values():
        made.input_param.shape.add(dim=shape)
    return made


def with_batch(net: NetFile, batch: int) -> None:
    """Give everything that comes from outside ``batch`` items: the first axis of Input and DummyData, batch_size."""
    for layer in net.param.layer:
        if layer.type in SOURCES:
            getattr(layer, SOURCES[layer.type]).batch_size = batch
        for shape in (*layer.input_param.shape, *layer.dummy_data_param.shape):
            if shape.dim:
                shape.dim[0] = batch
        for i in range(len(layer.dummy_data_param.num)):
            layer.dummy_data_param.num[i] = batch


def crop_of(layer: Message) -> int:
    """The side of the square that a data layer cuts from its images; 0 without a crop."""
    return layer.transform_param.crop_size or layer.window_data_param.crop_size


def with_source(net: NetFile, path: str, level: int = 0, stages: Collection[str] = ()) -> None:
    """Let the Data layer of phase TRAIN read the database ``path``. UsageError unless there is one such layer."""
    kept = filter_net(net.param, "TRAIN", level, (*net.param.state.stage, *stages))
    layers = [net.param.layer[i] for i in kept if net.param.layer[i].type == "Data"]
    if len(layers) != 1:
        names = ", ".join(f'"{layer.name}"' for layer in layers) or "none"
        raise UsageError(f"{net.path}: the Data layers of phase TRAIN are {names}; expected one that can read {path}")
    layers[0].data_param.source = path


def stored_shape(layer: Message, folder: str) -> Shape | None:
    """The shape of a data layer's images (C, H, W) before any crop, as its options or its database tell; or None."""
    if layer.type == "MemoryData":
        options = layer.memory_data_param
        return options.channels, options.height, options.width
    if layer.type == "ImageData" and layer.image_data_param.new_height and layer.image_data_param.new_width:
        options = layer.image_data_param
        return 3 if options.is_color else 1, options.new_height, options.new_width
    if layer.type != "Data":
        return None
    try:
        source = open_database(find(layer.data_param.source, folder), reads_color(layer))
    except DataError:
        return None
    source.close()
    return source.shape


def channels_of(layer: Message, stored: Shape | None) -> int | None:
    """How many channels a data layer's images have, of which ``stored`` is what is known; None where nothing tells."""
    if stored:
        return stored[0]
    color = True if layer.type == "WindowData" else reads_color(layer)
    return None if color is None else 3 if color else 1


def reads_color(layer: Message) -> bool | None:
    """Whether a Data or ImageData layer reads image files in colour, in grey, or (None) as they are."""
    if layer.type == "ImageData":
        return layer.image_data_param.is_color
    if layer.transform_param.force_gray:
        return False
    return True if layer.transform_param.force_color or layer.data_param.force_encoded_color else None
