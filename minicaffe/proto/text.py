"""Reading nets, of prototxt or binary form, and solvers, upgraded to the present form.

Every error is a ProtoError of one sentence that begins with ``file:line:column:``, or with ``file:`` where
the whole file is meant.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ProtoError
from . import caffe_pb2
from .binary import decode_strictly
from .files import read_bytes
from .kinds import DESCRIBED, kind_of
from .parser import Place, parse
from .upgrade import upgrade_net, upgrade_solver


@dataclass(frozen=True)
class NetFile:
    """A net and where it came from.

    ``param`` is the NetParameter after the upgrades, ``path`` its file, ``folder`` the file's folder, ``lines`` the
    line of each ``param.layer`` (0 where unknown), ``notes`` what was upgraded.
    """

    param: Any
    path: str
    folder: str
    lines: tuple[int, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class SolverFile:
    """A SolverParameter after the upgrades, its file, the file's folder, and what was upgraded."""

    param: Any
    path: str
    folder: str
    notes: tuple[str, ...]


def read_net(path) -> NetFile:
    """The net of a file: a prototxt, or a binary net such as a caffemodel; its content tells which."""
    path = os.fspath(path)
    return net_of(read_bytes(path, "a net in a prototxt"), path)


def net_of(data: bytes, path: str) -> NetFile:
    """The net that is the content of the file ``path``."""
    if kind_of(data) == "caffemodel":
        return _net_file(decode_strictly(data, caffe_pb2.NetParameter, path), path, ())
    return parse_net(text_of(data, path, "a net in a prototxt"), path)


def parse_net(text: str, file_name: str = "<text>") -> NetFile:
    """The net in ``text``; errors and paths are as if it stood in ``file_name``."""
    param, places = parse(text, caffe_pb2.NetParameter, file_name)
    return _net_file(param, file_name, places)


def net_file(param, path: str = "<net>") -> NetFile:
    """A NetFile for a copy of a NetParameter that is there already, such as a solver's ``net_param``."""
    copy = caffe_pb2.NetParameter()
    copy.CopyFrom(param)
    return _net_file(copy, path, ())


def _net_file(param, path: str, places: Sequence[Place]) -> NetFile:
    form = "layers" if param.layers else "layer"
    of_layers = [place for place in places if place.field == form]
    of_inputs = [place for place in places if place.field.startswith("input")]

    def at(what: int | str) -> str:
        known = of_layers[what : what + 1] if isinstance(what, int) else [p for p in places if p.field == what][:1]
        return "".join(f"{path}:{place.line}:{place.column}" for place in known) or path

    notes, origins = upgrade_net(param, at)
    found = [of_inputs[:1] if i is None else of_layers[i : i + 1] for i in origins]
    lines = tuple(place[0].line if place else 0 for place in found)
    return NetFile(param, path, os.path.dirname(path), lines, notes)


def read_solver(path):
    """The SolverParameter of a prototxt file; its inline nets are left as they stand (see ``net_file``)."""
    return read_solver_file(path).param


def read_solver_file(path) -> SolverFile:
    """The solver of a prototxt file, with the notes of its upgrade."""
    path = os.fspath(path)
    wanted = "a solver in a prototxt"
    param = parse_text(text_of(read_bytes(path, wanted), path, wanted), caffe_pb2.SolverParameter, path)
    notes = upgrade_solver(param, path)
    return SolverFile(param, path, os.path.dirname(path), notes)


def parse_text(text: str, message_class, file_name: str = "<text>"):
    """``text`` as one message of any class of ``caffe_pb2``, without upgrades."""
    return parse(text, message_class, file_name)[0]


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
