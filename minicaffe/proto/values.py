"""One value of the text format, from its tokens to what a field holds, and back to text.

Accepts what Caffe's own reader accepts: integers in decimal, octal and hexadecimal, floats with an optional
trailing f, inf and nan, ``true``, ``t``, ``1`` and their opposites, enums by name or number.
"""

from __future__ import annotations

import re
import struct
from typing import Any

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.descriptor import FieldDescriptor as F

from ..errors import did_you_mean
from .tokens import Token, escape, unescape

_INTEGER = re.compile(r"0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*")
_FLOAT = re.compile(r"((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[fF]?")
_TRUE, _FALSE = ("true", "True", "t", "1"), ("false", "False", "f", "0")
_RANGE = {
    F.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    F.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    F.CPPTYPE_UINT32: (0, 2**32 - 1),
    F.CPPTYPE_UINT64: (0, 2**64 - 1),
}


def expected(field: F) -> str:
    """What a scalar field takes, in words."""
    if field.cpp_type == F.CPPTYPE_ENUM:
        return "one of " + ", ".join(value.name for value in field.enum_type.values)
    if field.cpp_type in _RANGE:
        return "an integer" if _RANGE[field.cpp_type][0] else "an integer, 0 or more"
    if field.cpp_type == F.CPPTYPE_BOOL:
        return "true or false"
    return "a string in quotes" if field.cpp_type == F.CPPTYPE_STRING else "a number"


def scalar(field: F, sign: str, tokens: list[Token]) -> bool | float | str | bytes:
    """The value that ``field`` takes from a sign ("" or "-") and tokens (several: strings, to be joined).

    Raises ValueError with the sentence, without the place.
    """
    token = tokens[0]
    if (token.kind == "string") == (field.cpp_type == F.CPPTYPE_STRING) and not (sign and token.kind == "string"):
        if token.kind == "string":
            return _string(field, tokens)
        value: bool | int | float | None
        if field.cpp_type == F.CPPTYPE_BOOL:
            value = _bool(sign + token.text)
        elif field.cpp_type == F.CPPTYPE_ENUM:
            value = _enum(field.enum_type, sign, token)
        elif field.cpp_type in _RANGE:
            value = _integer(field, sign, token)
        else:
            value = _float(sign, token)
        if value is not None:
            return value
    near = ""
    if field.cpp_type == F.CPPTYPE_ENUM:
        word = token.text.strip("\"'")
        quoted = token.kind == "string" and word in field.enum_type.values_by_name
        near = "; expected no quotes" if quoted else did_you_mean(word, field.enum_type.values_by_name)
    raise ValueError(f'"{field.name}" takes {expected(field)}; found {sign}{token}{near}')


def _string(field: F, tokens: list[Token]) -> str | bytes:
    try:
        raw = b"".join(unescape(token.text) for token in tokens)
        return raw if field.type == F.TYPE_BYTES else raw.decode()
    except UnicodeDecodeError:
        raise ValueError(f'"{field.name}" takes text in UTF-8; found {tokens[0]}') from None


def _bool(text: str) -> bool | None:
    return text in _TRUE if text in _TRUE + _FALSE else None


def _enum(enum: EnumDescriptor, sign: str, token: Token) -> int | None:
    if token.kind == "word" and not sign:
        value = enum.values_by_name.get(token.text)
        return None if value is None else value.number
    number = _number(sign, token)
    return number if number in enum.values_by_number else None


def _integer(field: F, sign: str, token: Token) -> int | None:
    number = _number(sign, token)
    if number is None:
        return None
    least, most = _RANGE[field.cpp_type]
    if not least <= number <= most:
        raise ValueError(f'"{field.name}" takes an integer from {least} to {most}; found {number}')
    return number


def _number(sign: str, token: Token) -> int | None:
    """Decimal, octal or hexadecimal; None if it is no integer."""
    if not _INTEGER.fullmatch(token.text):
        return None
    octal = token.text.startswith("0") and token.text.isdigit()
    number = int(token.text, 8 if octal else 0)
    return -number if sign else number


def _float(sign: str, token: Token) -> float | None:
    match = _FLOAT.fullmatch(token.text)
    if match is None and token.text.lower() not in ("inf", "infinity", "nan"):
        return None
    return float(sign + (match.group(1) if match else token.text))


def value_text(field: F, value: Any) -> str:
    """A scalar as Caffe's log shows it: the fewest digits, up to nine or seventeen, that read back the same."""
    if field.cpp_type == F.CPPTYPE_ENUM:
        known = field.enum_type.values_by_number.get(value)
        return str(value) if known is None else known.name
    if field.cpp_type == F.CPPTYPE_BOOL:
        return "true" if value else "false"
    if field.cpp_type == F.CPPTYPE_STRING:
        return escape(value)
    if field.cpp_type == F.CPPTYPE_FLOAT:
        short = f"{value:.6g}"
        return short if _rounded(float(short)) == value or value != value else f"{value:.9g}"
    if field.cpp_type == F.CPPTYPE_DOUBLE:
        short = f"{value:.15g}"
        return short if float(short) == value or value != value else f"{value:.17g}"
    return str(value)


def _rounded(value: float) -> float:
    """``value`` as a float of 32 bits; infinity where it is out of range."""
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
