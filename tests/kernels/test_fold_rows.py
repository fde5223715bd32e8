"""What surrounds the sums of a convolution, against numpy."""

import numpy as np
import pytest
from rows_harness import call, to_lanes, to_planes

from minicaffe.kernels.fast import fold_rows as f
from minicaffe.kernels.fast.vector import LANES


@pytest.mark.parametrize("there", range(32))
def test_fold(there):
    channels = 19
    values = np.random.default_rng(there).standard_normal((6, channels)).astype(np.float32)
    values[2] = values[2] ** 2
    bias, mean, variance, gamma, beta, last = values
    for count in (0, 2.5) if there & f.MEAN else (0,):
        share = 1 / count if count else 0
        factor = np.ones(channels)
        shift = bias.astype(float) if there & f.BIAS else np.zeros(channels)
        if there & f.MEAN:
            factor = 1 / np.sqrt(variance.astype(float) * share + 1e-5)
            shift = shift - mean * share
        factor = factor * gamma if there & f.GAMMA else factor
        shift = shift * factor + (beta if there & f.BETA else 0) + (last if there & f.LAST else 0)
        out = call(
            f.fold, 1, bias=(bias, 0), mean=(mean, 0), variance=(variance, 0), count=(np.full(1, count), 0),
            gamma=(gamma, 0), beta=(beta, 0), last=(last, 0), factor=(np.ones(32), 0), shift=(np.ones(32), 0),
            channels=channels, epsilon=1e-5, there=there,
        )  # fmt: skip
        for name, want in (("factor", factor), ("shift", shift)):
            np.testing.assert_allclose(out[name][:channels], want, rtol=1e-6, atol=1e-6)
            assert not out[name][channels:].any()


@pytest.mark.parametrize("relu, summed", [(1, 1), (1, 0), (0, 1)])
@pytest.mark.parametrize("group, cuts", [(5, ()), (5, (2,)), (2, (2, 4))])
def test_output_gradient(relu, summed, group, cuts):
    rng = np.random.default_rng(0)
    channels = LANES + 3
    dy, y = rng.standard_normal((2, 5, channels, 3, 3)).astype(np.float32)
    dy[1, 2], y[1, 2] = np.nan, 1
    lanes = 2 * LANES
    there = to_lanes(y, lanes)
    pieces = -(-5 // group)
    step = there[0].size
    out = call(
        f.output_gradient, 5, cuts, dy=(to_lanes(dy, lanes), step), y=(there, step), masked=(there * 0 + 7, step),
        sums=(np.full((pieces, lanes), np.nan), lanes), pixels=9, lanes=lanes, relu=relu, summed=summed, images=group,
    )  # fmt: skip
    want = dy * (y > 0) if relu else dy
    if relu:
        np.testing.assert_array_equal(to_planes(out["masked"], channels), want)
    if summed:
        out = call(
            f.add_sums, 1, sums=(out["sums"], lanes), gradient=(np.ones(channels), 0), pieces=pieces,
            channels=channels,
        )  # fmt: skip
        np.testing.assert_allclose(out["gradient"], 1 + want.sum((0, 2, 3)), rtol=1e-5, atol=1e-5)
