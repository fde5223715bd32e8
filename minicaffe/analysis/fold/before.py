"""An affine layer folded upwards: into the layers with weights that make its bottom."""

from __future__ import annotations

import numpy as np

from .affine import Affine, KeptError
from .draft import Draft, Op
from .weights import CONVOLUTIONS, Edit, refuse_unfit


def into_before(draft: Draft, value: int, f: Affine) -> list[Edit]:
    """The edits after which ``value`` is f of what it was, exactly but for rounding; KeptError if there are none.

    Passes through Concat, an Eltwise SUM, Flatten and Reshape, through MAX pooling and an Eltwise MAX where no factor
    is negative, and through AVE pooling where nothing is padded or nothing is shifted. What it passes through may have
    no other reader.
    """
    draft.free(value)
    draft.sole_reader(value)
    op = draft.producer(value)
    rule = _RULES.get(op.type)
    if rule is None:
        raise KeptError(f'"{op.name}" ({op.type}) before it takes in no factors')
    return rule(draft, op, f)


def _convolution(draft: Draft, op: Op, f: Affine) -> list[Edit]:
    refuse_unfit(op)
    o = op.layer.options
    shape = draft.shapes[op.tops[0]]
    scale, shift = f.along(o.axis % len(shape), o.num_output)
    weights = op.arrays[0]
    if op.layer.transposed:  # (channels, num_output / group, ...)
        rows = weights.reshape(o.group, -1, o.num_output // o.group, weights[0, 0].size)
        rows = rows * scale.reshape(o.group, 1, -1, 1)
    else:
        rows = weights.reshape(o.num_output, -1) * scale[:, None]
    return [Edit(op, rows.reshape(weights.shape), _bias(op, scale, shift))]


def _inner_product(draft: Draft, op: Op, f: Affine) -> list[Edit]:
    refuse_unfit(op)
    o = op.layer.options
    shape = draft.shapes[op.tops[0]]
    scale, shift = f.along(len(shape) - 1, o.num_output)
    weights = op.arrays[0] * (scale if o.transpose else scale[:, None])
    return [Edit(op, weights, _bias(op, scale, shift))]


def _bias(op: Op, scale: np.ndarray, shift: np.ndarray) -> np.ndarray | None:
    if len(op.arrays) > 1:
        return op.arrays[1] * scale + shift
    return np.array(shift) if np.any(shift) else None


def _concat(draft: Draft, op: Op, f: Affine) -> list[Edit]:
    o, edits, start = op.layer.options, [], 0
    axis = (o.concat_dim if o.HasField("concat_dim") else o.axis) % len(draft.shapes[op.tops[0]])
    for value in op.bottoms:
        stop = start + draft.shapes[value][axis]
        edits += into_before(draft, value, f.cut(axis, start, stop))
        start = stop
    return edits


def _eltwise(draft: Draft, op: Op, f: Affine) -> list[Edit]:
    if op.layer.operation == "MAX":
        _refuse_negative(op, f)
        return [edit for value in op.bottoms for edit in into_before(draft, value, f)]
    if op.layer.operation != "SUM":
        raise KeptError(f'"{op.name}" (Eltwise) before it is a product')
    reason = KeptError(f'"{op.name}" (Eltwise) before it has no coefficient but 0')
    for chosen, coefficient in enumerate(op.layer.coefficients):  # the one that takes the shift
        if coefficient:
            try:
                return _sum(draft, op, f, chosen, coefficient)
            except KeptError as error:
                reason = error
    raise reason


def _sum(draft: Draft, op: Op, f: Affine, chosen: int, coefficient: float) -> list[Edit]:
    """Every summand takes the factor, and one the shift."""
    edits = []
    for i, value in enumerate(op.bottoms):
        shift = f.shift / coefficient if i == chosen else np.zeros_like(f.shift)
        part = Affine(f.scale, shift)
        if part.scales or part.shifts:
            edits += into_before(draft, value, part)
    return edits


def _pooling(draft: Draft, op: Op, f: Affine) -> list[Edit]:
    refuse_pooling(op, f)
    return into_before(draft, op.bottoms[0], f)


def refuse_pooling(op: Op, f: Affine) -> None:
    """KeptError unless f of what was pooled is the pooled f."""
    if len(op.tops) > 1 or op.layer.stochastic:
        raise KeptError(f'"{op.name}" (Pooling) beside it has a mask or is STOCHASTIC')
    if op.layer.largest:
        _refuse_negative(op, f)
    elif f.shifts and any(op.layer.pad):
        raise KeptError(f'the average of "{op.name}" (Pooling) beside it counts padding, which a shift does not reach')
    if any(array.shape[2:] != (1, 1) for array in (f.scale, f.shift)):
        raise KeptError("its factors or shifts differ within a channel")


def _refuse_negative(op: Op, f: Affine) -> None:
    if np.any(f.scale < 0):
        raise KeptError(f'"{op.name}" ({op.type}) beside it takes the largest, and some factors are negative')


def _reshape(draft: Draft, op: Op, f: Affine) -> list[Edit]:
    old, new = draft.shapes[op.bottoms[0]], draft.shapes[op.tops[0]]
    return into_before(draft, op.bottoms[0], f.reshaped(new, old))


_RULES = {
    **dict.fromkeys(CONVOLUTIONS, _convolution),
    "Concat": _concat,
    "Eltwise": _eltwise,
    "Flatten": _reshape,
    "InnerProduct": _inner_product,
    "Pooling": _pooling,
    "Reshape": _reshape,
}
