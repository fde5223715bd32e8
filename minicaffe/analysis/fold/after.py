"""An affine layer folded downwards: into the layers with weights that read its top."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .affine import Affine, KeptError
from .before import refuse_pooling
from .draft import Draft, Op
from .weights import CONVOLUTIONS, Edit, refuse_unfit

if TYPE_CHECKING:
    import numpy as np


def into_after(draft: Draft, value: int, f: Affine) -> list[Edit]:
    """The edits after which the net computes from ``value`` what it now computes from f of it; KeptError if none.

    Every layer that reads it must take f in: a convolution takes a shift only without padding, a deconvolution only if
    it is a product for each pixel. Passes through Concat, Flatten and Reshape, through pooling as ``into_before`` does,
    and without factors through an Eltwise SUM.
    """
    draft.free(value)
    readers = draft.readers(value)
    if len(set(readers)) < len(readers):
        raise KeptError(f'a layer reads "{draft.names[value]}" twice')
    edits = []
    for op in readers:
        rule = _RULES.get(op.type)
        if rule is None:
            raise KeptError(f'"{op.name}" ({op.type}) after it takes in no factors')
        edits += rule(draft, op, op.bottoms.index(value), f)
    return edits


def _convolution(draft: Draft, op: Op, slot: int, f: Affine) -> list[Edit]:
    refuse_unfit(op)
    o, shape = op.layer.options, draft.shapes[op.bottoms[slot]]
    axis = o.axis % len(shape)
    scale, shift = f.along(axis, shape[axis])
    window = op.layer.window_options.over(len(shape) - axis - 1)
    weights, groups = op.arrays[0], o.group
    if op.layer.transposed:  # (channels, num_output / group, ...)
        if f.shifts and (set(window.kernel) | set(window.stride) > {1} or any(window.pad)):
            raise KeptError(f'its shift does not reach every number of "{op.name}" (Deconvolution) alike')
        rows = weights.reshape(groups, shape[axis] // groups, o.num_output // groups, -1)
        scale, shift = (vector.reshape(groups, -1, 1, 1) for vector in (scale, shift))
        sums = (rows * shift).sum((1, 3))
    else:
        if f.shifts and any(window.pad):
            raise KeptError(f'its shift does not reach the padding of "{op.name}" ({op.type})')
        rows = weights.reshape(groups, o.num_output // groups, shape[axis] // groups, -1)
        scale, shift = (vector.reshape(groups, 1, -1, 1) for vector in (scale, shift))
        sums = (rows * shift).sum((2, 3))
    return [Edit(op, (rows * scale).reshape(weights.shape), _bias(op, sums.reshape(-1), f))]


def _inner_product(draft: Draft, op: Op, slot: int, f: Affine) -> list[Edit]:
    refuse_unfit(op)
    o, shape = op.layer.options, draft.shapes[op.bottoms[slot]]
    axis = o.axis % len(shape)
    if axis < 1:
        raise KeptError(f'"{op.name}" (InnerProduct) after it takes the batch for one item')
    inputs = op.arrays[0].size // o.num_output
    scale, shift = f.reshaped(shape, (*shape[:axis], inputs)).along(axis, inputs)
    weights = op.arrays[0].T if o.transpose else op.arrays[0]
    sums = weights @ shift
    weights = weights * scale
    return [Edit(op, weights.T.copy() if o.transpose else weights, _bias(op, sums, f))]


def _bias(op: Op, sums: np.ndarray, f: Affine) -> np.ndarray | None:
    if len(op.arrays) > 1:
        return op.arrays[1] + sums
    return sums if f.shifts else None


def _concat(draft: Draft, op: Op, slot: int, f: Affine) -> list[Edit]:
    o, whole = op.layer.options, draft.shapes[op.tops[0]]
    axis = (o.concat_dim if o.HasField("concat_dim") else o.axis) % len(whole)
    sizes = [draft.shapes[value][axis] for value in op.bottoms]
    return into_after(draft, op.tops[0], f.beside(axis, sum(sizes[:slot]), sizes[slot], whole[axis]))


def _eltwise(draft: Draft, op: Op, slot: int, f: Affine) -> list[Edit]:
    """A sum passes a shift on; a factor is not all summands'."""
    if op.layer.operation != "SUM" or f.scales:
        raise KeptError(f'"{op.name}" (Eltwise) after it joins it with others')
    return into_after(draft, op.tops[0], Affine(f.scale, f.shift * op.layer.coefficients[slot]))


def _pooling(draft: Draft, op: Op, slot: int, f: Affine) -> list[Edit]:
    refuse_pooling(op, f)
    return into_after(draft, op.tops[0], f)


def _reshape(draft: Draft, op: Op, slot: int, f: Affine) -> list[Edit]:
    return into_after(draft, op.tops[0], f.reshaped(draft.shapes[op.bottoms[0]], draft.shapes[op.tops[0]]))


_RULES = {
    **dict.fromkeys(CONVOLUTIONS, _convolution),
    "Concat": _concat,
    "Eltwise": _eltwise,
    "Flatten": _reshape,
    "InnerProduct": _inner_product,
    "Pooling": _pooling,
    "Reshape": _reshape,
}
