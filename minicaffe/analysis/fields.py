"""The fields in which two messages differ, told one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor

from ..proto.schema import is_repeated
from ..proto.values import value_text

if TYPE_CHECKING:
    from ..proto import Message

__all__ = ["Change", "changes"]

_UNSET = "not set"


@dataclass(frozen=True)
class Change:
    """A field, or the shape of a blob, that is not the same; "" where one side does not have it."""

    what: str
    old: str
    new: str


def changes(old: Message, new: Message, leave: Sequence[str] = (), path: str = "") -> list[Change]:
    """The differences of two messages of one class, in the order of the schema; a list of numbers is one field.

    A field that is set to its default differs from one that is not set: for some fields that is not the same. Fields
    named in ``leave`` are left out. An options message without fields is as good as none.
    """
    found = []
    for one in sorted(old.DESCRIPTOR.fields, key=lambda one: one.number):
        if one.name in leave:
            continue
        name = f"{path}{one.name}"
        if is_repeated(one):
            found += _repeated(one, getattr(old, one.name), getattr(new, one.name), name)
        elif one.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
            if old.HasField(one.name) or new.HasField(one.name):
                found += changes(getattr(old, one.name), getattr(new, one.name), (), f"{name}.")
        else:
            texts = _single(one, old), _single(one, new)
            found += [Change(name, *texts)] if texts[0] != texts[1] else []
    return found


def _single(one: FieldDescriptor, message: Message) -> str:
    """A value as prototxts have it, with its default where it is not set."""
    value = value_text(one, getattr(message, one.name))
    return value if message.HasField(one.name) else f"{_UNSET} ({value})" if one.has_default_value else _UNSET


def _repeated(one: FieldDescriptor, old: Sequence[Any], new: Sequence[Any], name: str) -> list[Change]:
    if one.cpp_type != FieldDescriptor.CPPTYPE_MESSAGE:
        texts = [", ".join(value_text(one, item) for item in items) or _UNSET for items in (old, new)]
        return [] if texts[0] == texts[1] else [Change(name, *texts)]
    found = []
    for i in range(max(len(old), len(new))):
        if i < len(old) and i < len(new):
            found += changes(old[i], new[i], (), f"{name}[{i}].")
        else:
            found.append(
                Change(f"{name}[{i}]", *(_brief(items[i]) if i < len(items) else _UNSET for items in (old, new)))
            )
    return found


def _brief(message: Message) -> str:
    """A message on one line."""
    parts = []
    for one, value in message.ListFields():
        for item in value if is_repeated(one) else [value]:
            is_message = one.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE
            parts.append(f"{one.name} {_brief(item)}" if is_message else f"{one.name}: {value_text(one, item)}")
    return " ".join(["{", *parts, "}"])
