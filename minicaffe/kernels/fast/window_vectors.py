"""Intrinsics for maxima over windows: vectors of numbers beside vectors of bytes, which say where a maximum was found.

Bytes lie in the arena like numbers: byte ``offset`` behind element ``at``.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .vector import LANES, VECTOR, vector

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
def choose_equal(typing, x, y, a, b):
    """``a`` where x equals y, else ``b``."""

    def generate(context, builder, signature, args):
        x, y, a, b = args
        return builder.select(builder.fcmp_ordered("==", x, y), a, b)

    return vector(vector, vector, vector, vector), generate


@intrinsic
def any_nan(typing, value):
    """Whether a lane is NaN."""

    def generate(context, builder, signature, args):
        bits = builder.bitcast(builder.fcmp_unordered("uno", args[0], args[0]), ir.IntType(LANES))
        return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    return types.boolean(vector), generate


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
def load_bytes(typing, arena, at, offset):
    """Bytes as numbers."""

    def generate(context, builder, signature, args):
        whole = builder.zext(builder.load(_address(builder, *args), align=1), ir.VectorType(_LANE, LANES))
        return builder.sitofp(whole, VECTOR)

    return vector(arena, types.intp, types.intp), generate


@intrinsic
def add_where_equal(typing, total, x, y, value):
    """``total + value`` where x equals y, else ``total``."""

    def generate(context, builder, signature, args):
        total, x, y, value = args
        return builder.select(builder.fcmp_ordered("==", x, y), builder.fadd(total, value), total)

    return vector(vector, vector, vector, vector), generate
