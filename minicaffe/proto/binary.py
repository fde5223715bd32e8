"""Binary messages read strictly: every field must be one of Caffe 1.0's.

protobuf itself lays unknown fields aside without a word. Forks of Caffe gave the same numbers to other fields; a net of
theirs, read like that, would silently lack options or hold wrong ones.
"""

from __future__ import annotations

import json

from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor import FieldDescriptor as F
from google.protobuf.message import DecodeError

from ..errors import ProtoError, plural
from .schema import Message, is_repeated
from .wire import FIXED32, FIXED64, LENGTH, VARINT, BrokenWire, fields, varint

_WIRES = {
    **dict.fromkeys((F.TYPE_STRING, F.TYPE_BYTES, F.TYPE_MESSAGE), LENGTH),
    F.TYPE_FLOAT: FIXED32,
    F.TYPE_DOUBLE: FIXED64,
}  # all other types of the schema are VARINT


def decode_strictly(data: bytes, message_class: type[Message], path: str) -> Message:
    """``data`` as a message; ProtoError if it is damaged or has fields that Caffe's schema lacks."""
    strange = stranger(data, message_class.DESCRIPTOR)
    if strange:
        raise ProtoError(f"{path}: {strange} (written by a fork of Caffe?); expected a binary net of Caffe 1.0")
    message = decode(data, message_class, path, "a binary net")
    if not message.IsInitialized():
        raise ProtoError(f"{path}: {message.FindInitializationErrors()[0]} is missing, expected a binary net")
    return message


def decode(data: bytes, message_class: type[Message], path: str, wanted: str) -> Message:
    """``data`` as a message, fields that Caffe's schema lacks laid aside; ProtoError if it does not decode."""
    try:
        message = message_class.FromString(data)
        foreign = _foreign_text(message)
    except (DecodeError, UnicodeDecodeError):
        raise ProtoError(f"{path}: {_why(data, message_class.DESCRIPTOR)}, expected {wanted}") from None
    if foreign:
        raise ProtoError(f"{path}: {foreign} is no text in UTF-8 (damaged?), expected {wanted}")
    return message


def _foreign_text(message: Message) -> str:
    """The name of the first field of text, at any depth, that holds none in UTF-8: protobuf hands it out as bytes."""
    for field, value in message.ListFields():
        values = value if is_repeated(field) else [value]
        if field.type == F.TYPE_STRING and any(isinstance(text, bytes) for text in values):
            return f"{field.name} of {field.containing_type.name}"
        if (
            field.type == F.TYPE_MESSAGE and field.message_type.name != "BlobProto"
        ):  # without text, and with many numbers
            for inner in values:
                found = _foreign_text(inner)
                if found:
                    return found
    return ""


def _why(data: bytes, descriptor: Descriptor) -> str:
    """Why ``data`` does not decode: it ends too early, or it is another schema's."""
    try:
        for _ in fields(data):
            pass
    except BrokenWire:
        return f"is cut short or damaged at {plural(len(data), 'byte')}"
    strange = stranger(data, descriptor) or "does not decode with Caffe's schema"
    return f"{strange} (damaged, or written by a fork of Caffe)"


def stranger(data: bytes | memoryview, descriptor: Descriptor) -> str:
    """The first field of ``data``, at any depth, that is none of ``descriptor``'s, in words; "" if all are."""
    view = memoryview(data)
    try:
        for number, wire, start, stop in fields(view):
            field = descriptor.fields_by_number.get(number)
            if field is None:
                return f"field {number} is unknown in {descriptor.name}"
            wrong = _wrong(field, wire, view[start:stop])
            if wrong:
                return wrong
    except BrokenWire:
        return f"the content of {descriptor.name} makes no sense"
    return ""


def _wrong(field: F, wire: int, payload: memoryview) -> str:
    """What is wrong with one value of a known field; "" if nothing is."""
    own = _WIRES.get(field.type, VARINT)
    if wire != own and not (is_repeated(field) and wire == LENGTH):
        return f"{field.name} (field {field.number} of {field.containing_type.name}) holds another kind of value"
    if field.type == F.TYPE_MESSAGE:
        inner = stranger(payload, field.message_type)
        return inner and f"{_label(field, payload)}: {inner}"
    if field.type == F.TYPE_ENUM and wire == VARINT:
        value = varint(payload, 0)[0]
        return "" if value in field.enum_type.values_by_number else f"{field.name} has the unknown value {value}"
    if field.type == F.TYPE_STRING:
        try:
            str(payload, "utf-8")
        except UnicodeDecodeError:
            return f"{field.name} (field {field.number} of {field.containing_type.name}) is no text in UTF-8"
    return ""


def _label(field: F, payload: memoryview) -> str:
    """A message inside another as an error names it: a layer by its name."""
    name = field.message_type.fields_by_name.get("name")
    if field.name in ("layer", "layers") and name is not None:
        try:
            for found in fields(payload):
                if (found.number, found.wire) == (name.number, LENGTH):
                    text = str(payload[found.start : found.stop], "utf-8", "replace")
                    return f"layer {json.dumps(text, ensure_ascii=False)}"
        except BrokenWire:
            pass
    return field.name
