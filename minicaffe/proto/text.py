"""Reading nets, of prototxt or binary form, and solvers, upgraded to the present form.

Every error is a ProtoError of one sentence that begins with ``file:line:column:``, or with ``file:`` where
the whole file is meant.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any

from ..errors import ProtoError
from . import caffe_pb2
from .binary import decode_strictly
from .files import read_bytes
from .kinds import DESCRIBED, kind_of
from .parser import Fault, Place, parse, root_of
from .schema import Message
from .upgrade import upgrade_net, upgrade_solver

_NOWHERE = Place("", 0, 0, [], [])


@dataclass(frozen=True)
class NetFile:
    """A net and where it came from.

    ``param`` is the NetParameter after the upgrades, ``path`` its file, ``folder`` the file's folder, ``lines`` the
    line of each ``param.layer`` (0 where unknown), ``notes`` what was upgraded. ``faults`` is what was left out of a
    net that was not read strictly: a sentence, and the index of its layer, None outside of layers.
    """

    param: Any
    path: str
    folder: str
    lines: tuple[int, ...]
    notes: tuple[str, ...]
    faults: tuple[tuple[str, int | None], ...] = ()


@dataclass(frozen=True)
class SolverFile:
    """A SolverParameter after the upgrades, its file, the file's folder, what was upgraded, where its fields stand.

    ``text`` is what the file holds, comments and all.
    """

    param: Any
    path: str
    folder: str
    notes: tuple[str, ...]
    places: dict[str, list[Place]] = field(default_factory=dict)
    text: str = ""


def read_net(path: str | os.PathLike, strict: bool = True) -> NetFile:
    """The net of a file: a prototxt, or a binary net such as a caffemodel; its content tells which.

    Unless ``strict``, unknown fields and wrong values of a prototxt are left out, and told in ``faults``.
    """
    path = os.fspath(path)
    return net_of(read_bytes(path, "a net in a prototxt"), path, strict)


def net_of(data: bytes, path: str, strict: bool = True) -> NetFile:
    """The net that is the content of the file ``path``."""
    if kind_of(data) == "caffemodel":
        return _net_file(decode_strictly(data, caffe_pb2.NetParameter, path), path, _NOWHERE)
    return parse_net(text_of(data, path, "a net in a prototxt"), path, strict)


def parse_net(text: str, file_name: str = "<text>", strict: bool = True) -> NetFile:
    """The net in ``text``; errors and paths are as if it stood in ``file_name``."""
    param, place = parse(text, caffe_pb2.NetParameter, file_name)
    if strict:
        _refuse(place.all_faults()[:1])
    return _net_file(param, file_name, place)


def net_file(param: Message, path: str = "<net>", place: Place | None = None) -> NetFile:
    """A NetFile for a copy of a NetParameter that is there already, such as a solver's ``net_param`` at ``place``."""
    copy = caffe_pb2.NetParameter()
    copy.CopyFrom(param)
    return _net_file(copy, path, place or _NOWHERE)


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise ProtoError("\n".join(fault.text for fault in faults))


def _net_file(param: Message, path: str, whole: Place) -> NetFile:
    places = whole.parts
    form = "layers" if param.layers else "layer"
    of_layers = [place for place in places if place.field == form]
    of_inputs = [place for place in places if place.field.startswith("input")]

    def at(what: int | str) -> str:
        known = of_layers[what : what + 1] if isinstance(what, int) else [p for p in places if p.field == what][:1]
        return "".join(f"{path}:{place.line}:{place.column}" for place in known) or path

    faults = whole.all_faults()
    try:
        faulty = [index for index, place in enumerate(of_layers) if place.all_faults()]
        notes, origins = upgrade_net(param, at, faulty)
    except ProtoError:
        _refuse(faults)  # what was left out may be the cause
        raise
    found = [of_inputs[:1] if i is None else of_layers[i : i + 1] for i in origins]
    lines = tuple(place[0].line if place else 0 for place in found)
    of = {id(fault): index for index, place in enumerate(found) for fault in (place[0].all_faults() if place else ())}
    told = tuple((fault.text, of.get(id(fault))) for fault in faults)
    return NetFile(param, path, os.path.dirname(path), lines, notes, told)


def is_solver(path: str | os.PathLike) -> bool:
    """Whether a file is a solver in a prototxt, as its fields tell; False for a file that cannot be read."""
    path = os.fspath(path)
    if not os.path.isfile(path):
        return False
    data = read_bytes(path, "a prototxt")
    try:
        return kind_of(data) == "text" and root_of(text_of(data, path, "a prototxt"), path) == "a solver"
    except ProtoError:
        return False


def read_solver(path: str | os.PathLike) -> Message:
    """The SolverParameter of a prototxt file; its inline nets are left as they stand (see ``net_file``)."""
    return read_solver_file(path).param


def read_solver_file(path: str | os.PathLike, strict: bool = True) -> SolverFile:
    """The solver of a prototxt file, with the notes of its upgrade. Unless ``strict``, its nets may have faults."""
    path = os.fspath(path)
    wanted = "a solver in a prototxt"
    text = text_of(read_bytes(path, wanted), path, wanted)
    param, place = parse(text, caffe_pb2.SolverParameter, path)
    nets: dict[str, list[Place]] = {}
    for part in place.parts:
        nets.setdefault(part.field, []).append(part)
    own = [
        *place.faults,
        *(fault for part in place.parts if not part.field.endswith("_param") for fault in part.faults),
    ]
    _refuse(place.all_faults()[:1] if strict else sorted(own))
    notes = upgrade_solver(param, path)
    return SolverFile(param, path, os.path.dirname(path), notes, nets, text)


def parse_text(text: str, message_class: type[Message], file_name: str = "<text>") -> Message:
    """``text`` as one message of any class of ``caffe_pb2``, without upgrades."""
    message, place = parse(text, message_class, file_name)
    _refuse(place.all_faults()[:1])
    return message


def text_of(data: bytes, path: str, wanted: str) -> str:
    """The text that a prototxt file holds; ProtoError, which says what was ``wanted``, if it is something else."""
    kind = kind_of(data)
    if kind == "empty":
        raise ProtoError(f"{path}: is empty, expected {wanted}")
    if kind != "text":
        raise ProtoError(f"{path}: {DESCRIBED[kind]}, expected {wanted}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:  # old files have comments in other encodings
        text = data.decode("latin-1")
    return re.sub("\r\n?", "\n", text)
