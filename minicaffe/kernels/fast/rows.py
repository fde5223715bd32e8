"""Kernels of one signature, called by address: what the fast plan runs.

``void kernel(float32* arena, int64* row, int64 start, int64 stop)`` computes units [start, stop) of one step. The row
says where the operands lie and what the geometry is. Its fields are declared as a NamedTuple; inside a kernel they
are attributes of ``r``::

    class Relu(NamedTuple):
        x: Operand
        y: Operand
        size: int
        slope: float

    @row_kernel(Relu, writes=("y",))
    def relu(arena, r, start, stop):
        size = r.size
        for n in range(start, stop):
            x, y = place(r.x, n, start), place(r.y, n, start)
            for i in range(0, size, LANES):
                store(arena, y + i, ...)

Everything lies in ``arena`` at element offsets, which may be negative. Kernels know no layer and write nothing
outside the operands named in ``writes``. As with plain kernels, a unit's result never depends on the cut, except for
partial sums: see ``starts_group``.
"""

from __future__ import annotations

import inspect
import struct
from typing import NamedTuple, get_type_hints

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, intrinsic, lower_getattr_generic, models, register_model

from .._jit import compile_row_kernel, inline
from .vector import elements

WIDTH = 64
"""Numbers of a row. The first is the kernel's address, then come the fields."""


class Operand(NamedTuple):
    """Where unit n of an operand lies: at base + (n - local * start) * step of the arena, see ``place``."""

    base: int
    step: int  # 0: the same for all units
    local: int  # 1: scratch of one worker, which holds the units of one call only


ARENA = types.CPointer(types.float32)
_OPERAND = types.NamedUniTuple(types.int64, 3, Operand)
_WORDS = {"int": 1, "float": 1, "Operand": 3}
_I64 = ir.IntType(64)


class RowType(types.Type):
    """A pointer to a row whose attributes are the fields of a NamedTuple."""

    def __init__(self, fields: type):
        self.fields = fields
        self.places = {}
        at = 1
        for name, kind in get_type_hints(fields).items():
            self.places[name] = (at, kind)
            at += _WORDS[kind.__name__]
        if at > WIDTH:
            raise ValueError(f"{fields.__name__} takes {at} numbers; expected at most {WIDTH}")
        super().__init__(f"row({fields.__module__}.{fields.__qualname__})")


@register_model(RowType)
class _RowModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.PointerType(_I64))


@infer_getattr
class _RowAttributes(AttributeTemplate):
    key = RowType

    def generic_resolve(self, row, name):
        if name in row.places:
            return {int: types.int64, float: types.float64, Operand: _OPERAND}[row.places[name][1]]


@lower_getattr_generic(RowType)
def _read_field(context, builder, row, pointer, name):
    at, kind = row.places[name]
    constant = builder.module.add_metadata([])

    def number(i):
        value = builder.load(builder.gep(pointer, [_I64(at + i)]))
        value.set_metadata("invariant.load", constant)
        return value

    if kind is Operand:
        return context.make_tuple(builder, _OPERAND, [number(i) for i in range(3)])
    return builder.bitcast(number(0), ir.DoubleType()) if kind is float else number(0)


class RowKernel:
    """A kernel and the fields of its rows; compiled, or loaded from the cache, when its address is asked for."""

    def __init__(self, function, fields, writes):
        self.function, self.fields, self.writes = function, fields, writes
        self.name = function.__name__
        self._type = RowType(fields)
        self._compiled = None
        unknown = set(writes) - set(self._type.places)
        if unknown:
            raise ValueError(f"{self.name} writes {sorted(unknown)}, which are no fields of {fields.__name__}")

    @property
    def address(self) -> int:
        self.load()
        return self._compiled.address

    def load(self, number: int = 0, of: int = 0) -> bool:
        """Compile it, or load it from the cache; it is number ``number`` of ``of`` kernels that are needed.

        Tells whether it had to be compiled.
        """
        if self._compiled is not None:
            return False
        signature = types.void(ARENA, self._type, types.int64, types.int64)
        self._compiled = compile_row_kernel(self.function, signature, (number, of))
        return self._compiled.cache_hits == 0

    def encode(self, values: NamedTuple) -> np.ndarray:
        """The row, int64[WIDTH], for ``values``, a NamedTuple of the kernel's kind whose operands are Operands."""
        row = np.zeros(WIDTH, np.int64)
        row[0] = self.address
        for name, (at, kind) in self._type.places.items():
            value = getattr(values, name)
            if kind is Operand:
                row[at : at + 3] = value
            elif kind is float:
                row[at] = struct.unpack("<q", struct.pack("<d", value))[0]
            else:
                row[at] = value
        return row

    def place_of(self, field: str) -> int:
        """The index of the first number of ``field`` in a row."""
        return self._type.places[field][0]


KERNELS: dict[str, RowKernel] = {}
"""All row kernels of the modules that have been imported, by name."""


def row_kernel(fields: type, writes: tuple[str, ...]):
    """Decorator: make ``function(arena, r, start, stop)`` a RowKernel; ``writes`` names the operands it writes."""

    def decorate(function) -> RowKernel:
        if function.__name__ in KERNELS:
            raise ValueError(f"two row kernels are called {function.__name__} ({inspect.getfile(function)})")
        KERNELS[function.__name__] = RowKernel(function, fields, writes)
        return KERNELS[function.__name__]

    return decorate


@inline
def place(operand, n, start):
    """Where unit ``n`` of ``operand`` lies, in a call whose first unit is ``start``."""
    return operand.base + (n - operand.local * start) * operand.step


@inline
def starts_group(n, group):
    """Whether unit ``n`` is the first of a group of units that add to one partial sum.

    Units come in groups of ``group``, of which a call never holds more than one; partial sum n // group is
    overwritten by the call that begins a group and added to by the others.
    """
    return n % group == 0


def _numbers(kind: types.Type, number: ir.Type):
    @intrinsic
    def numbers(typing, address):
        def generate(context, builder, signature, args):
            return builder.inttoptr(args[0], ir.PointerType(number))

        return types.CPointer(kind)(types.int64), generate

    return numbers


integers, floats = _numbers(types.int64, _I64), _numbers(types.float32, ir.FloatType())
"""The int64 (float32) numbers that lie at an address, which is an integer."""


@intrinsic
def call_row(typing, arena, rows, at, start, stop):
    """Call the kernel of the row that begins at ``rows[at]``, int64 numbers, with units [start, stop)."""

    def generate(context, builder, signature, args):
        arena, rows, at, start, stop = args
        base = elements(context, builder, signature.args[1], rows)
        arena = elements(context, builder, signature.args[0], arena)
        row = builder.gep(base, [at])
        pointers = [ir.PointerType(ir.FloatType()), ir.PointerType(_I64)]
        kind = ir.FunctionType(ir.VoidType(), [*pointers, _I64, _I64])
        builder.call(builder.inttoptr(builder.load(row), ir.PointerType(kind)), [arena, row, start, stop])
        return context.get_dummy_value()

    return types.void(arena, rows, types.intp, types.int64, types.int64), generate
