"""Pooling kernels against a naive oracle, and on one, two and three threads."""

import numpy as np
import pytest

from minicaffe.kernels import _threads, pooling
from minicaffe.kernels._threads import run

# planes, (height, width), (out_height, out_width), kernel, stride, pad
CASES = {
    "overlapping": (3, (8, 8), (4, 4), (3, 3), (2, 2), (0, 0)),
    "stride_one_padded": (2, (5, 6), (5, 6), (3, 3), (1, 1), (1, 1)),
    "uneven": (2, (7, 9), (4, 5), (2, 4), (2, 2), (1, 1)),
    "stride_above_kernel": (2, (7, 9), (3, 4), (2, 2), (3, 3), (1, 1)),
    "one_of_four": (2, (9, 5), (5, 3), (1, 1), (2, 2), (0, 0)),
    "global": (11, (4, 3), (1, 1), (4, 3), (1, 1), (0, 0)),
    "wide": (1, (3, 100), (2, 50), (2, 3), (1, 2), (0, 1)),
}


def compute(w, x, dy):
    row = np.full(pooling.row_shape(w), np.nan, x.dtype)
    row_of = np.full(pooling.row_shape(w), -7, "int32")
    largest, average, mask = np.full_like(dy, np.nan), np.full_like(dy, np.nan), np.full(dy.shape, -7, "int32")
    dmax, daverage = np.full_like(x, np.nan), np.full_like(x, np.nan)
    run(pooling.max_forward, pooling.CHUNKS, w, x, row, row_of, largest, mask)
    run(pooling.average_forward, pooling.CHUNKS, w, x, row, average)
    run(pooling.max_backward, w.planes, w, dy, mask, dmax)
    run(pooling.average_backward, pooling.CHUNKS, w, dy, row, daverage)
    return largest, mask, average, dmax, daverage


def naive(w, x, dy):
    x, dy = x.reshape(w.planes, w.height, w.width), dy.reshape(w.planes, w.out_height, w.out_width)
    largest, mask, average = np.zeros_like(dy), np.full(dy.shape, -1), np.zeros_like(dy)
    dmax, daverage = np.zeros_like(x), np.zeros_like(x)
    for p, i, j in np.ndindex(dy.shape):
        top, left = i * w.stride_h - w.pad_h, j * w.stride_w - w.pad_w
        extent = (min(top + w.kernel_h, w.height + w.pad_h) - top) * (min(left + w.kernel_w, w.width + w.pad_w) - left)
        for r in range(max(top, 0), min(top + w.kernel_h, w.height)):
            for c in range(max(left, 0), min(left + w.kernel_w, w.width)):
                average[p, i, j] += x[p, r, c] / extent
                daverage[p, r, c] += dy[p, i, j] / extent
                if mask[p, i, j] < 0 or x[p, r, c] > largest[p, i, j]:
                    largest[p, i, j], mask[p, i, j] = x[p, r, c], r * w.width + c
        dmax[p].reshape(-1)[mask[p, i, j]] += dy[p, i, j]
    return [a.reshape(-1) for a in (largest, mask, average, dmax, daverage)]


def make(case, values=None, dtype="float64"):
    planes, size, out, kernel, stride, pad = CASES[case]
    w = pooling.Windows(planes, *size, *out, *kernel, *stride, *pad)
    rng = np.random.default_rng(9)
    x = (
        rng.standard_normal(planes * size[0] * size[1])
        if values is None
        else rng.choice(values, planes * size[0] * size[1])
    )
    return w, x.astype(dtype), rng.standard_normal(planes * out[0] * out[1]).astype(dtype)


@pytest.mark.parametrize(
    "values", [None, [1.0, 2.0, 3.0], [-4.0], [-np.inf, -1.0]], ids=["random", "ties", "equal", "infinite"]
)
@pytest.mark.parametrize("case", CASES)
def test_matches_the_naive_oracle(case, values):
    problem = make(case, values)
    names = ("maximum", "mask", "average", "gradient of maximum", "gradient of average")
    for name, found, expected in zip(names, compute(*problem), naive(*problem)):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12, err_msg=name)


def test_nan_is_seen():
    w, x, dy = make("overlapping")
    x[9] = np.nan
    largest, mask, average, *_ = compute(w, x, dy)
    assert np.isnan(largest[0]) and mask[0] == 9 and np.isnan(average[0])
    assert np.isfinite(largest[w.out_height * w.out_width :]).all()


def test_as_numbers():
    out = np.empty(3, "float32")
    run(pooling.as_numbers, 3, np.array([4, -1, 70000], "int32"), out)
    np.testing.assert_array_equal(out, [4, -1, 70000])


def test_same_bits_on_any_number_of_threads():
    problem, before, runs = make("global", dtype="float32"), _threads.threads(), []
    try:
        for threads in (1, 2, 3):
            _threads.set_threads(threads)
            runs.append(compute(*problem))
    finally:
        _threads.set_threads(before)
    for other in runs[1:]:
        for a, b in zip(runs[0], other):
            np.testing.assert_array_equal(a, b)
