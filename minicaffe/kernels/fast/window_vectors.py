"""Intrinsics for maxima over windows: vectors of numbers beside vectors of bytes, which say where a maximum was found.

Bytes lie in the arena like numbers: byte ``offset`` behind element ``at``.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .vector import LANES, constant, vector

_BYTE = ir.IntType(8)
_BYTES = ir.VectorType(_BYTE, LANES)
_LANE = ir.IntType(32)


def _takes(builder, value, best):
    """Where ``value`` takes the place of ``best``: NaN is larger than every number."""
    return builder.or_(builder.fcmp_ordered(">", value, best), builder.fcmp_unordered("uno", value, value))


def _address(builder, arena, at, offset):
    element = builder.bitcast(builder.gep(arena, [at]), ir.PointerType(_BYTE))
    return builder.bitcast(builder.gep(element, [offset]), ir.PointerType(_BYTES))


@intrinsic
def maximum(typing, value, best):
    """``value`` where it is larger than ``best`` or NaN, else ``best``."""

    def generate(context, builder, signature, args):
        return builder.select(_takes(builder, *args), *args)

    return vector(vector, vector), generate


@intrinsic
def where_taken(typing, value, best, index, known):
    """``index`` where ``maximum(value, best)`` is ``value``, else ``known``."""

    def generate(context, builder, signature, args):
        value, best, index, known = args
        return builder.select(_takes(builder, value, best), index, known)

    return vector(vector, vector, vector, vector), generate


@intrinsic
def store_bytes(typing, arena, at, offset, value):
    """Write ``value``, whole numbers from 0 to 255, as bytes."""

    def generate(context, builder, signature, args):
        arena, at, offset, value = args
        whole = builder.fptosi(value, ir.VectorType(_LANE, LANES))
        builder.store(builder.trunc(whole, _BYTES), _address(builder, arena, at, offset), align=1)
        return context.get_dummy_value()

    return types.void(arena, types.intp, types.intp, vector), generate


@intrinsic
def where_byte(typing, arena, at, offset, number, value):
    """``value`` where the byte there equals ``number``, else 0."""

    def generate(context, builder, signature, args):
        arena, at, offset, number, value = args
        there = builder.load(_address(builder, arena, at, offset), align=1)
        nothing = ir.Constant(_BYTES, ir.Undefined)
        first = builder.insert_element(nothing, builder.trunc(number, _BYTE), _LANE(0))
        everywhere = builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(_LANE, LANES), [0] * LANES))
        return builder.select(builder.icmp_unsigned("==", there, everywhere), value, constant(0))

    return vector(arena, types.intp, types.intp, types.intp, vector), generate
