"""Vectors of LANES float32 numbers for kernels: numba intrinsics that emit LLVM vector instructions.

Kernels see a vector as an opaque value between ``load`` and ``store``. Arrays are one-dimensional and C-contiguous,
float32; places in them are element offsets, never checked and of any alignment. ``pointer``, ``splat``,
``multiply_add`` and ``constant`` are for intrinsics of other files: they work on LLVM values, not on arrays.

How many lanes and rows of accumulators suit a processor is decided here, from its features.
"""

import operator

import llvmlite.binding
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model


def _features() -> set[str]:
    """The instruction sets that numba compiles for, which its settings may force."""
    if config.CPU_FEATURES is not None:
        return {name[1:] for name in config.CPU_FEATURES.split(",") if name.startswith("+")}
    try:
        return {name for name, there in llvmlite.binding.get_host_cpu_features().items() if there}
    except RuntimeError:  # not known on this system
        return set()


def blocking(features: set[str]) -> tuple[int, int]:
    """(lanes of a vector, rows of accumulators), so that two columns of accumulators fit the registers."""
    if "avx512f" in features:
        return 16, 8
    if "neon" in features:
        return 4, 8
    return (8 if "avx" in features else 4), 6


LANES, ROWS = blocking(_features())

FLOAT = ir.FloatType()
VECTOR = ir.VectorType(FLOAT, LANES)
INDEX = ir.IntType(types.intp.bitwidth)
_LANE = ir.IntType(32)
_NUMBERS = ir.VectorType(_LANE, LANES)


class _Vector(types.Type):
    def __init__(self):
        super().__init__(f"float32x{LANES}")


vector = _Vector()


@register_model(_Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, VECTOR)


# -- LLVM values ---------------------------------------------------------------------------------------------


def constant(value: float):
    """``value`` in every lane."""
    return ir.Constant(VECTOR, [float(value)] * LANES)


def elements(context, builder, kind, array):
    """The address of an array's first element, or of what a pointer points to."""
    if isinstance(kind, types.CPointer):
        return array
    return context.make_array(kind)(context, builder, array).data


def pointer(builder, base, offset):
    """The address of the vector ``offset`` elements after ``base``."""
    return builder.bitcast(builder.gep(base, [offset]), ir.PointerType(VECTOR))


def read(builder, address):
    return builder.load(address, align=4)


def write(builder, value, address):
    builder.store(value, address, align=4)


