"""From a solver file to a checked SolverParameter, and from that to the nets that it names."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from google.protobuf.descriptor import FieldDescriptor

from ..errors import ProtoError, SolverError, did_you_mean, plural
from ..proto import Message, NetFile, SolverFile, caffe_pb2, find, net_file, parse_text, read_net, read_solver_file
from ..proto.schema import is_repeated
from .extras import read_extras
from .rates import check_policy


@dataclass(frozen=True)
class NetSource:
    """One net of a solver: its text, and the state it runs in."""

    file: NetFile
    phase: str
    level: int
    stages: tuple[str, ...]


@dataclass(frozen=True)
class Definition:
    """A solver's parameters and nets, all checked; ``notes`` are remarks for the user, ``extras`` settings of ours."""

    param: Message
    folder: str
    train: NetSource
    tests: tuple[NetSource, ...]
    notes: tuple[str, ...]
    extras: Mapping[str, str] = dataclasses.field(default_factory=dict)


def read_definition(
    path: str,
    overrides: Mapping[str, str] | None = None,
    level: int | None = None,
    stages: Iterable[str] = (),
    strict: bool = True,
) -> Definition:
    """Read and check a solver file.

    ``overrides`` replace its scalar fields (``{"max_iter": "500"}``); ``level`` and ``stages`` go to its train_state.
    Unless ``strict``, its nets may have ``faults`` (see ``read_net``).
    """
    source = read_solver_file(path, strict)
    param, folder = source.param, source.folder
    for key, text in (overrides or {}).items():
        _override(param, key, text)
    if level is not None:
        param.train_state.level = level
    if stages:
        param.train_state.stage.extend(stages)
    notes = list(source.notes)
    if param.HasField("solver_mode") and param.solver_mode == caffe_pb2.SolverParameter.GPU:
        notes.append(f"{path}: solver_mode is GPU; this program runs on the CPU")
    for field in ("device_id", "layer_wise_reduce"):
        if param.HasField(field):
            notes.append(f"{path}: {field} has no effect: it is for GPUs, and this program runs on the CPU")
    try:
        _check(param)
        train, tests = _sources(source, strict)
    except SolverError as error:
        raise SolverError(f"{path}: {error}") from None
    return Definition(param, folder, train, tests, tuple(notes), read_extras(source.text, path))


def _override(param: Message, key: str, text: str) -> None:
    fields = {name: field for name, field in param.DESCRIPTOR.fields_by_name.items() if field.message_type is None}
    if key not in fields:
        raise SolverError(f'--set: a solver has no field "{key}"{did_you_mean(key, fields)}')
    is_text = fields[key].cpp_type == FieldDescriptor.CPPTYPE_STRING
    values = [text] if not is_repeated(fields[key]) else text.split(",") if text else []
    written = "\n".join(f"{key}: {json.dumps(value, ensure_ascii=False) if is_text else value}" for value in values)
    param.ClearField(key)
    if values:
        param.MergeFrom(parse_text(written, caffe_pb2.SolverParameter, f"--set {key}={text}"))


def _check(param: Message) -> None:
    for field, value in param.ListFields():
        if isinstance(value, float) and not math.isfinite(value):
            raise SolverError(f"{field.name} is {value}; expected a finite number")
    check_policy(param)
    for field, least in (
        ("iter_size", 1),
        ("average_loss", 1),
        ("max_iter", 0),
        ("display", 0),
        ("snapshot", 0),
        ("test_interval", 0),
    ):
        value = getattr(param, field)
        if value < least:
            raise SolverError(f"{field} is {value}; expected at least {least}")
    if param.weight_decay < 0:
        raise SolverError(f"weight_decay is {param.weight_decay:g}; expected at least 0")


def _sources(source: SolverFile, strict: bool) -> tuple[NetSource, tuple[NetSource, ...]]:
    param = source.param
    given = [f for f in ("net", "net_param", "train_net", "train_net_param") if param.HasField(f)]
    if len(given) != 1:
        found = " and ".join(given) if given else "none"
        raise SolverError(f"found {found}; expected one of net, net_param, train_net, train_net_param")
    main = _read(source, given[0], strict)
    train = _in_state(main, "TRAIN", param.train_state if param.HasField("train_state") else None)
    shared = main if given[0] in ("net", "net_param") else None
    places = source.places.get("test_net_param", [])
    tests = [net_file(inline, source.path, place) for inline, place in zip(param.test_net_param, places)]
    tests += [_read_file("test_net", name, source, strict) for name in param.test_net]
    if shared is not None and len(tests) < len(param.test_iter):
        tests += [shared] * (len(param.test_iter) - len(tests))
    if len(tests) != len(param.test_iter):
        raise SolverError(
            f"found {plural(len(param.test_iter), 'test_iter')} and {plural(len(tests), 'test net')}; "
            "expected one test_iter for each"
        )
    if len(param.test_state) not in (0, len(tests)):
        found = f"{plural(len(param.test_state), 'test_state')} and {plural(len(tests), 'test net')}"
        raise SolverError(f"found {found}; expected none, or one for each")
    if tests and param.test_interval < 1:
        raise SolverError("found test_iter but no test_interval; expected at least 1")
    for i, count in enumerate(param.test_iter):
        if count < 1:
            raise SolverError(f"test_iter number {i} is {count}; expected at least 1")
    states = list(param.test_state) or [None] * len(tests)
    return train, tuple(_in_state(net, "TEST", state) for net, state in zip(tests, states))


def _read(source: SolverFile, field: str, strict: bool) -> NetFile:
    value = getattr(source.param, field)
    if field.endswith("_param"):
        return net_file(value, source.path, source.places[field][0])
    return _read_file(field, value, source, strict)


def _read_file(field: str, name: str, source: SolverFile, strict: bool) -> NetFile:
    place = find(name, source.folder)
    try:
        return read_net(place, strict)
    except ProtoError as error:
        if os.path.exists(place):
            raise
        where = "paths begin in the working directory or in the folder of the solver"
        raise SolverError(f"{field}: {error}; {where}") from None


def _in_state(net: NetFile, phase: str, state: Message) -> NetSource:
    """``phase`` and level 0, unless the net's own ``state`` says otherwise, or the solver's, which wins."""
    merged = caffe_pb2.NetState(phase=caffe_pb2.Phase.Value(phase))
    merged.MergeFrom(net.param.state)
    if state is not None:
        merged.MergeFrom(state)
    return NetSource(net, caffe_pb2.Phase.Name(merged.phase), merged.level, tuple(merged.stage))
