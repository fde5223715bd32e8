"""Single numbers that several threads read and write: what they agree by.

``array`` is a one-dimensional int64 array, or a pointer to int64. Every operation is whole, and seen by the others in
one order.
"""

import sys

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

NAP = 50
"""Microseconds that ``doze`` sleeps, where the system can."""

_DOZES = sys.platform != "win32"


def _address(context, builder, kind, array, at):
    pointer = isinstance(kind, types.CPointer)
    return builder.gep(array if pointer else context.make_array(kind)(context, builder, array).data, [at])


def _swap(operation: str):
    @intrinsic
    def swap(typing, array, at, value):
        def generate(context, builder, signature, args):
            place = _address(context, builder, signature.args[0], *args[:2])
            return builder.atomic_rmw(operation, place, args[2], "seq_cst")

        return types.int64(array, types.intp, types.int64), generate

    return swap


fetch_add = _swap("add")
"""``fetch_add(array, at, value)``: array[at] += value; returns what was there before."""

exchange = _swap("xchg")
"""``exchange(array, at, value)``: array[at] = value; returns what was there before."""


@intrinsic
def read(typing, array, at):
    """array[at], as other threads have left it."""

    def generate(context, builder, signature, args):
        return builder.load_atomic(_address(context, builder, signature.args[0], *args), "acquire", 8)

    return types.int64(array, types.intp), generate


@intrinsic
def doze(typing):
    """Leave the core to others for some microseconds."""

    def generate(context, builder, signature, args):
        if _DOZES:
            kind = ir.FunctionType(ir.IntType(32), [ir.IntType(32)])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "usleep"), [kind.args[0](NAP)])
        return context.get_dummy_value()

    return types.void(), generate
