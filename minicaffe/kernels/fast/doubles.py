"""Vectors of LANES float64 numbers, for sums over a whole batch: made from float32 vectors and turned back into them.

They have the operators + - * / among themselves.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from .vector import LANES, VECTOR, vector

_DOUBLE = ir.DoubleType()
_DOUBLES = ir.VectorType(_DOUBLE, LANES)
_LANE = ir.IntType(32)


class _Doubles(types.Type):
    def __init__(self):
        super().__init__(f"float64x{LANES}")


doubles = _Doubles()


@register_model(_Doubles)
class _DoublesModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, _DOUBLES)


@intrinsic
def widened(typing, value):
    """A float32 vector as float64."""

    def generate(context, builder, signature, args):
        return builder.fpext(args[0], _DOUBLES)

    return doubles(vector), generate


@intrinsic
def narrowed(typing, value):
    """A float64 vector as float32."""

    def generate(context, builder, signature, args):
        return builder.fptrunc(args[0], VECTOR)

    return vector(doubles), generate


@intrinsic
def every(typing, number):
    """A vector with the float64 ``number`` in every lane."""

    def generate(context, builder, signature, args):
        nothing = ir.Constant(_DOUBLES, ir.Undefined)
        one = builder.insert_element(nothing, args[0], _LANE(0))
        return builder.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(_LANE, LANES), [0] * LANES))

    return doubles(types.float64), generate


@intrinsic
def square_root(typing, value):
    """The square root of each lane."""

    def generate(context, builder, signature, args):
        kind = ir.FunctionType(_DOUBLES, [_DOUBLES])
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.sqrt.v{LANES}f64")
        return builder.call(function, args)

    return doubles(doubles), generate


def _operator(python_operator, make):
    @intrinsic
    def apply(typing, a, b):
        return doubles(doubles, doubles), lambda context, builder, signature, args: make(builder, *args)

    @overload(python_operator)
    def choose(a, b):
        if a is doubles and b is doubles:
            return lambda a, b: apply(a, b)


_operator(operator.add, lambda builder, a, b: builder.fadd(a, b))
_operator(operator.sub, lambda builder, a, b: builder.fsub(a, b))
_operator(operator.mul, lambda builder, a, b: builder.fmul(a, b))
_operator(operator.truediv, lambda builder, a, b: builder.fdiv(a, b))
