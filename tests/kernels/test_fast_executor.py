"""The executor: every unit once, in chunks, depth first, on any number of threads."""

from typing import NamedTuple

import numpy as np
import pytest

from minicaffe.kernels._threads import set_threads, threads
from minicaffe.kernels.fast.copy_rows import Copy, copy
from minicaffe.kernels.fast.executor import PIECE, Task
from minicaffe.kernels.fast.rows import KERNELS, WIDTH, Operand, RowKernel, RowType, place, row_kernel

UNITS, SIZE = 24, 20


def program(arena, rows, regions, workers=1):
    """``rows``: of one worker, which all have, or of each; ``regions``: lists of pieces."""
    table = np.repeat(np.stack(rows)[None], workers, axis=0) if np.ndim(rows) == 2 else np.stack(rows)
    pieces = np.array([piece for region in regions for piece in region], np.int64).reshape(-1, PIECE)
    begins = np.cumsum([0, *map(len, regions)]).astype(np.int64)
    return Task(arena, table, pieces, begins)


@pytest.fixture(params=[1, 2, 5])
def workers(request):
    before = threads()
    set_threads(request.param)
    yield request.param
    set_threads(before)


def test_regions_follow_one_another(workers):
    """Each region reads what all threads have written in the one before."""
    length, size = 6, UNITS * SIZE
    arena = np.zeros((length + 1) * size, np.float32)
    arena[:size] = np.arange(size)
    rows, regions = [], []
    for i in range(length):
        backwards = Operand((i + 1) * size + (UNITS - 1) * SIZE, -SIZE, 0)
        rows.append(copy.encode(Copy(Operand(i * size, SIZE, 0), backwards, SIZE)))
        regions.append([(i, i + 1, start, start + 3, 2) for start in range(0, UNITS, 3)])
    task = program(arena, rows, regions, workers)
    for _ in range(20):
        arena[size:] = -1
        task.run()
        found = arena.reshape(length + 1, UNITS, SIZE)
        for i in range(length + 1):
            assert np.array_equal(found[i], found[0][:: -1 if i % 2 else 1])


def test_rows_of_a_piece_run_depth_first(workers):
    """Local scratch that holds one chunk is enough to hand numbers on."""
    chunk, size = 4, UNITS * SIZE
    arena = np.zeros(2 * size + workers * chunk * SIZE, np.float32)
    arena[:size] = np.random.default_rng(0).standard_normal(size)
    x, y = Operand(0, SIZE, 0), Operand(size, SIZE, 0)
    tables = []
    for worker in range(workers):
        local = Operand(2 * size + worker * chunk * SIZE, SIZE, 1)
        tables.append(np.stack([copy.encode(Copy(x, local, SIZE)), copy.encode(Copy(local, y, SIZE))]))
    program(arena, tables, [[(0, 2, i, i + 6, chunk) for i in range(0, UNITS, 6)]]).run()
    assert np.array_equal(arena[size : 2 * size], arena[:size])


def test_ticks_are_counted_by_row():
    arena = np.zeros(4 * UNITS * SIZE, np.float32)
    rows = [copy.encode(Copy(Operand(0, SIZE, 0), Operand(i * UNITS * SIZE, SIZE, 0), SIZE)) for i in (1, 2)]
    ticks = np.zeros((1, 2), np.int64)
    program(arena, rows, [[(0, 2, 0, UNITS, 1)]]).run(ticks)
    assert (ticks > 0).all()


def test_an_empty_program_ends(workers):
    program(np.zeros(1, np.float32), [np.zeros(WIDTH, np.int64)], [[], []], workers).run()


class Number(NamedTuple):
    """What a row can hold."""

    y: Operand
    whole: int
    fraction: float


def write_number(arena, r, start, stop):
    for n in range(start, stop):
        y = place(r.y, n, start)
        arena[y] = r.whole
        arena[y + 1] = r.fraction


def test_fields_of_a_row_keep_their_kinds():
    kernel = RowKernel(write_number, Number, ("y",))
    row = kernel.encode(Number(Operand(2, 2, 0), -(2**20), 0.1))
    arena = np.zeros(8, np.float32)
    program(arena, [row], [[(0, 1, 0, 3, 1)]]).run()
    assert np.array_equal(arena, np.float32([0, 0, *[-(2**20), 0.1] * 3]))
    assert kernel.place_of("whole") == 4


def test_a_row_has_room_for_so_many_numbers():
    wide = NamedTuple("wide", [(f"f{i}", int) for i in range(WIDTH)])
    with pytest.raises(ValueError, match=f"wide takes {WIDTH + 1} numbers; expected at most {WIDTH}"):
        RowType(wide)


def test_kernels_are_declared_once_and_write_operands_that_exist():
    assert KERNELS["copy"] is copy
    with pytest.raises(ValueError, match="two row kernels are called copy"):
        row_kernel(Copy, writes=("y",))(copy.function)
    with pytest.raises(ValueError, match=r"copy writes \['z'\], which are no fields of Copy"):
        RowKernel(copy.function, Copy, ("z",))
