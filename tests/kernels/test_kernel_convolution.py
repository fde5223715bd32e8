"""Convolution kernels against a naive oracle, on odd geometries, and on one, two and three threads."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from minicaffe.kernels import _threads, convolution, unfold

# images, channels, groups, outputs, input (d, h, w), kernel, stride, pad, dilation
CASES = {
    "plain": (2, 3, 1, 4, (1, 5, 7), (1, 3, 3), (1, 1, 1), (0, 1, 1), (1, 1, 1)),
    "one_by_one": (3, 6, 1, 5, (1, 4, 3), (1, 1, 1), (1, 1, 1), (0, 0, 0), (1, 1, 1)),
    "one_by_one_strided": (2, 4, 1, 3, (1, 5, 5), (1, 1, 1), (1, 2, 2), (0, 0, 0), (1, 1, 1)),
    "kernel_covers_input": (9, 2, 1, 6, (1, 4, 4), (1, 4, 4), (1, 1, 1), (0, 0, 0), (1, 1, 1)),
    "stride_above_kernel": (2, 2, 1, 3, (1, 9, 8), (1, 2, 2), (1, 3, 4), (0, 1, 0), (1, 1, 1)),
    "stride_two_kernel_five": (2, 3, 1, 4, (1, 11, 9), (1, 5, 4), (1, 2, 3), (0, 2, 3), (1, 1, 1)),
    "dilated_strided": (1, 2, 1, 2, (1, 10, 11), (1, 3, 3), (1, 2, 1), (0, 1, 3), (1, 2, 3)),
    "dilation_meets_stride": (2, 2, 1, 5, (1, 13, 9), (1, 4, 2), (1, 4, 2), (0, 3, 1), (1, 2, 4)),
    "unmet_rows_between": (2, 2, 1, 3, (1, 9, 9), (1, 3, 3), (1, 1, 1), (0, 0, 0), (1, 3, 4)),
    "pad_beyond_kernel": (2, 1, 1, 2, (1, 3, 2), (1, 2, 2), (1, 1, 1), (0, 4, 5), (1, 1, 1)),
    "groups": (2, 6, 3, 9, (1, 5, 4), (1, 3, 2), (1, 1, 2), (0, 1, 0), (1, 1, 1)),
    "depthwise": (2, 5, 5, 5, (1, 6, 5), (1, 3, 3), (1, 1, 1), (0, 1, 1), (1, 1, 1)),
    "depthwise_times_two": (1, 3, 3, 6, (1, 6, 5), (1, 3, 3), (1, 2, 2), (0, 0, 0), (1, 1, 1)),
    "volume": (2, 2, 1, 3, (4, 5, 3), (3, 2, 2), (1, 2, 1), (1, 0, 1), (1, 1, 1)),
    "volume_strided_groups": (2, 4, 2, 4, (5, 4, 6), (2, 3, 2), (2, 1, 2), (1, 1, 0), (2, 1, 2)),
    "many_small_images": (21, 2, 1, 5, (1, 2, 2), (1, 2, 2), (1, 1, 1), (0, 1, 1), (1, 1, 1)),
    "wide": (1, 1, 1, 2, (1, 2, 1100), (1, 2, 3), (1, 1, 1), (0, 0, 1), (1, 1, 1)),
    "wide_strided": (1, 2, 1, 1, (1, 1, 1301), (1, 1, 5), (1, 1, 2), (0, 0, 2), (1, 1, 2)),
    "tall": (2, 1, 1, 3, (1, 70, 17), (1, 3, 3), (1, 1, 1), (0, 1, 1), (1, 1, 1)),
    "many_channels": (1, 130, 1, 70, (1, 3, 9), (1, 3, 3), (1, 1, 1), (0, 1, 1), (1, 1, 1)),
    "blocks_of_channels": (9, 33, 1, 5, (1, 20, 20), (1, 5, 5), (1, 1, 1), (0, 2, 2), (1, 1, 1)),
}


def make(case, dtype=np.float64):
    images, channels, groups, outputs, inputs, kernel, stride, pad, dilation = CASES[case]
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    outs = tuple((n + 2 * p - r) // s + 1 for n, p, r, s in zip(inputs, pad, reach, stride))
    w = unfold.windows(images, channels // groups, inputs, outs, kernel, stride, pad, dilation)
    c = convolution.convolution(w, groups, outputs // groups)
    rng = np.random.default_rng(7)
    x = rng.standard_normal((images, channels, *inputs)).astype(dtype)
    weights = rng.standard_normal((outputs, channels // groups, *kernel)).astype(dtype)
    bias = rng.standard_normal(outputs).astype(dtype)
    dy = rng.standard_normal((images, outputs, *outs)).astype(dtype)
    work = SimpleNamespace(**{k: np.full(s, np.nan, dtype) for k, s in convolution.work_shapes(c).items()})
    return SimpleNamespace(c=c, x=x, weights=weights, bias=bias, dy=dy, work=work)


def compute(p):
    """y, dx and dw of the kernels; dw is added to ones."""
    y, dx = np.full_like(p.dy, np.nan), np.full_like(p.x, np.nan)
    dw = np.ones_like(p.weights)
    x, weights, dy = p.x.reshape(-1), p.weights.reshape(-1), p.dy.reshape(-1)
    convolution.forward(p.c, x, weights, p.bias, p.work, y.reshape(-1))
    convolution.data_gradient(p.c, weights, dy, p.work, dx.reshape(-1))
    convolution.weight_gradient(p.c, x, dy, p.work, dw.reshape(-1))
    return y, dx, dw


def naive(p, case):
    """The same by one loop over kernel elements, each a strided view of the padded input."""
    _, channels, groups, outputs, inputs, kernel, stride, pad, dilation = CASES[case]
    outs = p.dy.shape[2:]
    padded = np.pad(p.x, ((0, 0), (0, 0), *((n, n) for n in pad)))
    dpadded, y, dw = np.zeros_like(padded), np.zeros_like(p.dy), np.zeros_like(p.weights)
    y += p.bias.reshape(-1, 1, 1, 1)
    per_in, per_out = channels // groups, outputs // groups
    for m, c in itertools.product(range(outputs), range(per_in)):
        for k in itertools.product(*map(range, kernel)):
            window = tuple(slice(i * d, i * d + (n - 1) * s + 1, s) for i, d, n, s in zip(k, dilation, outs, stride))
            at = (slice(None), m // per_out * per_in + c, *window)
            y[:, m] += p.weights[(m, c, *k)] * padded[at]
            dpadded[at] += p.weights[(m, c, *k)] * p.dy[:, m]
            dw[(m, c, *k)] = (p.dy[:, m] * padded[at]).sum()
    inner = tuple(slice(n, n + size) for n, size in zip(pad, inputs))
    return y, dpadded[(slice(None), slice(None), *inner)], dw + 1


@pytest.mark.parametrize("case", CASES)
def test_matches_the_naive_oracle(case):
    problem = make(case)
    for found, expected in zip(compute(problem), naive(problem, case)):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("case", ["plain", "groups", "many_channels"])
def test_float32_is_as_near_as_its_precision(case):
    single = make(case, np.float32)
    for found, expected in zip(compute(single), naive(make(case), case)):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("case", ["blocks_of_channels", "many_small_images", "tall", "groups", "many_channels"])
def test_same_bits_on_any_number_of_threads(case):
    problem = make(case, np.float32)
    before = _threads.threads()
    try:
        runs = []
        for threads in (1, 2, 3):
            _threads.set_threads(threads)
            runs.append(compute(problem))
    finally:
        _threads.set_threads(before)
    for other in runs[1:]:
        for a, b in zip(runs[0], other):
            np.testing.assert_array_equal(a, b)


def test_no_bias_means_zero():
    p = make("plain")
    y, with_zero = np.empty_like(p.dy), np.empty_like(p.dy)
    for bias, out in ((np.empty(0), y), (np.zeros(4), with_zero)):
        convolution.forward(p.c, p.x.reshape(-1), p.weights.reshape(-1), bias, p.work, out.reshape(-1))
    np.testing.assert_array_equal(y, with_zero)


def test_infinity_stays_where_it_is_met():
    """Zeros beside the image, or in unfilled parts of a tile, must not turn an infinity elsewhere into NaN."""
    p = make("stride_above_kernel")
    p.x[0, 0, 0, 8, 7] = np.inf  # no window meets this corner
    _, _, dw = compute(p)
    assert np.isfinite(dw).all()


@pytest.mark.parametrize(
    "images, side, channels", [(1, 7, 512), (1, 224, 64), (64, 1, 2048), (100, 32, 3), (2, 1000, 8)]
)
def test_work_arrays_stay_small(images, side, channels):
    w = unfold.windows(images, channels, (1, side, side), (1, side, side), (1, 3, 3), (1, 1, 1), (0, 1, 1), (1, 1, 1))
    shapes = convolution.work_shapes(convolution.convolution(w, 1, 512))
    held = sum(int(np.prod(shape)) for name, shape in shapes.items() if name != "partials")
    assert held * 4 < 8e6
    assert int(np.prod(shapes["partials"])) <= max(512 * channels * 9, 2 * 1024 * 1024)
