"""Planes to strips and back against numpy's transposition: every border, every rest of pixels and channels."""

import numpy as np
import pytest

from minicaffe.kernels.fast.layout import STAGE, Strip, pack, unpack
from minicaffe.kernels.fast.vector import LANES

CANARY = np.float32(-777)

# height, width, row, rows, left, extra columns, channels
CASES = {
    "inside": (9, 7, 2, 4, 0, 0, LANES),
    "first_rows": (9, 7, -2, 6, 2, 2, 3),
    "last_rows": (9, 7, 6, 8, 1, 3, LANES + 5),
    "whole": (5, 2 * LANES, -1, 7, 1, 1, 2 * LANES),
    "one_column": (6, 1, 0, 6, 3, 3, 1),
    "all_outside": (4, 3, 4, 5, 1, 1, 2),
    "all_above": (4, 3, -9, 5, 1, 1, 2),
}


def make(case):
    height, width, row, rows, left, extra, channels = CASES[case]
    lanes = -(-channels // LANES) * LANES
    s = Strip(height, width, row, rows, left, left + width + extra, lanes)
    x = np.random.default_rng(5).standard_normal((channels, height, width)).astype(np.float32)
    return s, x, channels


@pytest.mark.parametrize("case", CASES)
def test_pack(case):
    s, x, channels = make(case)
    source = np.concatenate([[np.nan] * 3, x.reshape(-1), [np.nan] * 3]).astype(np.float32)
    size = s.rows * s.columns * s.lanes
    strip = np.full(size + LANES, np.nan, np.float32)
    strip[size:] = CANARY
    pack(s, source, 3, channels, np.full(STAGE, np.nan, np.float32), strip)
    expected = np.zeros((s.rows, s.columns, s.lanes), np.float32)
    for i in range(s.rows):
        if 0 <= s.row + i < s.height:
            expected[i, s.left : s.left + s.width, :channels] = x[:, s.row + i].T
    np.testing.assert_array_equal(strip[:size].reshape(expected.shape), expected)
    assert (strip[size:] == CANARY).all()


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_unpack(case, with_bias, accumulate):
    s, x, channels = make(case)
    top, bottom = max(s.row, 0), min(s.row + s.rows, s.height)
    top, bottom = min(top, s.height), max(bottom, 0)
    strip = np.random.default_rng(6).standard_normal((s.rows, s.columns, s.lanes)).astype(np.float32)
    bias = np.arange(channels + 1, dtype=np.float32) if with_bias else np.empty(0, np.float32)
    y = np.concatenate([[CANARY] * 3, x.reshape(-1), [CANARY] * 3]).astype(np.float32)
    stage = np.full(STAGE, np.nan, np.float32)
    unpack(s, strip.reshape(-1), top, bottom, channels, bias, 1, accumulate, stage, y, 3)
    expected = x.copy()
    for i in range(top, bottom):
        lines = strip[i - s.row, s.left : s.left + s.width, :channels].T
        if with_bias:
            lines = lines + bias[1:, None]
        expected[:, i] = x[:, i] + lines if accumulate else lines
    np.testing.assert_allclose(y[3:-3].reshape(x.shape), expected, rtol=3e-7, atol=3e-7)
    assert (y[:3] == CANARY).all() and (y[-3:] == CANARY).all()
