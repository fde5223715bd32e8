"""Vectors of LANES float32 numbers for kernels: numba intrinsics that emit LLVM vector instructions.

Kernels see a vector as an opaque value between ``load`` and ``store``. Arrays are one-dimensional and C-contiguous,
float32; places in them are element offsets, never checked and of any alignment. ``pointer``, ``splat``,
``multiply_add`` and ``constant`` are for intrinsics of other files: they work on LLVM values, not on arrays.

How many lanes and rows of accumulators suit a processor is decided here, from its features.
"""

import llvmlite.binding
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model


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
    """The address of an array's first element."""
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


def multiply_add(builder, a, b, c):
    """a * b + c, in one instruction where the processor has it."""
    kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{LANES}f32"), [a, b, c])


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
        half = LANES // 2
        while half:  # swap the blocks beside the diagonal, from large to small
            for i in range(LANES):
                if not i & half:
                    a, b = rows[i], rows[i | half]
                    low = [j if not j & half else LANES + j - half for j in range(LANES)]
                    high = [j + half if not j & half else LANES + j for j in range(LANES)]
                    rows[i], rows[i | half] = shuffle(builder, a, b, low), shuffle(builder, a, b, high)
            half //= 2
        for i, value in enumerate(rows):
            write(builder, value, pointer(builder, into, builder.add(to, INDEX(i * LANES))))
        return context.get_dummy_value()

    n = types.intp
    return types.void(source, n, n, target, n), generate
