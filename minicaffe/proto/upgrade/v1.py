"""V1 nets: ``layers { type: CONVOLUTION blobs_lr: 1 weight_decay: 1 }``, types by enum, multipliers in lists."""

from __future__ import annotations

from collections.abc import Callable, Collection

from google.protobuf.descriptor import FieldDescriptor

from ...errors import ProtoError
from .. import caffe_pb2
from ..schema import Message, is_repeated

_V1 = caffe_pb2.V1LayerParameter
TYPES = {
    "ABSVAL": "AbsVal",
    "ACCURACY": "Accuracy",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "CONCAT": "Concat",
    "CONTRASTIVE_LOSS": "ContrastiveLoss",
    "CONVOLUTION": "Convolution",
    "DATA": "Data",
    "DECONVOLUTION": "Deconvolution",
    "DROPOUT": "Dropout",
    "DUMMY_DATA": "DummyData",
    "ELTWISE": "Eltwise",
    "EUCLIDEAN_LOSS": "EuclideanLoss",
    "EXP": "Exp",
    "FLATTEN": "Flatten",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "HINGE_LOSS": "HingeLoss",
    "IM2COL": "Im2col",
    "IMAGE_DATA": "ImageData",
    "INFOGAIN_LOSS": "InfogainLoss",
    "INNER_PRODUCT": "InnerProduct",
    "LRN": "LRN",
    "MEMORY_DATA": "MemoryData",
    "MULTINOMIAL_LOGISTIC_LOSS": "MultinomialLogisticLoss",
    "MVN": "MVN",
    "POOLING": "Pooling",
    "POWER": "Power",
    "RELU": "ReLU",
    "SIGMOID": "Sigmoid",
    "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss",
    "SILENCE": "Silence",
    "SLICE": "Slice",
    "SOFTMAX": "Softmax",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "SPLIT": "Split",
    "TANH": "TanH",
    "THRESHOLD": "Threshold",
    "WINDOW_DATA": "WindowData",
}
"""The name of each V1 type now; NONE has none."""

_OF_PARAMS = {"param": "name", "blob_share_mode": "share_mode", "blobs_lr": "lr_mult", "weight_decay": "decay_mult"}


def v1_to_present(param: Message, place: Callable[[int], str], faulty: Collection[int] = ()) -> None:
    """Replace ``param.layers``, all of V1, by ``param.layer``; ProtoError for a layer without a type.

    A layer without a type is left so where its index is among the ``faulty``.
    """
    for index, old in enumerate(param.layers):
        try:
            present_layer(old, param.layer.add(), index in faulty)
        except ValueError as error:
            raise ProtoError(f'{place(index)}: layer "{old.name}": {error}') from None
    param.ClearField("layers")


def present_layer(old: Message, new: Message, faulty: bool = False) -> None:
    """Fill the empty LayerParameter ``new`` from a V1LayerParameter; ValueError with the sentence if that cannot be."""
    if old.type == _V1.NONE and not faulty:
        raise ValueError("has no type; expected one such as CONVOLUTION")
    for field, value in old.ListFields():
        if field.name == "type" and value == _V1.NONE:
            continue
        elif field.name == "type":
            new.type = TYPES[_V1.LayerType.Name(value)]
        elif field.name in _OF_PARAMS:
            for i, item in enumerate(value):
                spec = new.param[i] if i < len(new.param) else new.param.add()
                setattr(spec, _OF_PARAMS[field.name], item)
        elif field.name not in new.DESCRIPTOR.fields_by_name:
            raise ValueError(f"{field.name} has no place in a layer of today")
        elif is_repeated(field):
            getattr(new, field.name).extend(value)
        elif field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
            getattr(new, field.name).CopyFrom(value)
        else:
            setattr(new, field.name, value)
