"""Winograd's row kernels for few channels in planes, against the plain ones in float64."""

from types import SimpleNamespace

import numpy as np
import pytest
from rows_harness import call, to_planes
from test_winograd_rows import BOUNDS, CASES, error, exact, gradient_of, image_shapes, lanes, make, panels_of, pieces

from minicaffe.kernels.fast import few_rows as rows
from minicaffe.kernels.fast.few_lanes import FEW

NONE = (np.zeros(16), 0)
FEW_CASES = [case for case, sizes in CASES.items() if sizes[1] <= FEW]


def fields(p, **others):
    """The fields of a row, operands given where a kernel needs them."""
    w = p.w
    values = {**dict.fromkeys(("y", "shift", "weights", "sums"), NONE), "images": p.images, "shifted": 0, "relu": 0}
    values.update(
        x=pieces(p.x), taps=p.taps, height=w.height, width=w.width, out_height=w.out_height, out_width=w.out_width,
        pad_h=w.pad_h, pad_w=w.pad_w, channels=p.channels, lanes_out=p.lanes_out,
    )  # fmt: skip
    values.update(others)
    values["work"] = (np.full(rows.work_size(SimpleNamespace(**values)), np.nan), 0)
    return values


def forward(p, cuts=(), local=False, **others):
    y = np.full(image_shapes(p)[1], np.nan)
    values = fields(p, y=(*pieces(y), int(local)), weights=(panels_of(p), 0), **others)
    return to_planes(call(rows.few_forward, p.images, cuts, **values)["y"], p.outputs)


def backward(p, cuts=(), group=None):
    """The gradient of the weights, added to ones."""
    group = group or p.images
    sums = np.full((-(-p.images // group), p.points, p.plane_weights), np.nan)
    dy = lanes(p.dy, image_shapes(p)[1][-1])
    out = call(rows.few_backward, p.images, cuts, **fields(p, y=pieces(dy), sums=pieces(sums), images=group))
    return gradient_of(p, out["sums"], np.ones_like(p.weights))


@pytest.mark.parametrize("case", FEW_CASES)
def test_matches_the_plain_kernels(case):
    p = make(case)
    y, _, dw = exact(p)
    bounds = BOUNDS[p.taps]
    assert error(forward(p), y) < bounds[0]
    assert error(backward(p) - 1, dw) < bounds[2]


@pytest.mark.parametrize("case", FEW_CASES)
def test_chunks_change_no_bit(case):
    p = make(case)
    y, dw = forward(p), backward(p, cuts=range(2, p.images, 2), group=2)
    np.testing.assert_array_equal(forward(p, cuts=(1, 2)), y)
    np.testing.assert_array_equal(backward(p, cuts=range(1, p.images), group=2), dw)


def test_what_comes_after_the_sum():
    p = make("first_layer")
    y = exact(p)[0] + p.shift[:, None, None]
    shift = {"shift": (np.pad(p.shift, (0, p.lanes_out - p.outputs)), 0), "shifted": 1}
    assert error(forward(p, **shift), y) < BOUNDS[5][0]
    assert error(forward(p, **shift, relu=1), np.maximum(y, 0)) < BOUNDS[5][0]


def test_local_operands_begin_at_the_first_unit():
    """The second call of two overwrites what the first has left in local memory."""
    p = make("three_by_three")
    found, expected = forward(p, cuts=(2,), local=True), forward(p)
    np.testing.assert_array_equal(found[:2], expected[2:])
    assert np.isnan(found[2:]).all()


def test_what_is_not_finite_stays_in_its_tiles():
    p = make("first_layer")
    clean = forward(p)
    p.x[2, 1, 6, 6] = np.nan
    found = forward(p, relu=1)
    assert np.isnan(found[2, :, 4:9, 4:9]).all()
    seen = np.isfinite(found)
    np.testing.assert_array_equal(found[seen], np.maximum(clean, 0)[seen])
    assert seen[2, :, :4].all()
    assert seen[3:].all()