def shuffle(builder, a, b, lanes):
    """A vector whose i-th lane is lane ``lanes[i]`` of ``a`` followed by ``b``."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_LANE, len(lanes)), lanes))


def splat_value(builder, number):
    """``number`` in every lane."""
    nothing = ir.Constant(VECTOR, ir.Undefined)
    return shuffle(builder, builder.insert_element(nothing, number, _LANE(0)), nothing, [0] * LANES)


def ask(builder, address, locality: int, to_write: bool = False) -> None:
    """Ask for the cache line at an address, which need not exist: into all caches (3), or all but the first (2)."""
    address = builder.bitcast(address, ir.PointerType(ir.IntType(8)))
    kind = ir.FunctionType(ir.VoidType(), [address.type, *[_LANE] * 3])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
    builder.call(function, [address, _LANE(int(to_write)), _LANE(locality), _LANE(1)])  # the last: data


def multiply_add(builder, a, b, c):
    """a * b + c, in one instruction where the processor has it."""
    kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{LANES}f32"), [a, b, c])


def transposed(builder, rows: list) -> list:
    """LANES vectors turned over: lane j of vector i becomes lane i of vector j.

    Of N rows, a power of 2, each N x N block is turned: lane N k + j of vector i becomes lane N k + i of vector j.
    """
    rows = list(rows)
    half = len(rows) // 2
    while half:  # swap the blocks beside the diagonal, from large to small
        for i in range(len(rows)):
            if not i & half:
                a, b = rows[i], rows[i | half]
                low = [j if not j & half else LANES + j - half for j in range(LANES)]
                high = [j + half if not j & half else LANES + j for j in range(LANES)]
                rows[i], rows[i | half] = shuffle(builder, a, b, low), shuffle(builder, a, b, high)
        half //= 2
    return rows


# -- for kernels ---------------------------------------------------------------------------------------------


@intrinsic
def load(typing, array, at):
    """The vector ``array[at : at + LANES]``."""

    def generate(context, builder, signature, args):
        base = elements(context, builder, signature.args[0], args[0])
        return read(builder, pointer(builder, base, args[1]))

    return vector(array, types.intp), generate


@intrinsic
def store(typing, array, at, value):
    """Write ``value`` to ``array[at : at + LANES]``."""

    def generate(context, builder, signature, args):
        base = elements(context, builder, signature.args[0], args[0])
        write(builder, args[2], pointer(builder, base, args[1]))
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


@intrinsic
def splat(typing, number):
    """A vector with ``number`` in every lane."""

    def generate(context, builder, signature, args):
        return splat_value(builder, args[0])

    return vector(types.float32), generate


@intrinsic
def add(typing, a, b):
    """The sum of two vectors, lane by lane."""

    def generate(context, builder, signature, args):
        return builder.fadd(*args)

    return vector(vector, vector), generate


@intrinsic
def transpose(typing, source, at, row, target, to):
    """target[to + i LANES + j] = source[at + j row + i] for i, j < LANES."""

    def generate(context, builder, signature, args):
        source, at, row, target, to = args
        base = elements(context, builder, signature.args[0], source)
        into = elements(context, builder, signature.args[3], target)
        offsets = [builder.add(at, builder.mul(row, INDEX(i))) for i in range(LANES)]
        rows = [read(builder, pointer(builder, base, offset)) for offset in offsets]
        for i, value in enumerate(transposed(builder, rows)):
            write(builder, value, pointer(builder, into, builder.add(to, INDEX(i * LANES))))
        return context.get_dummy_value()

    n = types.intp
    return types.void(source, n, n, target, n), generate


@intrinsic
def transpose_block(typing, source, at, row, there, target, to, line, wanted):
    """target[to + i line + j] = source[at + j row + i], 0 for j >= there; for i < wanted and j < LANES.

    Reads ``there`` vectors and writes ``wanted``; both are 1 to LANES.
    """

    def generate(context, builder, signature, args):
        source, at, row, there, target, to, line, wanted = args
        base = elements(context, builder, signature.args[0], source)
        into = elements(context, builder, signature.args[4], target)

        def clamped(i, count):
            last = builder.sub(count, INDEX(1))
            inside = builder.icmp_signed("<", INDEX(i), count)
            return inside, builder.select(inside, INDEX(i), last)

        rows = []
        for i in range(LANES):
            inside, index = clamped(i, there)
            value = read(builder, pointer(builder, base, builder.add(at, builder.mul(row, index))))
            rows.append(builder.select(inside, value, constant(0)))
        rows = transposed(builder, rows)
        for i in reversed(range(LANES)):  # what is not wanted lands where row wanted - 1 is written after it
            _, index = clamped(i, wanted)
            write(builder, rows[i], pointer(builder, into, builder.add(to, builder.mul(line, index))))
        return context.get_dummy_value()

    n = types.intp
    return types.void(source, n, n, n, target, n, n, n), generate


def first_of(builder, count):
    """A mask of the first ``count`` lanes."""
    return builder.icmp_signed("<", ir.Constant(_NUMBERS, list(range(LANES))), _numbers(builder, count))


def _numbers(builder, number):
    """An integer in every lane."""
    one = builder.insert_element(ir.Constant(_NUMBERS, ir.Undefined), builder.trunc(number, _LANE), _LANE(0))
    return builder.shuffle_vector(one, one, ir.Constant(_NUMBERS, [0] * LANES))


def between(builder, first, size):
    """A mask of the lanes i for which 0 <= first + i < size."""
    index = builder.add(_numbers(builder, first), ir.Constant(_NUMBERS, list(range(LANES))))
    return builder.icmp_unsigned("<", index, _numbers(builder, size))


_MASK = ir.VectorType(ir.IntType(1), LANES)


def read_where(builder, address, mask):
    """Zeros where the mask is not set: what lies there is not read."""
    kind = ir.FunctionType(VECTOR, [address.type, _LANE, _MASK, VECTOR])
    name = f"llvm.masked.load.v{LANES}f32.p0v{LANES}f32"
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(function, [address, _LANE(4), mask, constant(0)])


@intrinsic
def load_first(typing, array, at, count):
    """Like ``load`` of the first ``count`` lanes only, at least 0; the others are 0 and not read."""

    def generate(context, builder, signature, args):
        address = pointer(builder, elements(context, builder, signature.args[0], args[0]), args[1])
        return read_where(builder, address, first_of(builder, args[2]))

    return vector(array, types.intp, types.intp), generate


@intrinsic
def store_first(typing, array, at, count, value):
    """Like ``store`` of the first ``count`` lanes only, at least 0."""

    def generate(context, builder, signature, args):
        address = pointer(builder, elements(context, builder, signature.args[0], args[0]), args[1])
        kind = ir.FunctionType(ir.VoidType(), [VECTOR, address.type, _LANE, _MASK])
        name = f"llvm.masked.store.v{LANES}f32.p0v{LANES}f32"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        builder.call(function, [args[3], address, _LANE(4), first_of(builder, args[2])])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, vector), generate


@intrinsic
def first_lanes(typing, value, count):
    """``value`` in the first ``count`` lanes, 0 in the others."""

    def generate(context, builder, signature, args):
        return builder.select(first_of(builder, args[1]), args[0], constant(0))

    return vector(vector, types.intp), generate


def _asks(to_write: bool):
    @intrinsic
    def asks(typing, array, at):
        def generate(context, builder, signature, args):
            base = elements(context, builder, signature.args[0], args[0])
            ask(builder, builder.gep(base, [args[1]]), 3, to_write)
            return context.get_dummy_value()

        return types.void(array, types.intp), generate

    return asks


ask_to_read, ask_to_write = _asks(False), _asks(True)
"""``ask_to_read(array, at)``: that the cache fetch what lies there, which may be nothing: it will be needed soon."""


# -- arithmetic ----------------------------------------------------------------------------------------------


def _operation(make, operands: int):
    """An intrinsic on ``operands`` vectors; ``make(builder, *values)`` emits it."""
    if operands == 1:

        @intrinsic
        def apply(typing, a):
            return vector(vector), lambda context, builder, signature, args: make(builder, *args)

    elif operands == 2:

        @intrinsic
        def apply(typing, a, b):
            return vector(vector, vector), lambda context, builder, signature, args: make(builder, *args)

    else:

        @intrinsic
        def apply(typing, a, b, c):
            return vector(vector, vector, vector), lambda context, builder, signature, args: make(builder, *args)

    return apply


def _library(name: str, operands: int):
    """A call of LLVM's function ``name`` for vectors."""

    def make(builder, *values):
        kind = ir.FunctionType(VECTOR, [VECTOR] * operands)
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f32"), values)

    return make


def _choose(comparison: str):
    return lambda builder, a, b: builder.select(builder.fcmp_ordered(comparison, a, b), a, b)


subtract = _operation(lambda builder, a, b: builder.fsub(a, b), 2)
times = _operation(lambda builder, a, b: builder.fmul(a, b), 2)
divide = _operation(lambda builder, a, b: builder.fdiv(a, b), 2)
fused = _operation(multiply_add, 3)
larger = _operation(_choose(">"), 2)
smaller = _operation(_choose("<"), 2)
root = _operation(_library("sqrt", 1), 1)
where_positive = _operation(lambda builder, x, a, b: builder.select(builder.fcmp_ordered(">", x, constant(0)), a, b), 3)
where_equal = _operation(lambda builder, x, y, a: builder.select(builder.fcmp_ordered("==", x, y), a, constant(0)), 3)


def _operator(python_operator, intrinsic_function):
    @overload(python_operator)
    def choose(a, b):
        if a is vector and b is vector:
            return lambda a, b: intrinsic_function(a, b)


for _python, _function in (
    (operator.add, add),
    (operator.sub, subtract),
    (operator.mul, times),
    (operator.truediv, divide),
):
    _operator(_python, _function)
