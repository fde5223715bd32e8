"""Protobuf's text format into messages, with errors that name file, line, column and the nearest known word.

protobuf's own reader is not used: its error texts differ from version to version, and it does not tell where
in the file a layer stood.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor

from ..errors import ProtoError, did_you_mean
from . import caffe_pb2
from .schema import is_repeated
from .tokens import Token, tokenize
from .values import expected, scalar

_CLOSE = {"{": "}", "<": ">"}
_ROOTS = {"a net": caffe_pb2.NetParameter.DESCRIPTOR, "a solver": caffe_pb2.SolverParameter.DESCRIPTOR}


class Place(NamedTuple):
    """Where a value of the outermost message stands: its field's name, or in a list the value itself."""

    field: str
    line: int
    column: int


class _Open(NamedTuple):
    """A message being read: what it is called, its descriptor, the token that opened it."""

    label: str
    descriptor: Any
    token: Token


def parse(text: str, message_class, file_name: str):
    """Read ``text`` as one message; returns it and the Places of its fields, in the order of the file."""
    return _Parser(text, file_name).parse(message_class)


def kind_text(descriptor) -> str:
    """A message as an outermost one is called: "a net", "a solver", or its name."""
    return next((kind for kind, root in _ROOTS.items() if root.name == descriptor.name), descriptor.name)


class _Parser:
    def __init__(self, text: str, file_name: str):
        self.file_name = file_name
        self.tokens = tokenize(text, file_name)
        self.index = 0
        self.stack: list[_Open] = []
        self.places: list[Place] = []

    def parse(self, message_class):
        message = message_class()
        kind = kind_text(message.DESCRIPTOR)
        if self.now.kind == "end":
            raise ProtoError(f"{self.file_name}: is empty, expected {kind}")
        self.stack.append(_Open(kind, message.DESCRIPTOR, self.now))
        self.body(message, None)
        return message, tuple(self.places)

    # -- tokens ----------------------------------------------------------------------------------------------

    @property
    def now(self) -> Token:
        return self.tokens[self.index]

    def take(self) -> Token:
        token = self.tokens[self.index]
        if token.kind != "end":
            self.index += 1
        return token

    def take_symbol(self, symbols: str) -> str:
        """The next token's text if it is one of ``symbols``, else ""."""
        return self.take().text if self.now.kind == "symbol" and self.now.text in symbols else ""

    def fail(self, token: Token, sentence: str):
        raise ProtoError(f"{self.file_name}:{token.line}:{token.column}: {sentence}")

    # -- grammar ---------------------------------------------------------------------------------------------

    def body(self, message, close: str | None) -> None:
        """Fields up to ``close`` (None: the end of the file)."""
        opened = self.stack[-1]
        seen: dict[str, Token] = {}
        while True:
            token = self.take()
            if token.kind == "symbol" and token.text == close:
                break
            if token.kind == "end":
                if close is None:
                    break
                self.fail(token, f'the file ends, but the "{opened.token.text}" of {opened.label} in line '
                                 f"{opened.token.line} is not closed")  # fmt: skip
            self.field(message, token, seen)
        if not message.IsInitialized():
            missing = message.FindInitializationErrors()[0]
            self.fail(opened.token, f'{opened.label} lacks "{missing}"')

    def field(self, message, token: Token, seen: dict[str, Token]) -> None:
        """One field, whose name is ``token``."""
        opened = self.stack[-1]
        if token.kind != "word":
            if token.text in ("}", ">"):
                self.fail(token, f'"{token.text}" without an opening one before it')
            self.fail(token, f"expected the name of a field of {opened.label}, found {token}")
        field = opened.descriptor.fields_by_name.get(token.text) or self.unknown(token)
        repeated = is_repeated(field)
        if not repeated and token.text in seen:
            first = seen[token.text].line
            self.fail(token, f'"{token.text}" is given twice in {opened.label}, first in line {first}')
        seen[token.text] = token
        colon = self.take_symbol(":")
        is_message = field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE
        if not colon and not is_message:
            self.fail(self.now, f'expected ":" and {expected(field)} after "{field.name}", found {self.now}')
        if repeated and self.take_symbol("["):
            while not self.take_symbol("]"):
                self.value(message, field, repeated, self.now)
                if not self.take_symbol(",") and self.now.text != "]":
                    self.fail(self.now, f'expected "," or "]" in the list of "{field.name}", found {self.now}')
        else:
            self.value(message, field, repeated, token)
        self.take_symbol(",;")

    def value(self, message, field, repeated: bool, named: Token) -> None:
        """One value of a field whose name is ``named``: in a list, there are several."""
        if len(self.stack) == 1:
            self.places.append(Place(field.name, named.line, named.column))
        if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
            token = self.now
            brace = self.take_symbol("{<")
            if not brace:
                self.fail(token, f'expected "{{" after "{field.name}", found {token}')
            part = getattr(message, field.name)
            part = part.add() if repeated else part
            part.SetInParent()
            self.stack.append(_Open(field.name, field.message_type, token))
            self.body(part, _CLOSE[brace])
            self.stack.pop()
            return
        first, sign = self.now, self.take_symbol("-")
        tokens = [self.take()]
        while tokens[0].kind == self.now.kind == "string":
            tokens.append(self.take())
        if tokens[0].kind in ("symbol", "end"):
            self.fail(tokens[0], f'"{field.name}" takes {expected(field)}; found {tokens[0]}')
        try:
            value = scalar(field, sign, tokens)
        except ValueError as error:
            self.fail(first, str(error))
        if repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)

    def unknown(self, token: Token):
        """Say what an unknown field is most likely meant to be."""
        opened = self.stack[-1]
        if len(self.stack) == 1:
            for kind, root in _ROOTS.items():
                if opened.label in _ROOTS and kind != opened.label and token.text in root.fields_by_name:
                    self.fail(token, f'expected {opened.label}, but "{token.text}" is a field of {kind}: '
                                     f"this looks like {kind}'s file")  # fmt: skip
        near = did_you_mean(token.text, opened.descriptor.fields_by_name)
        if not near:
            for outer in reversed(self.stack[:-1]):
                if token.text in outer.descriptor.fields_by_name:
                    near = f', but {outer.label} has one: is the "{opened.token.text}" of line '
                    near += f"{opened.token.line} not closed?"
                    break
        self.fail(token, f'unknown field "{token.text}" in {opened.label}{near}')
