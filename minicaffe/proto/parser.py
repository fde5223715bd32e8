"""Protobuf's text format into messages, with errors that name file, line, column and the nearest known word.

protobuf's own reader is not used: its error texts differ from version to version, and it does not tell where
in the file a layer stood.
"""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from ..errors import ProtoError, did_you_mean
from . import caffe_pb2
from .schema import Message, is_repeated
from .tokens import Token, tokenize, tokens_of
from .values import expected, scalar

_CLOSE = {"{": "}", "<": ">", "[": "]"}
_NET = caffe_pb2.NetParameter.DESCRIPTOR.full_name
_ROOTS = {"a net": caffe_pb2.NetParameter.DESCRIPTOR, "a solver": caffe_pb2.SolverParameter.DESCRIPTOR}


class Fault(NamedTuple):
    """A field that is unknown or has a wrong value, and was left out: the whole sentence, with its place."""

    line: int
    column: int
    text: str


class Place(NamedTuple):
    """Where a value of the outermost message, or of a net within it, stands: its field's name, or in a list the value.

    ``faults`` are those within the value, ``parts`` the Places within a net; the outermost message is a Place too.
    """

    field: str
    line: int
    column: int
    faults: list[Fault]
    parts: list[Place]

    def all_faults(self) -> list[Fault]:
        """Those of the parts too, in the order of the file."""
        return sorted([*self.faults, *(fault for part in self.parts for fault in part.all_faults())])


class _Open(NamedTuple):
    """A message being read: what it is called, its descriptor, the token that opened it."""

    label: str
    descriptor: Any
    token: Token


def parse(text: str, message_class: type[Message], file_name: str) -> tuple[Message, Place]:
    """Read ``text`` as one message; returns it and its Place, which holds the faults.

    ProtoError where the text cannot be followed any further. If there were faults before that, it is about the first.
    """
    parser = _Parser(text, file_name)
    try:
        return parser.parse(message_class), parser.place
    except ProtoError:
        faults = parser.outermost.all_faults()
        if faults:
            raise ProtoError(faults[0].text) from None
        raise


def root_of(text: str, file_name: str) -> str:
    """Of "a net" and "a solver", what ``text`` is, as its first field that only one of them has tells; else ""."""
    depth = 0
    for token in tokens_of(text, file_name):
        depth += (token.text in ("{", "<")) - (token.text in ("}", ">")) if token.kind == "symbol" else 0
        if depth == 0 and token.kind == "word":
            kinds = [kind for kind, root in _ROOTS.items() if token.text in root.fields_by_name]
            if len(kinds) == 1:
                return kinds[0]
    return ""


def kind_text(descriptor: Descriptor) -> str:
    """A message as an outermost one is called: "a net", "a solver", or its name."""
    return next((kind for kind, root in _ROOTS.items() if root.name == descriptor.name), descriptor.name)


