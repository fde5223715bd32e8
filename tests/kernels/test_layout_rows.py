"""Layout conversions of the fast plan, against numpy's."""

import numpy as np
import pytest
import rows_harness as harness

from minicaffe.kernels.fast.layout_rows import to_lanes, to_planes
from minicaffe.kernels.fast.vector import LANES

RNG = np.random.default_rng(5)
SHAPES = [(3, 3, 32, 32), (2, 40, 7, 7), (4, 16, 4, 4), (2, 5, 1, 3), (3, 37, 1, 1), (2, 32, 5, 11), (2, 1, 1, 17)]


def sizes(shape):
    channels, pixels = shape[1], shape[2] * shape[3]
    width = -(-channels // LANES) * LANES
    return channels, pixels, width


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("local", [0, 1])
def test_to_lanes(shape, local):
    channels, pixels, width = sizes(shape)
    x = RNG.standard_normal(shape).astype(np.float32)
    y = np.full((shape[0], *shape[2:], width), np.nan, np.float32)
    cuts = (1, 2) if not local else ()
    out = harness.call(
        to_lanes, shape[0], cuts, planes=(x, channels * pixels), lanes=(y, pixels * width, local),
        channels=channels, pixels=pixels, width=width, parts=1,
    )  # fmt: skip
    assert np.array_equal(out["lanes"], harness.to_lanes(x, width))


@pytest.mark.parametrize("shape", SHAPES)
def test_to_planes(shape):
    channels, pixels, width = sizes(shape)
    x = RNG.standard_normal((shape[0], *shape[2:], width)).astype(np.float32)
    y = np.full(shape, np.nan, np.float32)
    out = harness.call(
        to_planes, shape[0], (1,), planes=(y, channels * pixels), lanes=(x, pixels * width),
        channels=channels, pixels=pixels, width=width, parts=1,
    )  # fmt: skip
    assert np.array_equal(out["planes"], harness.to_planes(x, channels))


@pytest.mark.parametrize("shape, parts", [((2, 20, 7, 9), 3), ((1, 3, 33, 31), 16), ((2, 16, 4, 4), 1)])
def test_parts_of_an_image(shape, parts):
    channels, pixels, width = sizes(shape)
    x = RNG.standard_normal(shape).astype(np.float32)
    fields = {"channels": channels, "pixels": pixels, "width": width, "parts": parts}
    lanes = np.full((shape[0], *shape[2:], width), np.nan, np.float32)
    units = shape[0] * parts
    cuts = range(1, units)
    out = harness.call(to_lanes, units, cuts, planes=(x, channels * pixels), lanes=(lanes, pixels * width), **fields)
    assert np.array_equal(out["lanes"], harness.to_lanes(x, width))
    planes = np.full(shape, np.nan, np.float32)
    back = harness.call(
        to_planes, units, cuts, planes=(planes, channels * pixels), lanes=(out["lanes"], pixels * width), **fields
    )
    assert np.array_equal(back["planes"], x)
