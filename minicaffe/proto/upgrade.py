"""Older ways of writing a net or a solver, brought to the present one; what was changed is told in notes.

The messages are changed in place. ``at`` below is a function from the index of a layer, or the name of a
field of the net, to "file:line:column", to begin an error with.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from ..errors import ProtoError, plural
from . import caffe_pb2

_SOLVER_TYPES = {
    caffe_pb2.SolverParameter.SGD: "SGD",
    caffe_pb2.SolverParameter.NESTEROV: "Nesterov",
    caffe_pb2.SolverParameter.ADAGRAD: "AdaGrad",
    caffe_pb2.SolverParameter.RMSPROP: "RMSProp",
    caffe_pb2.SolverParameter.ADADELTA: "AdaDelta",
    caffe_pb2.SolverParameter.ADAM: "Adam",
}


def upgrade_net(param, at: Callable[[int | str], str]) -> tuple[str, ...]:
    """Bring a NetParameter to the present form; returns the notes.

    An Input layer is put first for ``input``; BatchNorm layers lose their ``param { lr_mult: 0 }``. ProtoError for the
    ``layers`` form, for inputs without shapes and for BatchNorm parameters with another ``lr_mult``.
    """
    if param.layers:
        raise ProtoError(f'{at("layers")}: uses Caffe\'s V1 `layers` form; expected `layer {{ type: "..." }}`')
    return (*_drop_batch_norm_params(param, at), *_inputs_to_layer(param, at))


def _drop_batch_norm_params(param, at) -> tuple[str, ...]:
    changed = 0
    for index, layer in enumerate(param.layer):
        if layer.type != "BatchNorm" or not layer.param:
            continue
        for number, spec in enumerate(layer.param):
            if spec.HasField("lr_mult") and spec.lr_mult != 0:
                raise ProtoError(
                    f'{at(index)}: layer "{layer.name}": param {number} has lr_mult {spec.lr_mult:g}, expected 0: '
                    "BatchNorm's three blobs are running statistics, not weights"
                )
        layer.ClearField("param")
        changed += 1
    return (f"dropped the unneeded param entries of {plural(changed, 'BatchNorm layer')}",) if changed else ()


def _inputs_to_layer(param, at) -> tuple[str, ...]:
    count = len(param.input)
    if not count and not param.input_dim and not param.input_shape:
        return ()
    place = at(next(name for name in ("input", "input_shape", "input_dim") if getattr(param, name)))
    shapes = [tuple(shape.dim) for shape in param.input_shape]
    if param.input_dim:
        if shapes:
            raise ProtoError(f"{place}: both input_shape and input_dim are given, expected one of them")
        dims = param.input_dim
        if len(dims) != 4 * count:
            raise ProtoError(
                f"{place}: found {plural(len(dims), 'input_dim')} for {plural(count, 'input')}, expected 4 for each"
            )
        shapes = [tuple(dims[4 * i : 4 * i + 4]) for i in range(count)]
    if len(shapes) != count:
        raise ProtoError(
            f"{place}: found {plural(len(shapes), 'input_shape')} for {plural(count, 'input')}, expected one for each"
        )
    layer = caffe_pb2.LayerParameter(name="input", type="Input", top=param.input)
    for shape in shapes:
        layer.input_param.shape.add(dim=shape)
    rest = list(param.layer)
    for name in ("input", "input_shape", "input_dim", "layer"):
        param.ClearField(name)
    param.layer.extend([layer, *rest])
    return (f"made {plural(count, 'input')} of the net an Input layer",)


def upgrade_solver(param, path: str) -> tuple[str, ...]:
    """Bring a SolverParameter read from ``path`` to the present form; returns the notes.

    ``solver_type`` becomes ``type``; an absent ``snapshot_prefix`` becomes the file's own name, one that is a folder
    gets it appended. ProtoError if both ``solver_type`` and ``type`` are given.
    """
    notes = []
    if param.HasField("solver_type"):
        name = _SOLVER_TYPES[param.solver_type]
        if param.HasField("type"):
            raise ProtoError(f"{path}: both type and the old solver_type are given, expected type only")
        param.ClearField("solver_type")
        param.type = name
        notes.append(f'replaced the old solver_type by type: "{name}"')
    own = os.path.splitext(path)[0]
    if not param.HasField("snapshot_prefix"):
        param.snapshot_prefix = own
        notes.append(f'snapshot_prefix is not given: using "{own}"')
    elif os.path.isdir(param.snapshot_prefix):
        param.snapshot_prefix = os.path.join(param.snapshot_prefix, os.path.basename(own))
        notes.append(f'snapshot_prefix is a folder: using "{param.snapshot_prefix}"')
    return tuple(notes)
