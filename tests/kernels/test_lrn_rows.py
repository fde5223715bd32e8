"""Local response normalisation on images channels last, against float64."""

import numpy as np
import pytest
from rows_harness import call, to_lanes, to_planes

from minicaffe.kernels.fast import lrn_rows as rows
from minicaffe.kernels.fast.winograd import whole_vectors

IMAGES = 3
# channels, height, width, size
CASES = {
    "whole": (32, 4, 5, 5),
    "odd": (19, 7, 3, 3),
    "few": (2, 5, 5, 5),
    "wide": (40, 3, 3, 35),
    "alone": (16, 6, 4, 1),
}


def box(x, size, within):
    axes, half = (2, 3) if within else (1,), size // 2
    for axis in axes:
        pad = [(half, half) if a == axis else (0, 0) for a in range(4)]
        x = np.lib.stride_tricks.sliding_window_view(np.pad(x, pad), size, axis).sum(-1)
    return x


def naive(x, dy, size, k, alpha, beta, within):
    x, dy = x.astype(np.float64), dy.astype(np.float64)
    scale = k + alpha * box(x * x, size, within)
    y = x * scale**-beta
    return y, dy * scale**-beta - 2 * alpha * beta * x * box(dy * y / scale, size, within)


def make(case, beta, k=1.5, alpha=0.3):
    channels, height, width, size = CASES[case]
    x, dy = np.random.default_rng(3).standard_normal((2, IMAGES, channels, height, width)).astype(np.float32)
    lanes = whole_vectors(channels)
    facts = {"height": height, "width": width, "channels": channels, "lanes": lanes}
    facts |= {"size": size, "k": k, "alpha": alpha, "beta": beta}
    return x, dy, lanes, facts


def work(facts, within, gradient):
    if within:
        size = rows.work_within(facts["height"], facts["width"], facts["lanes"], gradient)
    else:
        size = rows.work_across(facts["size"], facts["lanes"])
    return np.full(size, np.nan, np.float32), 0


def junk(x, lanes):
    """With finite numbers of no meaning in the lanes beyond the channels."""
    out = to_lanes(x, lanes)
    out[..., x.shape[1] :] = 3e3
    return out, out[0].size


def forward(facts, x, within, parts=1, cuts=()):
    source = junk(x, facts["lanes"])
    kernel = rows.lrn_within if within else rows.lrn_across
    operands = {"x": source, "y": (np.full_like(source[0], np.nan), source[1]), "work": work(facts, within, False)}
    out = call(kernel, IMAGES * parts, cuts, **operands, **facts, parts=parts)["y"]
    assert np.isfinite(out).all()
    return to_planes(out, x.shape[1])


@pytest.mark.parametrize("within", [False, True], ids=["across", "within"])
@pytest.mark.parametrize("beta", [0.75, 0.6])
@pytest.mark.parametrize("case", CASES)
def test_matches_float64(case, beta, within):
    x, dy, lanes, facts = make(case, beta)
    alpha = facts["alpha"]
    y, dx = naive(x, dy, facts["size"], facts["k"], alpha, beta, within)
    np.testing.assert_allclose(forward(facts, x, within, cuts=(1,)), y, rtol=2e-6, atol=1e-7)
    kernel = rows.lrn_within_backward if within else rows.lrn_across_backward
    source = junk(x, lanes)
    operands = {"x": source, "dy": junk(dy, lanes), "dx": (np.full_like(source[0], np.nan), source[1])}
    out = call(kernel, IMAGES, (2,), **operands, work=work(facts, within, True), **facts, factor=2 * alpha * beta)["dx"]
    assert np.isfinite(out).all()
    np.testing.assert_allclose(to_planes(out, x.shape[1]), dx, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("within", [False, True], ids=["across", "within"])
@pytest.mark.parametrize("parts", [2, 3])
def test_parts_of_images(parts, within):
    x, _, _, facts = make("odd", 0.75)
    whole = forward(facts, x, within)
    np.testing.assert_array_equal(forward(facts, x, within, parts, cuts=(1, parts + 1)), whole)


@pytest.mark.parametrize("within", [False, True], ids=["across", "within"])
def test_what_is_not_finite_stays_so(within):
    x, _, _, facts = make("odd", 0.75)
    x[0, 4, 2, 1], x[1, 4, 2, 1] = np.nan, np.inf
    source = to_lanes(x, facts["lanes"])
    operands = {"x": (source, source[0].size), "y": (np.zeros_like(source), source[0].size)}
    kernel = rows.lrn_within if within else rows.lrn_across
    y = to_planes(call(kernel, IMAGES, **operands, work=work(facts, within, False), **facts, parts=1)["y"], 19)
    assert np.isnan(y[0, 4, 2, 1]) and np.isnan(y[1, 4, 2, 1])
    assert y[1, 3 if not within else 4, 2, 1 if not within else 0] == 0
    assert np.isfinite(y[2]).all()
