"""Protobuf's binary form at its outermost level: what a file is, and arrays in and out without Python numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5


class Field(NamedTuple):
    """One field: its number, its wire type, and where its value begins and ends."""

    number: int
    wire: int
    start: int
    stop: int


class BrokenWire(ValueError):
    """The bytes end inside a field, or are no fields at all."""


def fields(data: bytes | memoryview) -> Iterator[Field]:
    """The outermost fields of a message; BrokenWire where they stop making sense.

    A last field that is cut off is still given; its ``stop`` lies beyond the end.
    """
    offset, end = 0, len(data)
    while offset < end:
        key, offset = varint(data, offset)
        number, wire = key >> 3, key & 7
        start = offset
        if wire == VARINT:
            offset = varint(data, offset)[1]
        elif wire == LENGTH:
            size, start = varint(data, offset)
            offset = start + size
        elif wire in (FIXED32, FIXED64):
            offset += 4 if wire == FIXED32 else 8
        else:
            raise BrokenWire
        if not number:
            raise BrokenWire
        yield Field(number, wire, start, offset)
    if offset > end:
        raise BrokenWire


def length_field(number: int, payload: bytes) -> bytes:
    """A field of wire type LENGTH as bytes."""
    return _to_varint(number << 3 | LENGTH) + _to_varint(len(payload)) + payload


def varint(data: bytes | memoryview, offset: int) -> tuple[int, int]:
    """The number that begins at ``offset``, and where it ends; BrokenWire if it does not end."""
    value = 0
    for shift in range(0, 70, 7):
        if offset >= len(data):
            break
        byte = data[offset]
        offset += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, offset
    raise BrokenWire


def _to_varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
