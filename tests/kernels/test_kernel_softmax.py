import numpy as np
import pytest
from oracle import assert_near, numbers, run_kernel

from minicaffe.kernels import softmax as kernels

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def softmax(x):
    e = np.exp(x.astype("float64") - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_gradient(dy, y):
    dy, y = dy.astype("float64"), y.astype("float64")
    return y * (dy - (dy * y).sum(axis=1, keepdims=True))


@DTYPES
@pytest.mark.parametrize("shape", [(5, 10), (3, 1), (2, 1000), (7, 4, 9), (2, 3, 40)])
def test_softmax_and_its_gradient(shape, dtype):
    x, work = numbers(shape, dtype) * 5, np.empty((shape[0], shape[-1]), dtype)
    forward, backward = (
        (kernels.softmax_rows, kernels.softmax_rows_backward)
        if len(shape) == 2
        else (kernels.softmax_planes, kernels.softmax_planes_backward)
    )
    extra = [] if len(shape) == 2 else [work]
    y, same = np.empty_like(x), x.copy()
    run_kernel(forward, shape[0], x, *extra, y)
    run_kernel(forward, shape[0], None, *extra, same)
    assert_near(y, softmax(x))
    assert_near(same, softmax(x))
    dy = numbers(shape, dtype, seed=1)
    dx, same = np.empty_like(x), dy.copy()
    run_kernel(backward, shape[0], dy, y, *extra, dx)
    run_kernel(backward, shape[0], None, y, *extra, same)
    assert_near(dx, softmax_gradient(dy, y))
    assert_near(same, softmax_gradient(dy, y))


def test_large_scores_do_not_overflow_and_nan_spreads_over_its_row():
    x = np.array([[1000, 0, -1000], [0, np.nan, 1], [np.inf, 0, 0]], "float32")
    y = np.empty_like(x)
    run_kernel(kernels.softmax_rows, 3, x, y)
    np.testing.assert_array_equal(y[0], [1, 0, 0])
    assert np.isnan(y[1]).all()
    assert np.isnan(y[2, 0])


@DTYPES
def test_log_loss_and_gradient_leave_out_negative_labels(dtype):
    p = softmax(numbers((4, 3, 5), dtype)).astype(dtype)
    label = np.random.default_rng(2).integers(-1, 3, (4, 5)).astype(np.int32)
    p[0, max(label[0, 0], 0), 0] = 0
    loss, counted = np.empty(4), np.empty(4, np.int64)
    floor = np.dtype(dtype).type(1e-30)
    run_kernel(kernels.log_loss, 4, p, label, floor, loss, counted)
    expected, gradient = np.zeros(4), p.astype("float64")
    for o, i in np.ndindex(4, 5):
        if label[o, i] >= 0:
            expected[o] -= np.log(max(p[o, label[o, i], i], 1e-30))
            gradient[o, label[o, i], i] -= 1
        else:
            gradient[o, :, i] = 0
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    np.testing.assert_array_equal(counted, (label >= 0).sum(axis=1))
    dx = np.full_like(p, np.nan)
    run_kernel(kernels.softmax_loss_backward, 4, p, label, np.dtype(dtype).type(0.25), dx)
    assert_near(dx, 0.25 * gradient)
