"""Dense layers on rows, against float64; odd sizes, cuts, and what has been added to before."""

import numpy as np
import pytest
from rows_harness import call

from minicaffe.kernels.fast import inner_rows as rows
from minicaffe.kernels.fast.inner_rows import LANES, PANEL, ROWS

# images, inputs, outputs
SIZES = [(1, 3, 1), (5, LANES, 4), (7, 67, 10), (13, 130, 75), (3, 1024, 9), (9, 200, 33)]


def make(images, inputs, outputs):
    rng = np.random.default_rng(4)
    x, w = rng.standard_normal((images, inputs)), rng.standard_normal((outputs, inputs))
    bias, dy = rng.standard_normal(outputs), rng.standard_normal((images, outputs))
    return [a.astype(np.float32) for a in (x, w, bias, dy)]


def forward(kernel, units, cuts, x, w, bias, stretch=10**6, biased=1, relu=0, local=0):
    (images, inputs), outputs = x.shape, len(w)
    y = np.full((images, outputs), np.nan, np.float32)
    facts = {"images": images, "inputs": inputs, "outputs": outputs, "stretch": stretch, "biased": biased, "relu": relu}
    operands = {"x": (x, inputs, local), "w": (w, 0), "bias": (bias, 0), "y": (y, outputs, local)}
    return call(kernel, units, cuts, **operands, **facts)["y"]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("relu", [0, 1])
def test_outputs(sizes, relu):
    images, _, outputs = sizes
    x, w, bias, _ = make(*sizes)
    expected = x.astype(np.float64) @ w.T.astype(np.float64) + bias
    expected = np.maximum(expected, 0) if relu else expected
    cuts = [cut for cut in (2, 5) if cut < images]
    found = forward(rows.inner_by_images, images, cuts, x, w, bias, relu=relu)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)
    cuts = [cut for cut in (3, 8) if cut < outputs]
    np.testing.assert_array_equal(forward(rows.inner_by_outputs, outputs, cuts, x, w, bias, relu=relu), found)
    found = forward(rows.inner_by_outputs, outputs, cuts, x, w, bias, stretch=PANEL, relu=relu)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("images, blocks, outputs", [(1, 1, 1), (LANES + 3, 3, ROWS + 5), (2 * PANEL, 9, 2 * ROWS)])
