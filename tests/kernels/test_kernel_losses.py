import numpy as np
import pytest
from oracle import assert_near, numbers, run_kernel

from minicaffe.kernels import losses as kernels
from minicaffe.kernels._jit import ELEMENTS

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def labels(items, classes, least=0):
    return np.random.default_rng(3).integers(least, classes, items).astype(np.int32)


@DTYPES
@pytest.mark.parametrize("squared", [False, True])
def test_hinge(dtype, squared):
    x, label, loss, dx = numbers((7, 5), dtype), labels(7, 5), np.empty(7), np.empty((7, 5), dtype)
    x[0, label[0]], x[1, label[1]] = 1, 2
    run_kernel(kernels.hinge_forward, 7, x, label, squared, loss)
    side = np.where(np.arange(5) == label[:, None], -1.0, 1.0)
    margin = np.maximum(0, 1 + side * x.astype(float))
    np.testing.assert_allclose(loss, (margin ** (2 if squared else 1)).sum(axis=1), rtol=1e-6)
    factor = dx.dtype.type(0.25)
    run_kernel(kernels.hinge_backward, 7, x, label, squared, factor, dx)
    assert_near(dx, 0.25 * side * (2 * margin if squared else margin > 0))
    assert dx[0, label[0]] == dx[1, label[1]] == 0


@DTYPES
@pytest.mark.parametrize("legacy", [False, True])
def test_contrastive(dtype, legacy):
    a, b, similar = numbers((9, 4), dtype), numbers((9, 4), dtype, seed=1), labels(9, 2)
    similar[0], a[0] = 0, b[0]  # no distance at all
    margin, softener, factor = (a.dtype.type(n) for n in (2, 1e-4, 0.5))
    distance, loss, dx = np.empty(9, dtype), np.empty(9), np.empty_like(a)
    run_kernel(kernels.contrastive_forward, 9, a, b, similar, margin, legacy, distance, loss)
    gap = (a - b).astype(float)
    d = (gap**2).sum(axis=1)
    assert_near(distance, d, 4)
    room = np.maximum(2 - (d if legacy else np.sqrt(d)), 0)
    np.testing.assert_allclose(loss, np.where(similar, d, room if legacy else room**2), rtol=1e-5)
    run_kernel(kernels.contrastive_backward, 9, a, b, similar, margin, legacy, softener, distance, factor, dx)
    push = 1.0 * (room > 0) if legacy else room / (np.sqrt(d) + 1e-4)
    assert_near(dx, 0.5 * np.where(similar, 1, -push)[:, None] * gap, 4)
    assert {0, 1} == set(similar) and (room > 0).any() and (room == 0).any()


@DTYPES
@pytest.mark.parametrize("size", [1, 700, kernels.BLOCK * 2 + 600])
@pytest.mark.parametrize("ignored", [np.nan, 0.0, -1.0])
def test_sigmoid_cross_entropy(dtype, size, ignored):
    x, t = numbers(size, dtype) * 8, np.random.default_rng(5).choice([-1, 0, 0.25, 1], size).astype(dtype)
    x[0] = -900
    blocks = -(-size // kernels.BLOCK)
    loss, counted, dx = np.empty(blocks), np.empty(blocks, np.int64), np.empty_like(x)
    run_kernel(kernels.sigmoid_cross_entropy_forward, blocks, x, t, ignored, loss, counted)
    wide, counts = x.astype(float), np.trunc(t) != ignored
    with np.errstate(over="ignore"):
        expected = np.maximum(wide, 0) - wide * t + np.log1p(np.exp(-np.abs(wide)))
        slope = 1 / (1 + np.exp(-wide)) - t
    assert counted.sum() == counts.sum()
    np.testing.assert_allclose(loss.sum(), expected[counts].sum(), rtol=1e-6, atol=1e-12)
    factor = x.dtype.type(0.5)
    run_kernel(kernels.sigmoid_cross_entropy_backward, size, x, t, ignored, factor, dx, grain=ELEMENTS)
    assert_near(dx, np.where(counts, 0.5 * slope, 0))


@pytest.mark.parametrize("bad", ["x", "t"])
def test_sigmoid_cross_entropy_shows_nan(bad):
    x, t = np.zeros(3, "float32"), np.zeros(3, "float32")
    {"x": x, "t": t}[bad][1] = np.nan
    loss, counted = np.empty(1), np.empty(1, np.int64)
    kernels.sigmoid_cross_entropy_forward(0, 1, x, t, np.nan, loss, counted)
    assert np.isnan(loss[0]) and counted[0] == 3


@DTYPES
def test_infogain(dtype):
    p = np.abs(numbers((4, 3, 5), dtype)) / 4
    label, gain = labels((4, 5), 3, least=-1), numbers((3, 3), dtype, seed=7)
    p[0, 0, 0], label[0, 0] = 0, 1
    floor, factor = p.dtype.type(1e-20), p.dtype.type(0.5)
    loss, counted, dx = np.empty(4), np.empty(4, np.int64), np.empty_like(p)
    run_kernel(kernels.infogain_forward, 4, p, label, gain, floor, loss, counted)
    run_kernel(kernels.infogain_backward, 4, p, label, gain, gain.sum(axis=1), factor, dx)
    expected, slope = np.zeros(4), np.zeros(p.shape)
    for o, i in zip(*np.nonzero(label >= 0)):
        row = gain[label[o, i]].astype(float)
        expected[o] -= row @ np.log(np.maximum(p[o, :, i].astype(float), 1e-20))
        slope[o, :, i] = 0.5 * (p[o, :, i] * row.sum() - row)
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    np.testing.assert_array_equal(counted, (label >= 0).sum(axis=1))
    assert_near(dx, slope)
    assert (label < 0).any()


@DTYPES
def test_likelihood_backward(dtype):
    p, label = np.abs(numbers((6, 4), dtype)), labels(6, 4)
    p[0, label[0]] = 0
    dx = np.empty_like(p)
    run_kernel(kernels.likelihood_backward, 6, p, label, p.dtype.type(1e-20), p.dtype.type(0.5), dx)
    picked = np.arange(4) == label[:, None]
    np.testing.assert_allclose(dx, np.where(picked, -0.5 / np.maximum(p.astype(float), 1e-20), 0), rtol=1e-6)
