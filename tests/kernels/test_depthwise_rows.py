"""Depthwise convolution on lanes against sums over the taps, in float64."""

from typing import NamedTuple

import numpy as np
import pytest

from minicaffe.kernels.fast.depthwise_rows import HALF, Depthwise, depthwise
from minicaffe.kernels.fast.executor import PIECE, Task
from minicaffe.kernels.fast.gather import PANEL, RELU, RESIDUAL, SHIFT
from minicaffe.kernels.fast.panel_rows import panels_of
from minicaffe.kernels.fast.rows import Operand
from minicaffe.kernels.fast.vector import LANES, ROWS
from minicaffe.kernels.fast.winograd import whole_vectors

IMAGES = 2


class Case(NamedTuple):
    size: tuple[int, int]
    channels: int
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (1, 1)
    flags: int = SHIFT | RELU
    parts: tuple[int, int] = (1, 1)  # of rows, of panels


CASES = {
    "3x3": Case((6, 2 * ROWS + 3), PANEL),
    "few_rows": Case((3, ROWS + HALF + 2), PANEL + LANES, parts=(3, 2)),
    "narrow": Case((4, HALF + 3), LANES - 1, parts=(2, 1)),
    "less_than_half": Case((5, HALF), 2 * PANEL + 3, flags=RESIDUAL),
    "stride": Case((9, 2 * ROWS + 5), PANEL + 1, stride=(2, 2), flags=SHIFT | RESIDUAL | RELU),
    "5x5": Case((7, 11), LANES + 2, (5, 5), pad=(2, 2), flags=0),
    "lines": Case((8, 9), 3, (3, 1), (1, 3), pad=(2, 0), parts=(4, 1)),
    "columns": Case((5, 13), PANEL, (1, 3), pad=(0, 2)),
    "dilation": Case((9, 14), 5, dilation=(2, 3), pad=(2, 2)),
    "no_taps": Case((2, 2), 4, stride=(2, 1), dilation=(2, 2), pad=(5, 4)),
}


def expected(case, x, weights, shift, residual):
    """Images and weights channels last: (n, h, w, c) and (i, j, c)."""
    kernel_h, kernel_w = case.kernel
    padded = np.pad(x.astype(np.float64), ((0, 0), *((p, p) for p in case.pad), (0, 0)))
    y = np.zeros(residual.shape)
    for i in range(kernel_h):
        for j in range(kernel_w):
            top, left = i * case.dilation[0], j * case.dilation[1]
            lines = padded[:, top :: case.stride[0], left :: case.stride[1]]
            y += weights[i, j] * lines[:, : y.shape[1], : y.shape[2]]
    y += shift * bool(case.flags & SHIFT) + residual * bool(case.flags & RESIDUAL)
    return np.maximum(y, 0) if case.flags & RELU else y


@pytest.mark.parametrize("name", CASES)
def test_matches_sums_over_the_taps(name):
    case, random = CASES[name], np.random.default_rng(1)
    channels, lanes = case.channels, whole_vectors(case.channels)
    out = [
        (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
        for size, kernel, stride, dilation, pad in zip(case.size, case.kernel, case.stride, case.dilation, case.pad)
    ]
    x = random.standard_normal((IMAGES, *case.size, lanes), np.float32)
    residual = random.standard_normal((IMAGES, *out, lanes), np.float32)
    weights = np.zeros((*case.kernel, panels_of(channels) * PANEL), np.float32)
    weights[..., :channels] = random.standard_normal((*case.kernel, channels), np.float32)
    shift = np.zeros(weights.shape[-1], np.float32)
    shift[:channels] = random.standard_normal(channels, np.float32)
    panels = weights.reshape(-1, panels_of(channels), PANEL).transpose(1, 0, 2)
    y = np.full(residual.shape, np.nan, np.float32)
    arrays = [np.ascontiguousarray(array).ravel() for array in (x, panels, shift, residual, y)]
    at = np.cumsum([0, *(array.size for array in arrays)])
    arena = np.concatenate([*arrays, np.zeros(PANEL, np.float32)])
    image, result = x[0].size, y[0].size
    row = depthwise.encode(
        Depthwise(
            Operand(at[0], image, 0), Operand(at[1], 0, 0), Operand(at[2], 0, 0), Operand(at[3], result, 0),
            Operand(at[4], result, 0), *case.size, lanes, *out, *case.kernel, *case.stride, *case.dilation, *case.pad,
            channels, case.flags, *case.parts,
        )
    )  # fmt: skip
    units = IMAGES * case.parts[0] * case.parts[1]
    pieces = np.array([(0, 1, 0, 1, 1), (0, 1, 1, units, units - 1)], np.int64).reshape(-1, PIECE)
    Task(arena, row[None, None], pieces, np.array([0, len(pieces)])).run()
    got = arena[at[4] : at[5]].reshape(y.shape)[..., :channels]
    wanted = expected(case, x[..., :channels], weights[..., :channels], shift[:channels], residual[..., :channels])
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(arena[: at[4]], np.concatenate(arrays[:4]))
