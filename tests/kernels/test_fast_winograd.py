"""Winograd convolution against the plain kernels in float64: stated bounds, odd geometries, any number of threads."""

from types import SimpleNamespace

import numpy as np
import pytest

from minicaffe.kernels import _threads, convolution, unfold
from minicaffe.kernels.fast import winograd
from minicaffe.kernels.fast.vector import LANES

BOUNDS = {3: (2e-6, 3e-6, 6e-6), 5: (5e-6, 1e-5, 3e-5)}
"""By taps: root mean square errors of y, dx and dw over that of the exact result."""

# images, channels, groups, outputs, height, width, taps, pad_h, pad_w
CASES = {
    "one_channel": (3, 1, 1, 5, 9, 10, 5, 0, 0),
    "first_layer": (5, 3, 1, 20, 13, 11, 5, 2, 2),
    "three_by_three": (4, 3, 1, 7, 9, 7, 3, 1, 1),
    "no_pad": (2, 9, 1, 6, 8, 15, 3, 0, 0),
    "wide_pad": (2, 5, 1, 4, 6, 5, 3, 3, 2),
    "widest_pad_of_five": (2, 5, 1, 4, 7, 6, 5, 3, 4),
    "whole_vectors": (9, 32, 1, 64, 8, 8, 5, 2, 2),
    "rest_of_vectors": (3, 17, 1, 33, 5, 6, 3, 1, 1),
    "output_of_one": (21, 4, 1, 3, 3, 5, 3, 0, 0),
    "groups": (3, 12, 3, 30, 9, 6, 5, 2, 2),
    "depthwise": (2, 5, 5, 5, 9, 9, 3, 1, 1),
    "strips": (2, 3, 1, 5, 90, 75, 3, 1, 1),
    "strips_of_five": (3, 6, 1, 4, 61, 70, 5, 1, 2),
    "one_image_many_outputs": (1, 8, 1, 16 * LANES + 3, 12, 9, 3, 1, 1),
    "many_images": (50, 6, 1, 8, 12, 12, 5, 0, 0),
}


