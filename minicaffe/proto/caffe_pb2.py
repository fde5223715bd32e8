"""The schema's messages and enums under the names that code generated from caffe.proto gives them.

``caffe_pb2.NetParameter`` is a message class, ``caffe_pb2.Phase`` an enum, ``caffe_pb2.TRAIN`` one of its
values, ``caffe_pb2.DESCRIPTOR`` the file. Enums inside a message stand on its class: ``PoolingParameter.MAX``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from .schema import DESCRIPTOR, message_class


def _names() -> dict:
    names: dict = {}
    for enum in DESCRIPTOR.enum_types_by_name.values():
        names[enum.name] = EnumTypeWrapper(enum)
        names.update((value.name, value.number) for value in enum.values)
    for descriptor in DESCRIPTOR.message_types_by_name.values():
        names[descriptor.name] = message_class(descriptor)
    return names


if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Message classes are made as the program runs: nothing is known of them, or of their messages."""


_NAMES = _names()
globals().update(_NAMES)
__all__ = ["DESCRIPTOR", *_NAMES]
