"""Messages as text, byte for byte as Caffe's log and its tools show them."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.descriptor import FieldDescriptor

from .schema import Message, is_repeated
from .values import value_text


def format_text(message: Message) -> str:
    """``message`` in the text format: fields in the order of their numbers, two spaces per level."""
    return "".join(f"{line}\n" for line in _lines(message))


def _lines(message: Message) -> Iterator[str]:
    for field, value in message.ListFields():
        for item in value if is_repeated(field) else [value]:
            if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
                yield f"{field.name} {{"
                for line in _lines(item):
                    yield f"  {line}"
                yield "}"
            else:
                yield f"{field.name}: {value_text(field, item)}"
