"""Functions of one number, and PReLU, by row kernels against float64."""

import numpy as np
import pytest
import rows_harness as harness

from minicaffe.kernels.fast.function_rows import (
    ABS,
    BNLL,
    CLIP,
    ELU,
    LINE,
    SQUARE,
    SWISH,
    THRESHOLD,
    function,
    function_gradient,
)
from minicaffe.kernels.fast.prelu_rows import prelu, prelu_gradient, slope_sums
from minicaffe.kernels.fast.vector import LANES

RNG = np.random.default_rng(3)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


FUNCTIONS = {  # kind: options, f(x), f'(x)
    ABS: ((), np.abs, np.sign),
    BNLL: ((), lambda x: np.logaddexp(0, x), sigmoid),
    CLIP: ((-0.5, 1.0), lambda x: np.clip(x, -0.5, 1), lambda x: (x >= -0.5) & (x <= 1)),
    ELU: ((0.7,), lambda x: np.where(x > 0, x, 0.7 * np.expm1(x)), lambda x: np.where(x > 0, 1, 0.7 * np.exp(x))),
    LINE: ((-0.5, 2.0), lambda x: 2 - 0.5 * x, lambda x: -0.5 + 0 * x),
    SQUARE: ((-0.5, 2.0), lambda x: (2 - 0.5 * x) ** 2, lambda x: 0.5 * x - 2),
    SWISH: ((1.5,), lambda x: x * sigmoid(1.5 * x), lambda x: sigmoid(1.5 * x) * (1 + 1.5 * x * sigmoid(-1.5 * x))),
    THRESHOLD: ((0.5,), lambda x: np.where(x > 0.5, 1, 0), None),
}


@pytest.mark.parametrize("kind", FUNCTIONS)
@pytest.mark.parametrize("images, size, parts", [(3, 77, 1), (2, 1000, 3), (4, 1, 1)])
def test_function(kind, images, size, parts):
    options, f, slope = FUNCTIONS[kind]
    a, b = (*options, 0.0, 0.0)[:2]
    x = (RNG.standard_normal((images, size)) * 4).astype(np.float32)
    x[0, :1], x[-1, -1:] = 0, -0.5
    facts = {"size": size, "kind": kind, "a": a, "b": b}
    y = harness.call(function, images * parts, range(parts, images * parts, parts), x=(x, size),
                     y=(np.full_like(x, np.nan), size), parts=parts, **facts)["y"]  # fmt: skip
    exact = f(x.astype(np.float64))
    np.testing.assert_allclose(y, exact, rtol=1e-6, atol=1e-6)
    if slope is not None:
        dy = RNG.standard_normal(x.shape).astype(np.float32)
        side = exact.astype(np.float32) if kind == ELU else x
        dx = harness.call(function_gradient, images, (1,), dy=(dy, size), side=(side, size),
                          dx=(np.full_like(x, np.nan), size), **facts)["dx"]  # fmt: skip
        np.testing.assert_allclose(dx, dy * slope(x.astype(np.float64)), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_nan_stays_nan(kind):
    x = np.full((1, 40), np.nan, np.float32)
    a, b = (*FUNCTIONS[kind][0], 0.0, 0.0)[:2]
    y = harness.call(function, 1, x=(x, 40), y=(np.zeros_like(x), 40), size=40, kind=kind, a=a, b=b, parts=1)["y"]
    assert np.isnan(y).all() if kind != THRESHOLD else not y.any()


@pytest.mark.parametrize("shared", [0, 1])
@pytest.mark.parametrize("images, pixels, channels", [(5, 7, 3), (2, 1, 40), (3, 50, 16)])
def test_prelu(images, pixels, channels, shared):
    width = -(-channels // LANES) * LANES
    x, dy = (RNG.standard_normal((images, pixels, width)).astype(np.float32) for _ in range(2))
    slope = np.zeros(width, np.float32)
    slope[: 1 if shared else channels] = RNG.uniform(-1, 1, 1 if shared else channels)
    wide = slope[0] if shared else slope
    facts = {"pixels": pixels, "width": width, "shared": shared}
    step = pixels * width
    parts = min(pixels, 2)
    y = harness.call(prelu, images * parts, (parts,), x=(x, step), slope=(slope, 0),
                     y=(np.full_like(x, np.nan), step), parts=parts, **facts)["y"]  # fmt: skip
    np.testing.assert_array_equal(y, np.where(x > 0, x, wide * x))
    out = harness.call(
        prelu_gradient, images, (1,), dy=(dy, step), x=(x, step), slope=(slope, 0), dx=(np.full_like(x, np.nan), step),
        sums=(np.full((images, width), np.nan, np.float32), width), wants_x=1, wants_slope=1, **facts,
    )  # fmt: skip
    np.testing.assert_array_equal(out["dx"], np.where(x > 0, dy, wide * dy))
    exact = (dy.astype(np.float64) * np.minimum(x, 0)).sum((0, 1))[:channels]
    old = np.zeros(width, np.float32)
    old[: 1 if shared else channels] = 1
    found = harness.call(
        slope_sums, 1 if shared else width // LANES, sums=(out["sums"], width), dslope=(old, 0), images=images,
        channels=channels, shared=shared,
    )["dslope"]  # fmt: skip
    expected = [1 + exact.sum()] if shared else 1 + exact
    np.testing.assert_allclose(found[: len(expected)], expected, rtol=1e-5, atol=1e-5)
    assert not found[len(expected) :].any()
