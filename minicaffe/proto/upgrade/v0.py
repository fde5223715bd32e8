"""V0 nets: ``layers { layer { name: "conv1" type: "conv" kernelsize: 5 } bottom: "data" top: "conv1" }``.

All options of all types stood in one message, and convolutions and poolings got their padding from a layer of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from ...errors import ProtoError, did_you_mean, plural
from .. import caffe_pb2
from ..schema import Message, is_repeated

TYPES = {
    "accuracy": "ACCURACY",
    "bnll": "BNLL",
    "concat": "CONCAT",
    "conv": "CONVOLUTION",
    "data": "DATA",
    "dropout": "DROPOUT",
    "euclidean_loss": "EUCLIDEAN_LOSS",
    "flatten": "FLATTEN",
    "hdf5_data": "HDF5_DATA",
    "hdf5_output": "HDF5_OUTPUT",
    "im2col": "IM2COL",
    "images": "IMAGE_DATA",
    "infogain_loss": "INFOGAIN_LOSS",
    "innerproduct": "INNER_PRODUCT",
    "lrn": "LRN",
    "multinomial_logistic_loss": "MULTINOMIAL_LOGISTIC_LOSS",
    "pool": "POOLING",
    "relu": "RELU",
    "sigmoid": "SIGMOID",
    "softmax": "SOFTMAX",
    "softmax_loss": "SOFTMAX_LOSS",
    "split": "SPLIT",
    "tanh": "TANH",
    "window_data": "WINDOW_DATA",
}
"""V1's name of each V0 type; padding is none of them."""

_OPTIONS = {
    "concat": "concat_param",
    "conv": "convolution_param",
    "data": "data_param",
    "dropout": "dropout_param",
    "hdf5_data": "hdf5_data_param",
    "images": "image_data_param",
    "infogain_loss": "infogain_loss_param",
    "innerproduct": "inner_product_param",
    "lrn": "lrn_param",
    "pool": "pooling_param",
    "window_data": "window_data_param",
}
_PRODUCTS, _WINDOWS = ("conv", "innerproduct"), ("conv", "pool")
_IMAGES = ("data", "images", "window_data")
_FIELDS = {  # the field now, and the types that take it
    "num_output": ("num_output", _PRODUCTS),
    "biasterm": ("bias_term", _PRODUCTS),
    "weight_filler": ("weight_filler", _PRODUCTS),
    "bias_filler": ("bias_filler", _PRODUCTS),
    "pad": ("pad", _WINDOWS),
    "kernelsize": ("kernel_size", _WINDOWS),
    "group": ("group", ("conv",)),
    "stride": ("stride", _WINDOWS),
    "pool": ("pool", ("pool",)),
    "dropout_ratio": ("dropout_ratio", ("dropout",)),
    "local_size": ("local_size", ("lrn",)),
    "alpha": ("alpha", ("lrn",)),
    "beta": ("beta", ("lrn",)),
    "k": ("k", ("lrn",)),
    "source": ("source", (*_IMAGES, "hdf5_data", "infogain_loss")),
    "batchsize": ("batch_size", (*_IMAGES, "hdf5_data")),
    "rand_skip": ("rand_skip", ("data", "images")),
    "shuffle_images": ("shuffle", ("images",)),
    "new_height": ("new_height", ("images",)),
    "new_width": ("new_width", ("images",)),
    "concat_dim": ("concat_dim", ("concat",)),
    "det_fg_threshold": ("fg_threshold", ("window_data",)),
    "det_bg_threshold": ("bg_threshold", ("window_data",)),
    "det_fg_fraction": ("fg_fraction", ("window_data",)),
    "det_context_pad": ("context_pad", ("window_data",)),
    "det_crop_mode": ("crop_mode", ("window_data",)),
}
_TRANSFORMS = {"scale": "scale", "meanfile": "mean_file", "cropsize": "crop_size", "mirror": "mirror"}
_OF_LAYER = ("name", "blobs", "blobs_lr", "weight_decay")  # the same in V1


def is_v0(param: Message) -> bool:
    """Whether any layer of a net is of the V0 form."""
    return any(layer.HasField("layer") for layer in param.layers)


def v0_to_v1(param: Message, at: Callable[[int], str]) -> list[int]:
    """Turn ``param.layers`` from V0 into V1, padding merged; returns the index that each had before.

    ProtoError for an unknown type, a field that a layer's type does not take, a V1 layer among them, and padding that
    is read by others than one convolution or pooling. Caffe leaves out such fields and goes on.
    """
    for index, outer in enumerate(param.layers):
        _check_form(outer, at(index))
    merged = merge_padding(param, at)
    new = []
    for index, outer in merged:
        try:
            new.append(v1_layer(outer))
        except ValueError as error:
            raise ProtoError(f'{at(index)}: layer "{outer.layer.name}": {error}') from None
    param.ClearField("layers")
    param.layers.extend(new)
    return [index for index, _ in merged]


