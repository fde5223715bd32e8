"""Solvers: the enum ``solver_type``, and where snapshots go when the file does not say."""

from __future__ import annotations

import os

from ...errors import ProtoError
from .. import caffe_pb2
from ..schema import Message

_TYPES = {
    caffe_pb2.SolverParameter.SGD: "SGD",
    caffe_pb2.SolverParameter.NESTEROV: "Nesterov",
    caffe_pb2.SolverParameter.ADAGRAD: "AdaGrad",
    caffe_pb2.SolverParameter.RMSPROP: "RMSProp",
    caffe_pb2.SolverParameter.ADADELTA: "AdaDelta",
    caffe_pb2.SolverParameter.ADAM: "Adam",
}


def upgrade_solver(param: Message, path: str) -> tuple[str, ...]:
    """Bring a SolverParameter read from ``path`` to the present form; returns the notes.

    ``solver_type`` becomes ``type``; an absent ``snapshot_prefix`` becomes the file's own name, one that is a folder
    gets it appended. ProtoError if both ``solver_type`` and ``type`` are given.
    """
    notes = list(upgrade_solver_type(param, path))
    own = os.path.splitext(path)[0]
    if not param.HasField("snapshot_prefix"):
        param.snapshot_prefix = own
        notes.append(f'snapshot_prefix is not given: using "{own}"')
    elif os.path.isdir(param.snapshot_prefix):
        param.snapshot_prefix = os.path.join(param.snapshot_prefix, os.path.basename(own))
        notes.append(f'snapshot_prefix is a folder: using "{param.snapshot_prefix}"')
    return tuple(notes)


def upgrade_solver_type(param: Message, path: str) -> tuple[str, ...]:
    """``solver_type`` becomes ``type``; returns the note. ProtoError if both are given."""
    if not param.HasField("solver_type"):
        return ()
    if param.HasField("type"):
        raise ProtoError(f"{path}: both type and the old solver_type are given, expected type only")
    param.type = _TYPES[param.solver_type]
    param.ClearField("solver_type")
    return (f'replaced the old solver_type by type: "{param.type}"',)
