"""Which layers of a net can be folded, and the net without them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import WeightsError
from ...layers import layer_class
from ...net import Net
from ...proto import caffe_pb2
from .affine import Affine, KeptError, affine_of
from .after import into_after
from .before import into_before
from .draft import Draft, Op
from .weights import Edit

if TYPE_CHECKING:
    from ...layers.base import Shape


@dataclass(frozen=True)
class Change:
    """A layer that is gone: "before" (into those before it), "after", "merged" (into another affine one) or "removed".

    ``into`` are the layers that took it in.
    """

    layer: str
    type: str
    how: str
    into: tuple[str, ...] = ()


@dataclass(frozen=True)
class Left:
    """A layer that stays, and why it cannot be folded into what is before it and after it."""

    layer: str
    type: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Folded:
    """A net after folding: its layers, their parameters in float32 by layer, what went where and what stays."""

    name: str
    layers: tuple[Any, ...]
    arrays: dict[str, list[np.ndarray]]
    changes: tuple[Change, ...]
    left: tuple[Left, ...]


def fold(net: Net, keep: Iterable[str] = ()) -> Folded:
    """Fold the affine layers of ``net``, which runs in phase TEST and has its weights, into those with weights.

    y = scale * x + shift are BatchNorm with stored statistics, Scale, Bias, EltwiseAffine, Power with power 1, and
    Dropout. Each goes into the Convolution, Deconvolution, InnerProduct or depthwise convolution before it, else into
    the one after it, where that is exact (see ``into_before`` and ``into_after``); two that are left side by side
    become one Scale. The net's inputs and outputs, and blobs in ``keep``, stay as they are, under their names; others
    may go or hold other numbers. Computed in float64; ``net`` itself does not change.

    UsageError for an unknown blob in ``keep``; WeightsError for statistics that were never gathered.
    """
    draft = Draft(net, keep)
    changes: list[Change] = []
    reasons: dict[str, list[str]] = {}
    for op in list(draft.ops):
        _attempt(draft, op, changes, reasons, _fold_before)
    for op in reversed(list(draft.ops)):
        _attempt(draft, op, changes, reasons, _fold_after)
    for op in list(draft.ops):
        if op in draft.ops:
            _attempt(draft, op, changes, {}, _merge)
    left = tuple(Left(op.name, op.type, tuple(reasons[op.name])) for op in draft.ops if op.name in reasons)
    arrays = {op.name: [_single(op, array) for array in op.arrays] for op in draft.ops if op.arrays}
    order = {node.name: node.index for node in net.graph.nodes}
    changes.sort(key=lambda change: order[change.layer])
    return Folded(net.name, tuple(draft.layers()), arrays, tuple(changes), left)


def _attempt(
    draft: Draft,
    op: Op,
    changes: list[Change],
    reasons: dict[str, list[str]],
    way: Callable[[Draft, Op, Affine], Change],
) -> None:
    """Try one way to be rid of a layer; keep the reason why not, if it is one that could be."""
    try:
        f = affine_of(op, draft.shapes[op.bottoms[0]]) if op.bottoms else None
        if f is not None:
            changes.append(way(draft, op, f))
    except KeptError as error:
        known = reasons.setdefault(op.name, [])
        known += [] if str(error) in known else [str(error)]


def _fold_before(draft: Draft, op: Op, f: Affine) -> Change:
    if not f.scales and not f.shifts:
        return _remove(draft, op)
    edits = into_before(draft, op.bottoms[0], f)
    draft.write_instead(op)
    return Change(op.name, op.type, "before", _apply(edits))


def _fold_after(draft: Draft, op: Op, f: Affine) -> Change:
    edits = into_after(draft, op.tops[0], f)
    draft.read_instead(op)
    return Change(op.name, op.type, "after", _apply(edits))


def _remove(draft: Draft, op: Op) -> Change:
    """A layer that changes nothing goes, unless both its blobs must keep their names, or be read or not be read."""
    try:
        draft.free(op.tops[0])
        draft.read_instead(op)
    except KeptError:
        draft.free(op.bottoms[0])
        draft.sole_reader(op.bottoms[0])  # an output is one as nobody reads it
        draft.write_instead(op)
    return Change(op.name, op.type, "removed")


def _merge(draft: Draft, op: Op, f: Affine) -> Change:
    """Make one Scale of a layer and the affine one before it."""
    bottom = op.bottoms[0]
    draft.free(bottom)
    draft.sole_reader(bottom)
    above = draft.producer(bottom)
    first = affine_of(above, draft.shapes[above.bottoms[0]]) if above.bottoms else None
    if first is None:
        raise KeptError("none before it")
    gone, stays = (op, above) if above.type == "Scale" else (above, op)
    _become_scale(stays, first.then(f), draft.shapes[bottom])
    if gone is op:
        draft.write_instead(op)
    else:  # where the first one was, as its bottom may be written again after that
        draft.ops.remove(op)
        draft.ops[draft.ops.index(above)] = op
        op.bottoms = list(above.bottoms)
    return Change(gone.name, gone.type, "merged", (stays.name,))


def _become_scale(op: Op, f: Affine, shape: Shape) -> None:
    """Turn ``op`` into a Scale that computes ``f``, over the axes on which it differs, at least that of channels."""
    differing = [axis for axis in range(len(shape)) if max(f.scale.shape[axis], f.shift.shape[axis]) > 1]
    start, last = (differing[0], differing[-1]) if differing else (min(1, len(shape) - 1),) * 2
    param = caffe_pb2.LayerParameter(name=op.name, type="Scale")
    param.scale_param.bias_term = bool(np.any(f.shift))
    if start != 1:
        param.scale_param.axis = start
    if start != last:
        param.scale_param.num_axes = last + 1 - start
    spanned = [shape[axis] if start <= axis <= last else 1 for axis in range(len(shape))]
    arrays = [f.scale, f.shift] if param.scale_param.bias_term else [f.scale]
    op.arrays = [np.broadcast_to(array, spanned).reshape(spanned[start : last + 1]) for array in arrays]
    op.layer = layer_class("Scale")(param, op.layer.phase)
    op.param, op.shared = param, ""


def _apply(edits: list[Edit]) -> tuple[str, ...]:
    for edit in edits:
        edit.apply()
    return tuple(dict.fromkeys(edit.op.name for edit in edits))


def _single(op: Op, array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(array, np.float32)
    if not np.isfinite(single).all() and np.isfinite(array).all():
        raise WeightsError(f'layer "{op.name}" ({op.type}): a folded weight is too large for float32')
    return single
