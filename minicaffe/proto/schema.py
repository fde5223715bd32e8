"""The schema, loaded from caffe.desc into a descriptor pool of its own.

A private pool lets minicaffe live in one process with OpenCV, with Caffe itself or with a fork's schema, all of
which call their file caffe.proto. Works on protobuf 4.21 to 7, whose names for a few things differ.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor, FileDescriptor

Message = Any
"""A message of the schema: its class is made as the program runs, so that no tool knows its fields."""


def _load() -> tuple[descriptor_pool.DescriptorPool, FileDescriptor]:
    described = descriptor_pb2.FileDescriptorSet.FromString((Path(__file__).parent / "caffe.desc").read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in described.file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool, pool.FindFileByName(described.file[0].name)


POOL, DESCRIPTOR = _load()
"""The pool, and the descriptor of its one file."""

if hasattr(message_factory, "GetMessageClass"):
    message_class = message_factory.GetMessageClass
else:  # protobuf 4.21
    message_class = message_factory.MessageFactory(POOL).GetPrototype


def is_repeated(field: FieldDescriptor) -> bool:
    """Whether a field holds any number of values."""
    known = getattr(field, "is_repeated", None)
    return field.label == field.LABEL_REPEATED if known is None else known


def is_required(field: FieldDescriptor) -> bool:
    """Whether a message makes no sense without the field."""
    known = getattr(field, "is_required", None)
    return field.label == field.LABEL_REQUIRED if known is None else known