def make(case, dtype=np.float32):
    images, channels, groups, outputs, height, width, taps, pad_h, pad_w = CASES[case]
    outs = (height + 2 * pad_h - taps + 1, width + 2 * pad_w - taps + 1)
    w = unfold.windows(
        images, channels // groups, (1, height, width), (1, *outs), (1, taps, taps), (1, 1, 1), (0, pad_h, pad_w),
        (1, 1, 1),
    )  # fmt: skip
    rng = np.random.default_rng(11)
    shapes = {
        "x": (images, channels, height, width),
        "weights": (outputs, channels // groups, taps, taps),
        "bias": (outputs,),
        "dy": (images, outputs, *outs),
    }
    arrays = {name: rng.standard_normal(shape).astype(np.float32).astype(dtype) for name, shape in shapes.items()}
    return SimpleNamespace(w=w, groups=groups, per_group=outputs // groups, taps=taps, **arrays)


GUARD = 64
CANARY = -777.125


def guarded(shape, dtype, fill, guards):
    """An array with canaries before and after it; its whole memory goes to ``guards``."""
    size = int(np.prod(shape))
    memory = np.full(size + 2 * GUARD, CANARY, dtype)
    guards.append(memory)
    inside = memory[GUARD : GUARD + size]
    inside[...] = fill
    return inside.reshape(shape)


def compute(p, family=winograd, plan=winograd.winograd, junk=np.nan, bias=None, want=(True, True)):
    """y, dx and dw; dw is added to ones. Work arrays and results hold ``junk`` before; none is overrun."""
    c, guards, dtype = plan(p.w, p.groups, p.per_group), [], p.x.dtype
    work = SimpleNamespace(**{k: guarded(s, dtype, junk, guards) for k, s in family.work_shapes(c).items()})
    y, dx = guarded(p.dy.shape, dtype, junk, guards), guarded(p.x.shape, dtype, junk, guards)
    dw = guarded(p.weights.shape, dtype, 1, guards)
    x, weights, dy = p.x.reshape(-1), p.weights.reshape(-1), p.dy.reshape(-1)
    family.forward(c, x, weights, p.bias if bias is None else bias, work, y.reshape(-1))
    into = [out.reshape(-1) if wanted else None for out, wanted in zip((dx, dw), want)]
    family.backward(c, x, weights, dy, work, *into)
    for memory in guards:
        assert (memory[:GUARD] == CANARY).all() and (memory[-GUARD:] == CANARY).all()
    return y, dx, dw


def exact(case):
    return compute(make(case, np.float64), convolution, convolution.convolution)


def error(found, expected):
    return np.sqrt(((found - expected) ** 2).mean() / (expected**2).mean())


@pytest.mark.parametrize("case", CASES)
def test_matches_the_plain_kernels(case):
    p = make(case)
    for found, expected, bound in zip(compute(p), exact(case), BOUNDS[p.taps]):
        assert found.dtype == np.float32
        assert error(found, expected) < bound


def test_the_cases_reach_every_way_to_cut():
    plans = {case: winograd.winograd(p.w, p.groups, p.per_group) for case in CASES for p in [make(case)]}
    assert plans["strips"].strips > 1 and plans["strips_of_five"].strips > 1
    assert plans["one_image_many_outputs"].cuts > 1
    assert plans["many_images"].block_images > 1 and plans["many_images"].partials > 1
    assert plans["groups"].groups > 1


@pytest.mark.parametrize("case", ["first_layer", "strips", "one_image_many_outputs", "many_images", "groups"])
def test_same_bits_on_any_number_of_threads(case):
    p, before, runs = make(case), _threads.threads(), []
    try:
        for threads in (1, 2, 3):
            _threads.set_threads(threads)
            runs.append(compute(p))
    finally:
        _threads.set_threads(before)
    for other in runs[1:]:
        for a, b in zip(runs[0], other):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_read_before_it_is_written(case):
    p = make(case)
    for a, b in zip(compute(p, junk=np.nan), compute(p, junk=3.0)):
        np.testing.assert_array_equal(a, b)


def test_gradients_that_are_not_wanted_change_nothing():
    p = make("first_layer")
    _, dx, dw = compute(p)
    _, only_dx, ones = compute(p, want=(True, False))
    _, nothing, only_dw = compute(p, want=(False, True))
    np.testing.assert_array_equal(only_dx, dx)
    np.testing.assert_array_equal(only_dw, dw)
    np.testing.assert_array_equal(ones, 1)
    assert np.isnan(nothing).all()


def test_no_bias_means_zero():
    p = make("three_by_three")
    empty, zero = np.empty(0, np.float32), np.zeros_like(p.bias)
    np.testing.assert_array_equal(compute(p, bias=empty)[0], compute(p, bias=zero)[0])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["x", "weights", "dy"])
def test_what_is_not_finite_is_seen(value, where):
    """Where the plain sum is not finite Winograd's is not; images that do not meet the value stay as they were."""
    p, q = make("whole_vectors"), make("whole_vectors", np.float64)
    clean = compute(p)
    for problem in (p, q):
        getattr(problem, where).reshape(-1)[77] = value
    found, expected = compute(p), compute(q, convolution, convolution.convolution)
    for a, b in zip(found, expected):
        assert not np.isfinite(a[~np.isfinite(b)]).any()
    assert not all(np.isfinite(b).all() for b in expected)
    if where != "weights":
        for a, b in zip(found[:2], clean):
            np.testing.assert_array_equal(a[1:], b[1:])


@pytest.mark.parametrize(
    "images, side, channels, outputs", [(1, 7, 512, 512), (1, 224, 64, 64), (100, 32, 3, 32), (2, 500, 8, 16)]
)
def test_work_arrays_stay_small(images, side, channels, outputs):
    w = unfold.windows(images, channels, (1, side, side), (1, side, side), (1, 3, 3), (1, 1, 1), (0, 1, 1), (1, 1, 1))
    c = winograd.winograd(w, 1, outputs)
    shapes = winograd.work_shapes(c)
    of_blocks = sum(int(np.prod(shapes[name])) for name in ("inputs", "outputs", "strips", "stages"))
    assert of_blocks * 4 < 50e6
    weights = c.points * (channels * outputs + channels + outputs + LANES) * 2
    assert int(np.prod(shapes["sums"])) <= max(2 * weights, winograd.PARTIALS + weights)
