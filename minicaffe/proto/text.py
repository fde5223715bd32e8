"""Reading prototxt files: nets and solvers, upgraded to the present form.

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
from .files import read_bytes
from .kinds import DESCRIBED, kind_of
from .parser import Place, kind_text, parse
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
    """The net of a prototxt file."""
    path = os.fspath(path)
    return parse_net(_read_text(path, caffe_pb2.NetParameter), path)


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
    of_layers = [place for place in places if place.field == "layer"] or [None] * len(param.layer)
    first = {place.field: place for place in reversed(places)}

    def at(what: int | str) -> str:
        place = of_layers[what] if isinstance(what, int) else first.get(what)
        return f"{path}:{place.line}:{place.column}" if place else path

    before = len(param.layer)
    notes = upgrade_net(param, at)
    added = [min((p for p in places if p.field.startswith("input")), default=None, key=lambda p: p.line)]
    lines = [place.line if place else 0 for place in added[: len(param.layer) - before] + of_layers]
    return NetFile(param, path, os.path.dirname(path), tuple(lines), notes)


def read_solver(path):
    """The SolverParameter of a prototxt file; its inline nets are left as they stand (see ``net_file``)."""
    return read_solver_file(path).param


def read_solver_file(path) -> SolverFile:
    """The solver of a prototxt file, with the notes of its upgrade."""
    path = os.fspath(path)
    param, _ = parse(_read_text(path, caffe_pb2.SolverParameter), caffe_pb2.SolverParameter, path)
    notes = upgrade_solver(param, path)
    return SolverFile(param, path, os.path.dirname(path), notes)


def parse_text(text: str, message_class, file_name: str = "<text>"):
    """``text`` as one message of any class of ``caffe_pb2``, without upgrades."""
    return parse(text, message_class, file_name)[0]


def _read_text(path: str, message_class) -> str:
    wanted = f"{kind_text(message_class.DESCRIPTOR)} in a prototxt"
    data = read_bytes(path, wanted)
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
