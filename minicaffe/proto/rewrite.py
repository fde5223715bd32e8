"""Files of old nets and solvers, written again in the present form."""

from __future__ import annotations

import os
from itertools import pairwise
from typing import NamedTuple

from ..errors import ProtoError
from . import caffe_pb2
from .files import read_bytes, write_whole
from .formatting import format_text
from .kinds import kind_of
from .schema import Message
from .text import net_file, net_of, parse_text, text_of
from .tokens import tokenize
from .upgrade import upgrade_solver_type

BINARY = (".caffemodel", ".binaryproto")
"""How the names of binary nets end."""


class Rewritten(NamedTuple):
    """What ``rewrite`` read, "net" or "solver", whether it wrote the binary form, and what was upgraded."""

    kind: str
    binary: bool
    notes: tuple[str, ...]


def rewrite(source: str | os.PathLike, out: str | os.PathLike) -> Rewritten:
    """Read a net (text or binary) or a solver, and write its present form to ``out``, whole or not at all.

    A net is written as text, but in binary form where the name of ``out`` asks for it, or where ``source`` is a
    binary one with blobs. Blobs are kept as they are, the four axes of old files too: Caffe lets those stand for
    fewer, if the leading ones are 1. A solver's own nets are upgraded as well. Comments are lost.

    ``out`` may be ``source``. ProtoError where the file cannot be read, upgraded or written.
    """
    source, out = os.fspath(source), os.fspath(out)
    wanted = "a net or a solver"
    data = read_bytes(source, wanted)
    is_binary = kind_of(data) == "caffemodel"
    text = "" if is_binary else text_of(data, source, wanted)
    if not is_binary and _is_solver(text, source):
        if out.endswith(BINARY):
            raise ProtoError(f"{out}: a solver is written as text, expected a name that does not end like a binary net")
        param = parse_text(text, caffe_pb2.SolverParameter, source)
        notes = (*upgrade_solver_type(param, source), *_upgrade_inline(param, source))
        write_whole(out, format_text(param).encode())
        return Rewritten("solver", False, notes)
    net = net_of(data, source)
    is_binary = out.endswith(BINARY) or (is_binary and any(layer.blobs for layer in net.param.layer))
    write_whole(out, net.param.SerializeToString() if is_binary else format_text(net.param).encode())
    return Rewritten("net", is_binary, net.notes)


def _is_solver(text: str, path: str) -> bool:
    """Whether more of the outermost fields are a solver's than are a net's."""
    names, depth = set(), 0
    tokens = tokenize(text, path)
    for token, following in pairwise(tokens):
        if token.kind == "symbol":
            depth += (token.text in "{<") - (token.text in "}>")
        elif token.kind == "word" and not depth and following.text in (":", "{", "<", "["):
            names.add(token.text)
    solver, net = caffe_pb2.SolverParameter.DESCRIPTOR, caffe_pb2.NetParameter.DESCRIPTOR
    return len(names & set(solver.fields_by_name)) > len(names & set(net.fields_by_name))


def _upgrade_inline(param: Message, path: str) -> list[str]:
    """Upgrade the nets that stand in a solver."""
    notes = []
    for field in ("net_param", "train_net_param"):
        if param.HasField(field):
            notes += _upgrade_one(getattr(param, field), path, field)
    for index, net in enumerate(param.test_net_param):
        notes += _upgrade_one(net, path, f"test_net_param {index}")
    return notes


def _upgrade_one(net: Message, path: str, name: str) -> list[str]:
    upgraded = net_file(net, path)
    net.CopyFrom(upgraded.param)
    return [f"{name}: {note}" for note in upgraded.notes]
