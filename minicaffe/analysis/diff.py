"""How two nets, two solvers or two files of weights differ: layers, fields, shapes, distances of parameters."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import MinicaffeError, ProtoError, UsageError, shape_text
from ..graph import outline_graph
from ..proto import (
    Message,
    NetFile,
    array_from_blob,
    caffe_pb2,
    filter_net,
    is_solver,
    parse_text,
    read_net,
    read_solver,
    read_weights,
)
from ..proto.files import read_bytes
from ..proto.kinds import kind_of
from ..proto.text import text_of
from ..weights import core_shape
from .fields import Change, changes

__all__ = ["Change", "Difference", "Distance", "LayerDifference", "compare", "distance"]

_CALLED = {"net": "a net in a prototxt", "solver": "a solver", "weights": "weights"}
_PIECE = 1 << 20  # numbers that are brought to float64 at a time

Arrays = Sequence[np.ndarray | None]


@dataclass(frozen=True)
class Distance:
    """How far parameter ``index`` is from the other: the L2 norm of the difference, the same over that of the old
    one, and the largest difference of two numbers. NaN where numbers that are not finite stand in the way."""

    index: int
    shape: tuple[int, ...]
    l2: float
    relative: float
    largest: float


@dataclass
class LayerDifference:
    """One layer: ``kind`` is "added", "removed" or "changed"."""

    kind: str
    name: str
    type: str
    changes: list[Change] = field(default_factory=list)
    distances: list[Distance] = field(default_factory=list)


@dataclass
class Difference:
    """All that differs, ``outside`` of layers and within; ``compared`` counts the parameters that both sides have in
    one shape, ``notes`` say what could not be told."""

    outside: list[Change] = field(default_factory=list)
    layers: list[LayerDifference] = field(default_factory=list)
    compared: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        return not (self.outside or self.layers)


@dataclass
class _Layer:
    """A layer of a file; ``param`` has no blobs, and is None in HDF5, which knows the names alone."""

    name: str
    param: Any
    blobs: Arrays = ()
    tops: dict[str, str] = field(default_factory=dict)  # shapes, as far as they are known

    @property
    def type(self) -> str:
        return self.param.type if self.param is not None else ""

    @property
    def rules(self) -> str:
        """The phases that it is for, which tell layers of one name apart."""
        rules = [] if self.param is None else [*self.param.include, *self.param.exclude]
        names = [caffe_pb2.Phase.Name(rule.phase) for rule in rules if rule.HasField("phase")]
        return f" ({'not ' if self.param.exclude else ''}{', '.join(names)})" if names else ""


@dataclass
class _Side:
    path: str
    kind: str  # one of _CALLED
    message: Any = None  # the NetParameter or SolverParameter; None for HDF5
    layers: list[_Layer] = field(default_factory=list)
    note: str = ""


def compare(old: str | os.PathLike, new: str | os.PathLike) -> Difference:
    """Compare two prototxts of nets, two of solvers, or two files of weights (binary or HDF5).

    Layers belong together by name, and where several have one name by the phases of their rules, then by their order.
    Old forms are upgraded first, so that only what they mean is compared. UsageError where the files are of different
    kinds; ProtoError, WeightsError where one cannot be read.
    """
    one, two = _read(os.fspath(old)), _read(os.fspath(new))
    if one.kind != two.kind:
        raise UsageError(f"{one.path} is {_CALLED[one.kind]} and {two.path} is {_CALLED[two.kind]}; expected one kind")
    found = Difference(notes=[side.note for side in (one, two) if side.note])
    if one.kind == "solver":
        found.outside = changes(one.message, two.message)
        return found
    both = one.message is not None and two.message is not None
    if both:
        found.outside = changes(one.message, two.message, ("layer", "layers"))
    elif one.message is not two.message:
        found.notes.append("HDF5 has parameters alone: fields of layers are not compared")
        _leave_out_shared(one.layers if two.message is None else two.layers)
    pairs = list(_pairs(one.layers, two.layers))
    for label, a, b in pairs:
        if a is None or b is None:
            if both or any(
                blob is not None for layer in (a, b) if layer is not None for blob in layer.blobs
            ):  # a file in HDF5 may lack layers without parameters
                found.layers.append(_alone(label, a, b))
        else:
            found.layers += _changed(label, a, b, found)
    if both:
        found.outside += _order([(a, b) for _, a, b in pairs if a and b], one.layers)
    return found


def distance(index: int, old: np.ndarray, new: np.ndarray) -> Distance:
    """The distance of two arrays of as many numbers, summed in float64."""
    a, b = old.ravel(), new.ravel()
    squares = own = largest = 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, a.size, _PIECE):
            x = a[start : start + _PIECE].astype(np.float64)
            apart = np.abs(b[start : start + _PIECE] - x)
            squares += float(np.dot(apart, apart))
            own += float(np.dot(x, x))
            largest = float(np.maximum(largest, apart.max()))  # a NaN stays
    l2 = math.sqrt(squares)
    relative = l2 / math.sqrt(own) if own else math.inf if l2 else 0.0
    return Distance(index, tuple(new.shape), l2, relative, largest)


def _read(path: str) -> _Side:
    kind = kind_of(read_bytes(path, "a net, a solver or weights"))
    if kind == "hdf5":
        return _Side(path, "weights", None, [_Layer(name, None, blobs) for name, blobs in read_weights(path).items()])
    if is_solver(path):
        return _Side(path, "solver", _solver(path))
    net = read_net(path)
    side = _Side(path, "net" if kind == "text" else "weights", net.param)
    for param in net.param.layer:
        try:
            blobs = [array_from_blob(blob) for blob in param.blobs]
        except ProtoError as error:
            raise ProtoError(f'{path}: layer "{param.name}": {error}') from None
        param.ClearField("blobs")
        side.layers.append(_Layer(param.name, param, blobs))
    if side.kind == "net":
        _find_shapes(side, net)
    return side


def _solver(path: str) -> Message:
    """A solver after its upgrade, but with the file's own snapshot_prefix: the upgrade makes one of the file's name."""
    param = read_solver(path)
    given = parse_text(text_of(read_bytes(path, "a solver"), path, "a solver"), caffe_pb2.SolverParameter, path)
    param.ClearField("snapshot_prefix")
    if given.HasField("snapshot_prefix"):
        param.snapshot_prefix = given.snapshot_prefix
    return param


def _leave_out_shared(layers: list[_Layer]) -> None:
    """None for the parameters of a binary file that stand in it with another layer too: HDF5 has them once."""
    seen: set[str] = set()
    for layer in layers:
        names = [spec.name for spec in layer.param.param][: len(layer.blobs)]
        names += [""] * (len(layer.blobs) - len(names))
        layer.blobs = [None if name in seen else blob for name, blob in zip(names, layer.blobs)]
        seen.update(filter(None, names))


def _find_shapes(side: _Side, net: NetFile) -> None:
    """The shapes of the tops, as far as they can be told without data, in either phase."""
    for phase in ("TRAIN", "TEST"):
        try:
            kept = filter_net(net.param, phase, 0, tuple(net.param.state.stage))
            outline = outline_graph(net, phase)
        except MinicaffeError as error:
            side.note = side.note or f"{side.path}: shapes are not compared: {error}".splitlines()[0]
            continue
        for index, layer in zip(kept, (layer for layer in outline.layers if not layer.draft.made)):
            known = zip(layer.draft.layer.param.top, layer.tops)
            side.layers[index].tops.update((name, shape_text(shape)) for name, shape in known if shape is not None)
        if outline.problems:
            side.note = side.note or f"{side.path}: some shapes are not compared: {outline.problems[0]}".splitlines()[0]


def _pairs(old: list[_Layer], new: list[_Layer]) -> Iterator[tuple[str, _Layer | None, _Layer | None]]:
    """(label, old, new) in the order of the new file; what it lacks stands behind what it followed in the old."""
    partner: dict[int, _Layer] = {}
    for alike in (lambda a, b: a.rules == b.rules, lambda a, b: True):
        for b in new:
            if id(b) not in partner:
                taken = {id(a) for a in partner.values()}
                a = next((a for a in old if a.name == b.name and id(a) not in taken and alike(a, b)), None)
                if a is not None:
                    partner[id(b)] = a
    taken = {id(a) for a in partner.values()}
    names = [layer.name for layer in old], [layer.name for layer in new]

    def label(layer: _Layer) -> str:
        return layer.name + (layer.rules if max(side.count(layer.name) for side in names) > 1 else "")

    behind: dict[int, list[_Layer]] = {}
    last = 0
    for a in old:
        if id(a) in taken:
            last = id(a)
        else:
            behind.setdefault(last, []).append(a)
    yield from ((label(a), a, None) for a in behind.get(0, ()))
    for b in new:
        a = partner.get(id(b))
        yield label(b), a, b
        if a is not None:
            yield from ((label(gone), gone, None) for gone in behind.get(id(a), ()))


def _alone(label: str, a: _Layer | None, b: _Layer | None) -> LayerDifference:
    layer: Any = a or b
    result = LayerDifference("removed" if b is None else "added", label, layer.type)
    for i, array in enumerate(layer.blobs):
        if array is not None:
            text = shape_text(array.shape)
            result.changes.append(Change(f"shape of parameter {i}", text if a else "", text if b else ""))
    return result


def _changed(label: str, a: _Layer, b: _Layer, found: Difference) -> list[LayerDifference]:
    result = LayerDifference("changed", label, b.type or a.type)
    if a.param is not None and b.param is not None:
        result.changes += changes(a.param, b.param, ("name", "blobs"))
    for name, shape in a.tops.items():
        if b.tops.get(name, shape) != shape:
            result.changes.append(Change(f"shape of {name}", shape, b.tops[name]))
    for i in range(max(len(a.blobs), len(b.blobs))):
        inside: list[Any] = [layer.blobs[i] if i < len(layer.blobs) else _NONE for layer in (a, b)]
        if any(array is None for array in inside):  # HDF5 keeps what is shared with its owner
            continue
        x, y = inside
        if x is _NONE or y is _NONE or core_shape(x.shape) != core_shape(y.shape):
            texts = ("" if array is _NONE else shape_text(array.shape) for array in inside)
            result.changes.append(Change(f"shape of parameter {i}", *texts))
            continue
        found.compared += 1
        if not np.array_equal(x.ravel(), y.ravel(), equal_nan=True):
            result.distances.append(distance(i, x, y))
    return [result] if result.changes or result.distances else []


_NONE = np.empty(0)  # stands for a parameter that a layer does not have


def _order(pairs: list[tuple[_Layer, _Layer]], old: list[_Layer]) -> list[Change]:
    """The first place at which the layers that both have stand in another order."""
    place = {id(layer): i for i, layer in enumerate(old)}
    before = sorted((a for a, _ in pairs), key=lambda layer: place[id(layer)])
    for a, (mine, b) in zip(before, pairs):
        if a is not mine:
            return [Change("order of layers, first at", a.name, b.name)]
    return []
