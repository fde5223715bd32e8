"""Values side by side along the channels, channels last."""

import numpy as np
import pytest
from rows_harness import call, to_lanes, to_planes

from minicaffe.kernels.fast import concat_rows as rows
from minicaffe.kernels.fast.winograd import whole_vectors

IMAGES, HEIGHT, WIDTH = 4, 3, 5
CASES = [(32, 16, 48, 16), (3, 5, 2, 4), (20, 20), (33, 1, 15), (16,), (1, 1, 1, 1)]
JUNK = 1e6


def make(channels):
    rng = np.random.default_rng(1)
    return [rng.standard_normal((IMAGES, c, HEIGHT, WIDTH)).astype(np.float32) for c in channels]


def lanes_of(x):
    out = to_lanes(x, whole_vectors(x.shape[1]))
    out[..., x.shape[1] :] = JUNK
    return out


def operands(arrays):
    given = dict(zip("abcd", arrays))
    missing = {name: np.zeros(0, np.float32) for name in "abcd"[len(arrays) :]}
    return {name: (array, array[0].size if len(array) else 0) for name, array in (given | missing).items()}


def facts(channels, total, first=0):
    sizes = {f"channels_{name}": c for name, c in zip("abcd", [*channels, 0, 0, 0])}
    return {**sizes, "first": first, "lanes": whole_vectors(total), "pixels": HEIGHT * WIDTH}


def forward(xs, y, total, first=0, parts=1, cuts=()):
    values = operands([lanes_of(x) for x in xs])
    numbers = facts([x.shape[1] for x in xs], total, first)
    return call(rows.concat, IMAGES * parts, cuts, **values, y=(y, y[0].size), **numbers, parts=parts)["y"]


@pytest.mark.parametrize("channels", CASES)
@pytest.mark.parametrize("parts", [1, 2, 3])
def test_side_by_side(channels, parts):
    xs, total = make(channels), sum(channels)
    y = np.full((IMAGES, HEIGHT, WIDTH, whole_vectors(total)), np.nan, np.float32)
    y = forward(xs, y, total, parts=parts, cuts=(1, parts + 1))
    np.testing.assert_array_equal(to_planes(y, total), np.concatenate(xs, 1))
    assert np.isfinite(y).all()


@pytest.mark.parametrize("channels", CASES)
def test_apart_again(channels):
    xs, total = make(channels), sum(channels)
    y = lanes_of(np.concatenate(xs, 1))
    empty = operands([np.full_like(lanes_of(x), np.nan) for x in xs])
    out = call(rows.concat_backward, IMAGES, (3,), **empty, y=(y, y[0].size), **facts(channels, total), parts=1)
    for name, x in zip("abcd", xs):
        np.testing.assert_array_equal(to_planes(out[name], x.shape[1]), x)
        assert np.isfinite(out[name]).all()


@pytest.mark.parametrize("each", [1, 3, 16])
def test_more_than_fit_one_step(each):
    xs = make([each] * 7)
    y = np.full((IMAGES, HEIGHT, WIDTH, whole_vectors(7 * each)), np.nan, np.float32)
    y = forward(xs[:4], y, 7 * each)
    y = forward(xs[4:], y, 7 * each, first=4 * each)
    np.testing.assert_array_equal(to_planes(y, 7 * each), np.concatenate(xs, 1))
    assert np.isfinite(y).all()
