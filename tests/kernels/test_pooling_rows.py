"""Pooling on images channels last, against the plain kernels."""

import numpy as np
import pytest
from rows_harness import call, to_lanes, to_planes

from minicaffe.kernels import pooling as plain
from minicaffe.kernels._threads import run
from minicaffe.kernels.fast import pooling_rows as rows
from minicaffe.kernels.fast.winograd import whole_vectors

IMAGES = 5
# channels, (height, width), (out_height, out_width), kernel, stride, pad
CASES = {
    "overlapping": (32, (8, 8), (4, 4), (3, 3), (2, 2), (0, 0)),
    "stride_one_padded": (3, (5, 6), (5, 6), (3, 3), (1, 1), (1, 1)),
    "uneven": (17, (7, 9), (4, 5), (2, 4), (2, 2), (1, 1)),
    "stride_above_kernel": (5, (7, 9), (3, 4), (2, 2), (3, 3), (1, 1)),
    "one_of_four": (2, (9, 5), (5, 3), (1, 1), (2, 2), (0, 0)),
    "global": (40, (4, 3), (1, 1), (4, 3), (1, 1), (0, 0)),
    "largest": (4, (16, 16), (1, 1), (16, 16), (1, 1), (0, 0)),
    "wide": (1, (3, 100), (2, 50), (2, 3), (1, 2), (0, 1)),
}


def make(case, values=None):
    channels, size, out, kernel, stride, pad = CASES[case]
    w = plain.Windows(IMAGES * channels, *size, *out, *kernel, *stride, *pad)
    rng = np.random.default_rng(9)
    shape = (IMAGES, channels, *size)
    x = rng.standard_normal(shape) if values is None else rng.choice(values, shape)
    return w, x.astype(np.float32), rng.standard_normal((IMAGES, channels, *out)).astype(np.float32)


def expected(w, x, dy):
    work, index = np.zeros(plain.row_shape(w), np.float32), np.zeros(plain.row_shape(w), np.int32)
    largest, average, mask = np.zeros_like(dy), np.zeros_like(dy), np.zeros(dy.size, np.int32)
    dmax, daverage = np.zeros_like(x), np.zeros_like(x)
    run(plain.max_forward, plain.CHUNKS, w, x.reshape(-1), work, index, largest.reshape(-1), mask)
    run(plain.average_forward, plain.CHUNKS, w, x.reshape(-1), work, average.reshape(-1))
    run(plain.max_backward, w.planes, w, dy.reshape(-1), mask, dmax.reshape(-1))
    run(plain.average_backward, plain.CHUNKS, w, dy.reshape(-1), work, daverage.reshape(-1))
    return largest, average, dmax, daverage


def lanes_of(w, x):
    lanes = whole_vectors(x.shape[1])
    return lanes, to_lanes(x, lanes), w.out_height * w.out_width * lanes


def forward(kernel, w, x, parts=1, cuts=(), local=0):
    lanes, source, outputs = lanes_of(w, x)
    y = np.full((IMAGES, w.out_height, w.out_width, lanes), np.nan, np.float32)
    mask = np.full((IMAGES, outputs // 4), np.nan, np.float32)
    values = dict(zip(w._fields[1:], w[1:]), lanes=lanes, parts=parts)
    steps = source[0].size, outputs, outputs // 4
    out = call(
        kernel, IMAGES * parts, cuts, x=(source, steps[0], local), y=(y, steps[1]), mask=(mask, steps[2]), **values
    )
    return to_planes(out["y"], x.shape[1]), out["mask"]


def backward(kernel, w, x, dy, mask, cuts=()):
    lanes, source, outputs = lanes_of(w, x)
    dx = np.full_like(source, np.nan)
    values = dict(zip(w._fields[1:], w[1:]), lanes=lanes, parts=1)
    operands = {"x": (dx, source[0].size), "y": (to_lanes(dy, lanes), outputs), "mask": (mask, outputs // 4)}
    return to_planes(call(kernel, IMAGES, cuts, **operands, **values)["x"], x.shape[1])


@pytest.mark.parametrize(
    "values", [None, [1.0, 2.0, 3.0], [-4.0], [-np.inf, -1.0]], ids=["random", "ties", "equal", "infinite"]
)
@pytest.mark.parametrize("case", CASES)
def test_matches_the_plain_kernels(case, values):
    w, x, dy = make(case, values)
    largest, average, dmax, daverage = expected(w, x, dy)
    found, mask = forward(rows.max_pooling, w, x, cuts=(2,))
    np.testing.assert_array_equal(found, largest)
    np.testing.assert_array_equal(forward(rows.max_pooling_only, w, x)[0], largest)
    np.testing.assert_allclose(forward(rows.average_pooling, w, x, cuts=(1, 4))[0], average, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(backward(rows.max_pooling_backward, w, x, dy, mask, (3,)), dmax, rtol=1e-6, atol=1e-7)
    found = backward(rows.average_pooling_backward, w, x, dy, mask)
    np.testing.assert_allclose(found, daverage, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", ["overlapping", "global"])
@pytest.mark.parametrize("parts", [2, 3])
def test_parts_of_images(case, parts):
    w, x, _ = make(case)
    for kernel in (rows.max_pooling, rows.max_pooling_only, rows.average_pooling):
        whole, mask = forward(kernel, w, x)
        pieces, other = forward(kernel, w, x, parts, cuts=(1, 4, 2 * parts + 1))
        np.testing.assert_array_equal(pieces, whole)
        np.testing.assert_array_equal(mask.view(np.uint8), other.view(np.uint8))


def test_local_operands():
    w, x, _ = make("overlapping")
    rolled = np.concatenate([x[2:4], x[2:4], x[4:]])  # what a call that begins at 2 finds at the beginning
    found, _ = forward(rows.max_pooling, w, rolled, cuts=(2, 4), local=1)
    whole, _ = forward(rows.max_pooling, w, rolled)
    for n, source in enumerate([0, 1, 0, 1, 0]):
        np.testing.assert_array_equal(found[n], whole[source])


def test_nan_is_the_largest():
    w, x, dy = make("overlapping")
    x[0, 3, 1, 1] = np.nan
    largest, average, *_ = expected(w, x, dy)
    found, mask = forward(rows.max_pooling, w, x)
    np.testing.assert_array_equal(found, largest)
    np.testing.assert_array_equal(forward(rows.max_pooling_only, w, x)[0], largest)
    np.testing.assert_allclose(forward(rows.average_pooling, w, x)[0], average, rtol=1e-5, atol=1e-6)
    assert np.isnan(found[0, 3, 0, 0])
    assert backward(rows.max_pooling_backward, w, x, dy, mask)[0, 3, 1, 1] == dy[0, 3, 0, 0]
