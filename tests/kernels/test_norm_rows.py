"""Batch normalisation and activations by row kernels, against float64."""

import numpy as np
import pytest
import rows_harness as harness

from minicaffe.kernels.fast.activation_vectors import NONE, RELU, SIGMOID, TANH
from minicaffe.kernels.fast.norm_gradient_rows import affine_gradient, affine_sums_of_images, combine_sums
from minicaffe.kernels.fast.norm_rows import affine, combine_statistics, statistics, stored_statistics
from minicaffe.kernels.fast.pointwise_rows import activate, activate_gradient, product, weighted_sum
from minicaffe.kernels.fast.vector import LANES

RNG = np.random.default_rng(3)
KINDS = [(NONE, 0.0), (RELU, 0.0), (RELU, 0.1), (SIGMOID, 0.0), (TANH, 0.0)]


def width_of(channels):
    return -(-channels // LANES) * LANES


def junk_in_pads(x, channels):
    x[..., channels:] = 1e30
    return x


def random_lanes(images, pixels, channels, scale=1.0, shift=0.0):
    x = RNG.standard_normal((images, pixels, width_of(channels))) * scale + shift
    return junk_in_pads(x.astype(np.float32), channels)


def padded(values, width):
    return np.concatenate([values, np.zeros(width - len(values))]).astype(np.float32)


def act(kind, slope, z):
    return {
        NONE: lambda: z,
        RELU: lambda: np.where(z > 0, z, slope * z),
        SIGMOID: lambda: 1 / (1 + np.exp(-z)),
        TANH: lambda: np.tanh(z),
    }[kind]()


def slope_at(kind, slope, z):
    y = act(kind, 0.0, z)
    return {NONE: 1 + 0 * z, RELU: np.where(z > 0, 1, slope), SIGMOID: y * (1 - y), TANH: 1 - y * y}[kind]


def batch_moments(x, channels, eps, gamma, state, fraction):
    images, pixels, width = x.shape
    outs = harness.call(
        statistics, images, (1,) if images > 1 else (), x=(x, pixels * width),
        moments=(np.full((images, 3, width), np.nan, np.float32), 3 * width), pixels=pixels, width=width,
    )  # fmt: skip
    sums = x if pixels == 1 else outs["moments"]
    return harness.call(
        combine_statistics, width // LANES, range(1, width // LANES), sums=(sums, sums[0].size),
        gamma=(gamma, 0), moments=(np.full((3, width), np.nan, np.float32), 0),
        running_mean=(state[0], 0), running_variance=(state[1], 0), running_factor=(state[2], 0),
        images=images, pixels=pixels, channels=channels, width=width, scaled=1, eps=eps, fraction=fraction,
    )  # fmt: skip


@pytest.mark.parametrize("images, pixels, channels", [(5, 77, 37), (1, 1500, 16), (3, 2, 3), (4, 300, 70), (2, 1, 20)])
@pytest.mark.parametrize("shift", [0.0, 300.0])
def test_statistics_of_a_batch(images, pixels, channels, shift):
    x = random_lanes(images, pixels, channels, 0.5, shift)
    x[:, :20, :2] = 0  # first pixels far from the rest
    width = width_of(channels)
    gamma = padded(RNG.uniform(0.5, 2, channels), width)
    state = [padded(RNG.uniform(1, 2, channels), width) for _ in range(2)] + [np.float32([3.0])]
    out = batch_moments(x, channels, 1e-5, gamma, state, 0.9)
    exact = x[..., :channels].astype(np.float64).reshape(-1, channels)
    mean, variance = exact.mean(0), exact.var(0)
    moments = out["moments"][:, :channels]
    np.testing.assert_allclose(moments[0], mean, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(moments[1], 1 / np.sqrt(variance + 1e-5), rtol=2e-6)
    np.testing.assert_allclose(moments[2], moments[1] * gamma[:channels], rtol=1e-6)
    assert not out["moments"][:, channels:].any()
    number = images * pixels
    new = variance * (number / (number - 1))
    np.testing.assert_allclose(out["running_mean"], padded(state[0][:channels] * 0.9 + mean, width), rtol=1e-6)
    np.testing.assert_allclose(out["running_variance"], padded(state[1][:channels] * 0.9 + new, width), rtol=4e-6)
    np.testing.assert_allclose(out["running_factor"], [3.7], rtol=1e-6)


def test_statistics_of_rows_of_numbers():
    x = random_lanes(9, 1, 21, 2.0, 5.0)[:, 0]
    zeros = np.zeros(32, np.float32)
    out = harness.call(
        combine_statistics, width_of(21) // LANES, sums=(x, width_of(21)), gamma=(zeros, 0),
        moments=(np.zeros((3, width_of(21)), np.float32), 0), running_mean=(zeros, 0), running_variance=(zeros, 0),
        running_factor=(np.zeros(1, np.float32), 0), images=9, pixels=1, channels=21, width=width_of(21), scaled=0,
        eps=1e-3, fraction=0.999,
    )  # fmt: skip
    exact = x[:, :21].astype(np.float64)
    np.testing.assert_allclose(out["moments"][0, :21], exact.mean(0), rtol=1e-6)
    np.testing.assert_allclose(out["moments"][1, :21], 1 / np.sqrt(exact.var(0) + 1e-3), rtol=1e-6)
    assert np.array_equal(out["moments"][1], out["moments"][2])


@pytest.mark.parametrize("factor", [0.0, 2.5])
def test_stored_statistics(factor):
    channels, width = 21, width_of(21)
    mean, variance = padded(RNG.standard_normal(21), width), padded(RNG.uniform(1, 2, 21), width)
    gamma = padded(RNG.uniform(1, 2, 21), width)
    out = harness.call(
        stored_statistics, width // LANES, running_mean=(mean, 0), running_variance=(variance, 0),
        running_factor=(np.float32([factor]), 0), gamma=(gamma, 0), moments=(np.zeros((3, width), np.float32), 0),
        channels=channels, width=width, scaled=1, eps=1e-3,
    )["moments"]  # fmt: skip
    share = 1 / factor if factor else 0
    inverse = 1 / np.sqrt(variance[:21].astype(np.float64) * share + 1e-3)
    np.testing.assert_allclose(out[0, :21], mean[:21] * share, rtol=1e-6)
    np.testing.assert_allclose(out[1, :21], inverse, rtol=1e-6)
    np.testing.assert_allclose(out[2, :21], inverse * gamma[:21], rtol=1e-6)
    assert not out[:, 21:].any()


def affine_operands(pixels, channels):
    width = width_of(channels)
    x = random_lanes(3, pixels, channels, 1.0, 1.0)
    mean, factor, offset = (padded(RNG.uniform(0.5, 2, channels), width) for _ in range(3))
    z = (x - mean).astype(np.float64) * factor + offset
    return x, mean, factor, offset, z


@pytest.mark.parametrize("kind, slope", KINDS)
@pytest.mark.parametrize("pixels, channels, parts", [(77, 37, 1), (300, 16, 3), (1, 20, 1), (9, 600, 2)])
@pytest.mark.parametrize("added", [0, 1])
def test_affine(kind, slope, pixels, channels, parts, added):
    x, mean, factor, offset, z = affine_operands(pixels, channels)
    residual = random_lanes(3, pixels, channels)
    if added:
        z = z + residual
    x[1, 0, 1] = np.nan
    z[1, 0, 1] = np.nan
    width = width_of(channels)
    out = harness.call(
        affine, 3 * parts, range(1, 3 * parts), x=(x, pixels * width), mean=(mean, 0), factor=(factor, 0),
        offset=(offset, 0), residual=(residual, pixels * width), y=(np.full_like(x, np.inf), pixels * width),
        pixels=pixels, width=width, kind=kind, slope=slope, added=added, parts=parts,
    )["y"]  # fmt: skip
    expected = act(kind, slope, z[..., :channels])
    np.testing.assert_allclose(out[..., :channels], expected, rtol=1e-6, atol=1e-6)
    assert np.isfinite(out[..., channels:]).all()


@pytest.mark.parametrize("kind, slope", KINDS)
@pytest.mark.parametrize("pixels, channels", [(77, 37), (300, 16), (1, 20), (600, 40)])
def test_gradient(kind, slope, pixels, channels):
    x, mean, factor, offset, z = affine_operands(pixels, channels)
    width, c = width_of(channels), slice(0, channels)
    y = act(kind, slope, np.clip(z, -80, 80)).astype(np.float32)
    dy = random_lanes(3, pixels, channels)
    inverse = padded(RNG.uniform(0.5, 2, channels), width)
    size = pixels * width
    shared = {
        "x": (x, size), "y": (y, size), "dy": (dy, size), "mean": (mean, 0), "factor": (factor, 0),
        "offset": (offset, 0), "pixels": pixels, "width": width, "kind": kind, "slope": slope,
    }  # fmt: skip
    into = {"sums": (np.full((3, 2, width), np.nan, np.float32), 2 * width), "masked": (np.full_like(x, np.inf), size)}
    out = harness.call(affine_sums_of_images, 3, (2,), **into, added=0, **shared)
    sums = out["sums"]
    assert np.isinf(out["masked"]).all()  # nothing was added
    g = dy[..., c] * slope_at(kind, slope, z[..., c])
    centred = (x[..., c] - mean[c]).astype(np.float64)
    np.testing.assert_allclose(sums[:, 0, c], g.sum(1), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(sums[:, 1, c], (g * centred).sum(1), rtol=1e-5, atol=2e-5)
    dgamma, dbeta = np.ones((2, width), np.float32)
    dgamma[channels:], dbeta[channels:] = 0, 0
    combined = harness.call(
        combine_sums, width // LANES, range(1, width // LANES), sums=(sums, 2 * width), inverse=(inverse, 0),
        means=(np.full((2, width), np.nan, np.float32), 0), dgamma=(dgamma, 0), dbeta=(dbeta, 0),
        images=3, pixels=pixels, channels=channels, width=width, wants_gamma=1, wants_beta=1,
    )  # fmt: skip
    total, product_sum = g.sum((0, 1)), (g * centred).sum((0, 1)) * inverse[c]
    np.testing.assert_allclose(combined["dbeta"], padded(1 + total, width), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(combined["dgamma"], padded(1 + product_sum, width), rtol=1e-5, atol=1e-4)
    number = 3 * pixels
    for centre in (0, 1):
        dx = harness.call(
            affine_gradient, 6, (1, 4), means=(combined["means"], 0), dx=(np.full_like(x, np.inf), size),
            centred=centre, parts=2, **shared,
        )["dx"]  # fmt: skip
        expected = g * factor[c]
        if centre:
            expected -= factor[c] * (total + centred * inverse[c] * product_sum) / number
        np.testing.assert_allclose(dx[..., c], expected, rtol=1e-5, atol=1e-5)
        assert np.isfinite(dx[..., channels:]).all()


@pytest.mark.parametrize("slope", [0.0, 0.1])
@pytest.mark.parametrize("pixels, channels", [(77, 37), (300, 16), (1, 20)])
def test_gradient_of_a_sum_through_relu(slope, pixels, channels):
    x, mean, factor, offset, _ = affine_operands(pixels, channels)
    width, c, size = width_of(channels), slice(0, channels), pixels * width_of(channels)
    y, dy = random_lanes(3, pixels, channels), random_lanes(3, pixels, channels)
    y[..., channels:] = 1
    out = harness.call(
        affine_sums_of_images, 3, (2,), x=(x, size), y=(y, size), dy=(dy, size), mean=(mean, 0), factor=(factor, 0),
        offset=(offset, 0), sums=(np.full((3, 2, width), np.nan, np.float32), 2 * width),
        masked=(np.full_like(x, np.inf), size), pixels=pixels, width=width, kind=RELU, slope=slope, added=1,
    )  # fmt: skip
    g = np.where(y > 0, dy, np.float32(slope) * dy)
    assert np.array_equal(out["masked"][..., c], g[..., c])
    assert np.isfinite(out["masked"]).all()
    exact = g[..., c].astype(np.float64)
    np.testing.assert_allclose(out["sums"][:, 0, c], exact.sum(1), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(out["sums"][:, 1, c], (exact * (x - mean)[..., c]).sum(1), rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("kind, slope", [*KINDS[1:], (RELU, -0.5)])
@pytest.mark.parametrize("size, parts", [(5, 1), (64, 1), (1003, 3)])
def test_activations(kind, slope, size, parts):
    x = RNG.standard_normal((3, size)).astype(np.float32)
    x[1, :3] = np.nan, 0, -0.0
    units = 3 * parts
    y = harness.call(
        activate, units, range(1, units), x=(x, size), y=(np.empty_like(x), size), size=size, kind=kind, slope=slope,
        parts=parts,
    )["y"]  # fmt: skip
    np.testing.assert_allclose(y, act(kind, slope, x.astype(np.float64)), rtol=1e-6)
    dy = RNG.standard_normal((3, size)).astype(np.float32)
    side = x if slope < 0 else y
    dx = harness.call(
        activate_gradient, units, range(1, units), dy=(dy, size), side=(side, size), dx=(np.empty_like(x), size),
        size=size, kind=kind, slope=slope, factor=0.5, parts=parts,
    )["dx"]  # fmt: skip
    np.testing.assert_allclose(dx, 0.5 * dy * slope_at(kind, slope, x.astype(np.float64)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size, parts", [(5, 1), (64, 1), (1003, 3)])
def test_sums_and_products(size, parts):
    a, b = RNG.standard_normal((2, 2, size)).astype(np.float32)
    units = 2 * parts
    shared = {"a": (a, size), "b": (b, size), "y": (np.empty_like(a), size), "size": size, "parts": parts}
    for rectified in (0, 1):
        y = harness.call(
            weighted_sum, units, range(1, units), factor_a=2.0, factor_b=-0.5, rectified=rectified, slope=0.25, **shared
        )["y"]
        expected = 2 * a - 0.5 * b
        np.testing.assert_allclose(
            y, np.where(expected > 0, expected, 0.25 * expected) if rectified else expected, rtol=1e-5, atol=1e-6
        )
    y = harness.call(product, units, range(1, units), **shared)["y"]
    assert np.array_equal(y, a * b)