class _Parser:
    def __init__(self, text: str, file_name: str):
        self.file_name = file_name
        self.tokens = tokenize(text, file_name)
        self.index = 0
        self.stack: list[_Open] = []
        self.place = self.outermost = Place("", 1, 1, [], [])

    def parse(self, message_class: type[Message]) -> Message:
        message = message_class()
        kind = kind_text(message.DESCRIPTOR)
        if self.now.kind == "end":
            raise ProtoError(f"{self.file_name}: is empty, expected {kind}")
        self.stack.append(_Open(kind, message.DESCRIPTOR, self.now))
        self.body(message, None)
        return message

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

    def fail(self, token: Token, sentence: str) -> NoReturn:
        raise ProtoError(f"{self.file_name}:{token.line}:{token.column}: {sentence}")

    def fault(self, token: Token, sentence: str) -> None:
        """Note what is wrong at ``token``, where the text can still be followed."""
        text = f"{self.file_name}:{token.line}:{token.column}: {sentence}"
        self.place.faults.append(Fault(token.line, token.column, text))

    # -- grammar ---------------------------------------------------------------------------------------------

    def body(self, message: Message, close: str | None) -> None:
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
            for missing in message.FindInitializationErrors():
                if "." not in missing:  # else it was noted where the part ended
                    self.fault(opened.token, f'{opened.label} lacks "{missing}"')

    def field(self, message: Message, token: Token, seen: dict[str, Token]) -> None:
        """One field, whose name is ``token``."""
        opened = self.stack[-1]
        if token.kind != "word":
            if token.text in ("}", ">"):
                self.fail(token, f'"{token.text}" without an opening one before it')
            self.fail(token, f"expected the name of a field of {opened.label}, found {token}")
        field = opened.descriptor.fields_by_name.get(token.text)
        if field is None:
            self.unknown(token)
            self.skip()
            return
        repeated = is_repeated(field)
        if not repeated and token.text in seen:
            first = seen[token.text].line
            self.fault(token, f'"{token.text}" is given twice in {opened.label}, first in line {first}')
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

    def value(self, message: Message, field: FieldDescriptor, repeated: bool, named: Token) -> None:
        """One value of a field whose name is ``named``: in a list, there are several."""
        around, in_net = self.place, self.stack[-1].descriptor.full_name == _NET
        if in_net or len(self.stack) == 1:
            self.place = Place(field.name, named.line, named.column, [], [])
            around.parts.append(self.place)
        if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
            part = self.message(message, field, repeated)
            if in_net and self.place.faults and field.name in ("layer", "layers"):
                self.name_layer(part)
        else:
            self.scalar(message, field, repeated)
        self.place = around

    def message(self, message: Message, field: FieldDescriptor, repeated: bool) -> Message:
        """One value in braces; returns it."""
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
        return part

    def scalar(self, message: Message, field: FieldDescriptor, repeated: bool) -> None:
        """One value of another kind."""
        first, sign = self.now, self.take_symbol("-")
        tokens = self.take_words()
        if tokens[0].kind in ("symbol", "end"):
            self.fail(tokens[0], f'"{field.name}" takes {expected(field)}; found {tokens[0]}')
        try:
            value = scalar(field, sign, tokens)
        except ValueError as error:
            self.fault(first, str(error))
            return
        if repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)

    def take_words(self) -> list[Token]:
        """The next token, or if it is a string, all that follow one another."""
        tokens = [self.take()]
        while tokens[0].kind == self.now.kind == "string":
            tokens.append(self.take())
        return tokens

    def name_layer(self, layer: Message) -> None:
        """End the faults of a layer with its name and type: by its type, it may be another program's."""
        words = [f'layer "{layer.name}"'] if layer.name else []
        words += [f'type "{layer.type}"'] if layer.type and isinstance(layer.type, str) else []
        if words:
            self.place.faults[:] = [f._replace(text=f"{f.text} ({', '.join(words)})") for f in self.place.faults]

    def skip(self) -> None:
        """Pass over the value of an unknown field."""
        self.take_symbol(":")
        closing: list[str] = []
        while True:
            token = self.now
            if token.kind == "end" or (token.text in ("}", ">", "]") and token.text not in closing[-1:]):
                self.fail(token, f"expected a value, found {token}")
            if token.kind == "symbol" and token.text in _CLOSE:
                closing.append(_CLOSE[self.take().text])
            elif token.text in closing[-1:]:
                closing.pop()
                self.take()
            else:
                self.take_symbol("-")
                self.take_words()
            if not closing:
                break
        self.take_symbol(",;")

    def unknown(self, token: Token) -> None:
        """Say what an unknown field is most likely meant to be."""
        opened = self.stack[-1]
        if len(self.stack) == 1:
            for kind, root in _ROOTS.items():
                if opened.label in _ROOTS and kind != opened.label and token.text in root.fields_by_name:
                    self.fail(token, f'expected {opened.label}, but "{token.text}" is a field of {kind}: '
                                     f"this looks like {kind}'s file")  # fmt: skip
        sentence = f'unknown field "{token.text}" in {opened.label}'
        near = did_you_mean(token.text, opened.descriptor.fields_by_name)
        if not near:
            for outer in reversed(self.stack[:-1]):
                if token.text in outer.descriptor.fields_by_name:
                    self.fail(token, f'{sentence}, but {outer.label} has one: is the "{opened.token.text}" of line '
                                     f"{opened.token.line} not closed?")  # fmt: skip
        self.fault(token, sentence + near)
