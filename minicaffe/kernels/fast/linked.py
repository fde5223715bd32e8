"""Functions that several row kernels share without each holding a copy: compiled once, called by address.

A caller reads the address from its row, where the lowering has put it. Numba would otherwise compile the function
again into every kernel that calls it.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .._jit import compile_row_kernel
from .rows import ARENA, RowType

_I64 = ir.IntType(64)


class Linked:
    """``function(arena, row, *numbers)``, or without the row; compiled, or loaded, when its address is asked for."""

    def __init__(self, function, row: RowType | None, numbers: int):
        kinds = [ARENA, *([row] if row else []), *[types.int64] * numbers]
        self.function, self._signature, self._compiled = function, types.void(*kinds), None

    @property
    def address(self) -> int:
        if self._compiled is None:
            self._compiled = compile_row_kernel(self.function, self._signature)
        return self._compiled.address


def linked(fields: type | None, numbers: int):
    """Decorator: make a function of the arena, a row of these ``fields`` (if any) and int64 numbers Linked."""
    return lambda function: Linked(function, RowType(fields) if fields else None, numbers)


def _emit(context, builder, address, pointers, kind, numbers):
    values = [builder.extract_value(numbers, i) for i in range(kind.count)]
    shape = ir.FunctionType(ir.VoidType(), [*(p.type for p in pointers), *[_I64] * kind.count])
    builder.call(builder.inttoptr(address, ir.PointerType(shape)), [*pointers, *values])
    return context.get_dummy_value()


@intrinsic
def call_with_row(typing, address, arena, row, numbers):
    """Call a Linked function of a row by its address; ``numbers`` is a tuple of int64."""

    def generate(context, builder, signature, args):
        address, arena, row, numbers = args
        return _emit(context, builder, address, [arena, row], signature.args[3], numbers)

    return types.void(types.int64, arena, row, types.UniTuple(types.int64, len(numbers))), generate


@intrinsic
def call(typing, address, arena, numbers):
    """Call a Linked function without a row by its address; ``numbers`` is a tuple of int64."""

    def generate(context, builder, signature, args):
        address, arena, numbers = args
        return _emit(context, builder, address, [arena], signature.args[2], numbers)

    return types.void(types.int64, arena, types.UniTuple(types.int64, len(numbers))), generate