def _check_form(outer: Message, place: str) -> None:
    if not outer.HasField("layer"):
        raise ProtoError(
            f'{place}: layer "{outer.name}" is of Caffe\'s V1 form, others of this net are of V0; expected one form'
        )
    more = [field.name for field, _ in outer.ListFields() if field.name not in ("layer", "bottom", "top")]
    if more:
        raise ProtoError(
            f'{place}: layer "{outer.layer.name}": found {", ".join(more)} beside the inner `layer` of Caffe\'s V0 '
            "form; expected bottom and top only"
        )


def merge_padding(param: Message, at: Callable[[int], str]) -> list[tuple[int, Any]]:
    """Copies of all V0 layers but the padding, which becomes ``pad`` of those that read it, with their indices."""
    writer: dict[str, int] = {}  # blob: the last layer that writes it
    kept: list[tuple[int, Any]] = []
    unread: dict[int, str] = {}  # paddings
    for index, old in enumerate(param.layers):
        layer = type(old)()
        layer.CopyFrom(old)
        for slot, name in enumerate(old.bottom):
            source = param.layers[writer[name]] if name in writer else None
            if source is None or source.layer.type != "padding":
                continue
            wrong = _why_not(layer, source)
            if wrong:
                raise ProtoError(f'{at(index)}: layer "{layer.layer.name}" reads the padding "{name}", but {wrong}')
            layer.layer.pad = source.layer.pad
            layer.bottom[slot] = source.bottom[0]
            unread.pop(writer[name], None)
        writer.update((name, index) for name in old.top)
        if old.layer.type == "padding":
            unread[index] = old.layer.name
        else:
            kept.append((index, layer))
    for index, name in unread.items():
        raise ProtoError(f'{at(index)}: layer "{name}" is a padding that no layer reads; expected a conv or pool')
    return kept


def _why_not(reader: Message, padding: Message) -> str:
    """Why ``padding`` cannot be merged into ``reader``; "" if it can."""
    found = [field.name for field, _ in padding.layer.ListFields() if field.name not in ("name", "type", "pad")]
    if reader.layer.type not in _WINDOWS:
        return f'is of type "{reader.layer.type}"; expected conv or pool'
    if len(reader.bottom) != 1:
        return f"has {plural(len(reader.bottom), 'bottom')}; expected 1"
    if (len(padding.bottom), len(padding.top)) != (1, 1):
        numbers = f"{plural(len(padding.bottom), 'bottom')} and {plural(len(padding.top), 'top')}"
        return f"the padding has {numbers}; expected 1 and 1"
    if found:
        return f"the padding has {', '.join(found)}; expected pad only"
    if reader.layer.pad and padding.layer.pad:
        return f"has pad {reader.layer.pad} itself; expected one of them"
    return ""


def v1_layer(outer: Message) -> Message:
    """The V1LayerParameter of a V0 layer other than padding; ValueError with the sentence if there is none."""
    old = outer.layer
    if old.type not in TYPES:
        known = did_you_mean(old.type, TYPES) or f"; expected one of {', '.join(TYPES)}"
        raise ValueError((f'unknown type "{old.type}" of Caffe\'s V0 form' if old.type else "has no type") + known)
    new = caffe_pb2.V1LayerParameter(bottom=outer.bottom, top=outer.top)
    new.type = caffe_pb2.V1LayerParameter.LayerType.Value(TYPES[old.type])
    for field, value in old.ListFields():
        if field.name in _OF_LAYER:
            _put(new, field.name, value)
        elif field.name in _TRANSFORMS and old.type in _IMAGES:
            _put(new.transform_param, _TRANSFORMS[field.name], value)
        elif field.name == "hdf5_output_param" and old.type == "hdf5_output":
            new.hdf5_output_param.CopyFrom(value)
        elif field.name in _FIELDS and old.type in _FIELDS[field.name][1]:
            _put(getattr(new, _OPTIONS[old.type]), _FIELDS[field.name][0], value)
        elif field.name != "type":
            raise ValueError(f'has {field.name}, which a V0 layer of type "{old.type}" does not take')
    return new


def _put(message: Message, name: str, value: Any) -> None:
    """Set a field; a repeated one gets the value, or all of them."""
    field = message.DESCRIPTOR.fields_by_name[name]
    if is_repeated(field):
        getattr(message, name).extend(value if hasattr(value, "__len__") else [value])
    elif field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
        getattr(message, name).CopyFrom(value)
    else:
        setattr(message, name, value)