@pytest.mark.parametrize("biased", [0, 1])
def test_many_images(images, blocks, outputs, biased):
    inputs, width = blocks * LANES, -(-images // LANES) * LANES
    x, w, bias, _ = make(images, inputs, outputs)
    x[0, 0] = np.nan
    into = np.full((inputs, width), np.nan, np.float32)
    operands = {"x": (x, inputs), "columns": (into, 0)}
    columns = call(rows.inner_columns, blocks, range(1, blocks), **operands, images=images, inputs=inputs, width=width)
    columns = columns["columns"]
    np.testing.assert_array_equal(columns[:, :images], x.T)
    assert not columns[:, images:].any()
    expected = x.astype(np.float64) @ w.T.astype(np.float64) + biased * bias
    facts = {"images": images, "inputs": inputs, "width": width, "biased": biased}
    for relu in (0, 1):
        y, tile = np.full((images, outputs), np.nan, np.float32), np.full((ROWS, width), np.nan, np.float32)
        operands = {"columns": (columns, 0), "w": (w, 0), "bias": (bias, 0), "tile": (tile, 0, 1), "y": (y, outputs)}
        found = [
            call(rows.inner_by_columns, outputs, cuts, **operands, **facts, relu=relu)["y"]
            for cuts in ((), [cut for cut in (3, 8) if cut < outputs])
        ]
        np.testing.assert_array_equal(*found)
        assert np.isnan(found[0][0]).all()
        np.testing.assert_allclose(found[0], np.maximum(expected, 0) if relu else expected, rtol=1e-5, atol=1e-4)


def test_without_bias():
    x, w, bias, _ = make(7, 67, 10)
    found = forward(rows.inner_by_images, 7, (), x, w, np.full_like(bias, np.nan), biased=0)
    np.testing.assert_allclose(found, x @ w.T, rtol=1e-4, atol=1e-4)


def test_local_operands():
    x, w, bias, _ = make(4, 40, 6)
    found = forward(rows.inner_by_images, 8, (4,), x, w, bias, local=1)
    np.testing.assert_array_equal(found, forward(rows.inner_by_images, 4, (), x, w, bias))


def test_relu_keeps_nan():
    x, w, bias, _ = make(7, 67, 10)
    x[3, 66] = np.nan
    found = forward(rows.inner_by_images, 7, (), x, w, bias, relu=1)
    assert np.isnan(found[3]).all() and np.isfinite(np.delete(found, 3, 0)).all()


@pytest.mark.parametrize("sizes", SIZES)
def test_gradient_of_data(sizes):
    images, inputs, outputs = sizes
    x, w, _, dy = make(*sizes)
    expected = dy.astype(np.float64) @ w.astype(np.float64)
    facts = {"images": images, "inputs": inputs, "outputs": outputs, "chunk": 2 * PANEL}
    operands = {"dy": (dy, outputs), "w": (w, 0), "dx": (np.full_like(x, np.nan), inputs)}
    panel, tile = np.full(PANEL * rows.DEPTH, np.nan, np.float32), np.full(2 * PANEL * images, np.nan, np.float32)
    units, work = -(-inputs // PANEL), {"panel": (panel, 0, 1), "tile": (tile, 0, 1)}
    found = [call(rows.inner_data, units, cuts, **operands, **work, **facts)["dx"] for cuts in ((), range(1, units))]
    np.testing.assert_array_equal(*found)
    np.testing.assert_allclose(found[0], expected, rtol=1e-5, atol=1e-4)
    cuts = [cut for cut in (2, 5) if cut < images]
    found = call(rows.inner_data_by_images, images, cuts, **operands, **work, **facts)["dx"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("sizes", SIZES)
def test_gradients_of_parameters(sizes):
    images, inputs, outputs = sizes
    x, w, bias, dy = make(*sizes)
    facts = {"images": images, "inputs": inputs, "outputs": outputs}
    units = -(-inputs // PANEL)
    panels, tile = np.full(units * PANEL * images, np.nan), np.full(ROWS * (images + PANEL), np.nan)
    operands = {"x": (x, inputs), "panels": (panels, 0)}
    panels = call(rows.inner_panels, units, range(1, units), **operands, images=images, inputs=inputs)["panels"]
    operands = {"dy": (dy, outputs), "panels": (panels, 0), "tile": (tile, 0, 1)}
    units, expected = -(-outputs // ROWS), dy.astype(np.float64).T @ x
    for adds, before in ((1, w), (0, np.full_like(w, np.nan))):
        found = [
            call(rows.inner_weights, units, cuts, **operands, dw=(before, 0), **facts, chunk=2 * PANEL, add=adds)["dw"]
            for cuts in ((), range(1, units))
        ]
        np.testing.assert_array_equal(*found)
        np.testing.assert_allclose(found[0], expected + (w if adds else 0), rtol=1e-5, atol=1e-4)
    found = call(rows.inner_bias, -(-outputs // LANES), dy=(dy, outputs), db=(bias, 0), images=images, outputs=outputs)
    np.testing.assert_allclose(found["db"], bias + dy.astype(np.float64).sum(0), rtol=1e-5, atol=1e-4)


def test_gradient_of_relu():
    rng = np.random.default_rng(0)
    y, dy = rng.standard_normal((2, 3, LANES + 5)).astype(np.float32)
    y[1, 0], y[2, LANES + 1] = np.nan, np.nan
    found = call(
        rows.where_output_positive, 3, (1,), dy=(dy, LANES + 5), y=(y, LANES + 5),
        dx=(np.full_like(y, np.nan), LANES + 5), size=LANES + 5,
    )  # fmt: skip
    np.testing.assert_array_equal(found["dx"], np.where(y > 0, dy, 0))
