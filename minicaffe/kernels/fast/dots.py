"""Dot products of rows with rows, LANES of them at a time: both run along the sums, so neither is rearranged.

A block is FIRST rows of one matrix against SECOND rows of another, FIRST * SECOND = LANES. Each sum is kept in a
vector along the depth; at the end the vectors are turned and added, which gives one vector of sums.
"""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .vector import INDEX, LANES, constant, first_of, multiply_add, pointer, read, read_where, shuffle, vector

FIRST = {16: 4, 8: 2, 4: 2}[LANES]
SECOND = LANES // FIRST


def _totals(builder, vectors):
    """The vector whose i-th lane is the sum of the lanes of ``vectors[i]``, in halves."""
    half = LANES // 2
    while half:
        low = [start + i for start in range(0, 2 * LANES, 2 * half) for i in range(half)]
        high = [i + half for i in low]
        vectors = [
            builder.fadd(shuffle(builder, a, b, low), shuffle(builder, a, b, high))
            for a, b in zip(vectors[::2], vectors[1::2])
        ]
        half //= 2
    return vectors[0]


@intrinsic
def dots(typing, array, a, a_row, a_rows, b, b_row, b_rows, depth):
    """Lane i * SECOND + j is the sum over k < depth of array[a + i a_row + k] * array[b + j b_row + k].

    Where there are fewer rows, the last one stands for those that are missing.
    """

    def generate(context, builder, signature, args):
        array, a, a_row, a_rows, b, b_row, b_rows, depth = args

        def rows(at, step, count, most):
            last = builder.sub(count, INDEX(1))
            out = []
            for i in range(most):
                number = builder.select(builder.icmp_signed("<", last, INDEX(i)), last, INDEX(i))
                out.append(builder.gep(array, [builder.add(at, builder.mul(number, step))]))
            return out

        first, second = rows(a, a_row, a_rows, FIRST), rows(b, b_row, b_rows, SECOND)
        sums = [cgutils.alloca_once_value(builder, constant(0)) for _ in range(LANES)]

        def add(get):
            left = [get(row) for row in first]
            for j, row in enumerate(second):
                right = get(row)
                for i, value in enumerate(left):
                    cell = sums[i * SECOND + j]
                    builder.store(multiply_add(builder, value, right, builder.load(cell)), cell)

        rest = builder.and_(depth, INDEX(LANES - 1))
        whole = builder.sub(depth, rest)
        with cgutils.for_range_slice(builder, INDEX(0), whole, INDEX(LANES), intp=INDEX, inc=True) as (k, _):
            add(lambda row: read(builder, pointer(builder, row, k)))
        with builder.if_then(builder.icmp_signed(">", rest, INDEX(0))):
            mask = first_of(builder, rest)
            add(lambda row: read_where(builder, pointer(builder, row, whole), mask))
        return _totals(builder, [builder.load(cell) for cell in sums])

    n = types.intp
    return vector(array, n, n, n, n, n, n, n), generate


@intrinsic
def lane(typing, value, i):
    """Lane ``i`` of a vector."""

    def generate(context, builder, signature, args):
        return builder.extract_element(*args)

    return types.float32(vector, types.intp), generate
