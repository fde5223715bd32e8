"""Winograd's row kernels against the plain ones in float64: odd geometries, groups, parts, chunks, local operands."""

from types import SimpleNamespace

import numpy as np
import pytest
from rows_harness import call, to_lanes, to_planes

from minicaffe.kernels import convolution, unfold
from minicaffe.kernels.fast import piece_rows
from minicaffe.kernels.fast import winograd_panels as panels
from minicaffe.kernels.fast import winograd_parts as parts
from minicaffe.kernels.fast import winograd_rows as rows
from minicaffe.kernels.fast.vector import LANES
from minicaffe.kernels.fast.winograd import whole_vectors

BOUNDS = {3: (2e-6, 3e-6, 6e-6), 5: (5e-6, 1e-5, 3e-5)}
"""By taps: root mean square errors of y, dx and dw over that of the exact result."""

# images, channels, groups, outputs, height, width, taps, pad_h, pad_w
CASES = {
    "one_channel": (3, 1, 1, 5, 9, 10, 5, 0, 0),
    "first_layer": (5, 3, 1, 20, 13, 11, 5, 2, 2),
    "three_by_three": (4, 3, 1, 7, 9, 7, 3, 1, 1),
    "grey": (3, 1, 1, 40, 7, 12, 5, 2, 2),
    "sixteen": (4, 16, 1, 16, 10, 9, 3, 1, 1),
    "no_pad": (2, 9, 1, 6, 8, 15, 3, 0, 0),
    "wide_pad": (2, 5, 1, 4, 6, 5, 3, 3, 2),
    "widest_pad_of_five": (2, 5, 1, 4, 7, 6, 5, 3, 4),
    "whole_vectors": (6, 32, 1, 64, 8, 8, 5, 2, 2),
    "rest_of_vectors": (3, 17, 1, 33, 5, 6, 3, 1, 1),
    "panels": (2, 40, 1, 3 * 2 * LANES + 5, 6, 5, 3, 1, 1),
    "output_of_one": (21, 4, 1, 3, 3, 5, 3, 0, 0),
    "groups": (3, 3 * LANES, 3, 6 * LANES, 9, 6, 5, 2, 2),
    "one_image": (1, 8, 1, 20, 22, 19, 3, 1, 1),
}
JUNK = 7.0


def make(case):
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
        "factor": (outputs,),
        "shift": (outputs,),
        "residual": (images, outputs, *outs),
        "dy": (images, outputs, *outs),
    }
    arrays = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    p = SimpleNamespace(
        w=w, images=images, groups=groups, channels=channels // groups, outputs=outputs // groups, taps=taps,
        points=(taps + 3) ** 2, **arrays,
    )  # fmt: skip
    p.lanes_in, p.lanes_out = whole_vectors(p.channels), whole_vectors(p.outputs)
    p.plane_weights = p.channels * p.lanes_out + parts.GAP
    p.across = -(-outs[1] // 4)
    p.tiles = p.across * -(-outs[0] // 4)
    return p


def lanes(x, count):
    """Channels last, junk in lanes without a channel."""
    out = to_lanes(x, count)
    out[..., x.shape[1] :] = JUNK
    return out


def padded(vector):
    return np.pad(vector, (0, -vector.size % 16))


def exact(p):
    """y, dx and dw in float64."""
    family, plan = convolution, convolution.convolution(p.w, p.groups, p.outputs)
    x, weights, dy = (a.astype(np.float64).reshape(-1) for a in (p.x, p.weights, p.dy))
    work = SimpleNamespace(**{k: np.empty(s) for k, s in family.work_shapes(plan).items()})
    y, dx, dw = np.empty(p.dy.shape), np.empty(p.x.shape), np.zeros(p.weights.shape)
    family.forward(plan, x, weights, np.empty(0), work, y.reshape(-1))
    family.backward(plan, x, weights, dy, work, dx.reshape(-1), dw.reshape(-1))
    return y, dx, dw


def panels_of(p, factor=None):
    shape = (p.groups * p.points, p.plane_weights)
    out = call(
        panels.winograd_weights, panels.units(p.groups, p.channels, p.outputs), cuts=(1,),
        weights=(p.weights, 0), panels=(np.full(shape, np.nan), 0),
        factor=(padded(p.factor if factor is None else factor), 0), work=(np.full(panels.work_size(p.taps), np.nan), 0),
        taps=p.taps, groups=p.groups, channels=p.channels, outputs=p.outputs, lanes_out=p.lanes_out,
        scaled=int(factor is not None),
    )  # fmt: skip
    assert np.isfinite(out["panels"][:, : -parts.GAP]).all()
    return out["panels"]


def swapped_of(p):
    shape = (p.groups * p.points, p.outputs * p.lanes_in + parts.GAP)
    out = call(
        panels.winograd_swap, shape[0], cuts=(5,), panels=(panels_of(p), 0), swapped=(np.full(shape, np.nan), 0),
        work=(np.full(panels.work_size(p.taps), np.nan), 0), planes=shape[0], channels=p.channels, outputs=p.outputs,
        lanes_in=p.lanes_in, lanes_out=p.lanes_out,
    )  # fmt: skip
    assert np.isfinite(out["swapped"][:, : -parts.GAP]).all()
    return out["swapped"]


def gradient_of(p, sums, before, adds=1):
    """From several partial sums, added first."""
    flat = sums.reshape(len(sums), -1)
    units = -(-flat[0].size // piece_rows.STRETCH)
    out = call(
        piece_rows.add_pieces, units, cuts=(1,) if units > 1 else (), sums=pieces(flat), pieces=len(flat),
        size=flat[0].size,
    )  # fmt: skip
    sums = out["sums"][0]
    out = call(
        panels.winograd_weights_gradient, panels.units(p.groups, p.channels, p.outputs), cuts=(1,),
        sums=(sums, 0), gradient=(before, 0), work=(np.full(panels.work_size(p.taps), np.nan), 0),
        taps=p.taps, groups=p.groups, channels=p.channels, outputs=p.outputs, lanes_out=p.lanes_out, add=adds,
    )  # fmt: skip
    return out["gradient"]


NONE = (np.zeros(16), 0)


def fields(p, **others):
    """The fields of a row, operands given where a kernel needs them."""
    w = p.w
    values = dict.fromkeys(("x", "y", "dx", "shift", "residual", "weights", "sums", "tiled"), NONE)
    values.update(dict.fromkeys(("shifted", "added", "relu", "gather", "gather_gradient", "scatter"), 0))
    values.update(
        taps=p.taps, height=w.height, width=w.width, out_height=w.out_height, out_width=w.out_width, pad_h=w.pad_h,
        pad_w=w.pad_w, groups=p.groups, channels=p.channels, outputs=p.outputs, lanes_in=p.lanes_in,
        lanes_out=p.lanes_out, row_in=p.lanes_in, row_out=p.lanes_out + LANES, across=p.across, tiles=p.tiles,
        parts=1, block=5, images=p.images, product=parts.products.address,
    )  # fmt: skip
    values.update(others)
    values.setdefault("work", (np.full(rows.work_size(SimpleNamespace(**values)), np.nan), 0))
    return values


def pieces(array):
    """An operand with a piece for each image."""
    return (array, array[0].size)


def image_shapes(p):
    return (
        (p.images, p.w.height, p.w.width, p.groups * p.lanes_in),
        (p.images, p.w.out_height, p.w.out_width, p.groups * p.lanes_out),
    )


def forward(p, cuts=(), factor=None, local=False, **others):
    x_shape, y_shape = image_shapes(p)
    images = p.images * others.get("parts", 1)
    values = fields(
        p, x=pieces(lanes(p.x, x_shape[-1])), y=pieces(np.full(y_shape, np.nan)), weights=(panels_of(p, factor), 0),
        gather=parts.gather_inputs.address, scatter=parts.scatter_outputs.address, **others,
    )  # fmt: skip
    if local:
        values["y"] = (*values["y"], 1)
    return to_planes(call(rows.winograd_forward, images, cuts, **values)["y"], p.groups * p.outputs)


def backward(p, cuts=(), group=None, dx=True, dw=True, **others):
    """dx and dw, added to ones; dx holds NaN before."""
    x_shape, y_shape = image_shapes(p)
    group = group or p.images
    sums = np.full((-(-p.images // group), p.groups * p.points, p.plane_weights), np.nan)
    if dw:
        others.update(x=pieces(lanes(p.x, x_shape[-1])), sums=pieces(sums), gather=parts.gather_inputs.address)
    if dx:
        others.update(
            weights=(swapped_of(p), 0), dx=pieces(np.full(x_shape, np.nan)), scatter=parts.scatter_gradients.address
        )
    values = fields(
        p, y=pieces(lanes(p.dy, y_shape[-1])), gather_gradient=parts.gather_gradients.address, images=group, **others
    )
    out = call(rows.winograd_backward, p.images, cuts, **values)
    return (
        to_planes(out["dx"], p.groups * p.channels) if dx else None,
        gradient_of(p, out["sums"], np.ones_like(p.weights)) if dw else None,
    )


def product(p, a, b, c, **numbers):
    points, panels = p.groups * p.points, -(-numbers["columns"] // parts.PANEL)
    out = call(
        rows.winograd_product, points * panels, cuts=(3,), a=(a, 0), b=(b, 0), c=(np.full(c, np.nan), 0), points=points,
        product=parts.products.address, **numbers,
    )  # fmt: skip
    return out["c"]


def whole(p, pieces_of_an_image=1):
    """y, dx and dw with all transforms written out."""
    x_shape, y_shape = image_shapes(p)
    total = p.images * p.tiles
    plane_in, plane_out = total * p.lanes_in + LANES, total * (p.lanes_out + LANES) + LANES
    points = p.groups * p.points
    inputs, outputs = np.full(points * plane_in, 3.0), np.full(points * plane_out, 3.0)

    def run(kernel, parts_=1, **values):
        return call(kernel, p.images * parts_, cuts=(1,) if p.images * parts_ > 1 else (), **fields(
            p, block=0, parts=parts_, **values))  # fmt: skip

    x, dy = lanes(p.x, x_shape[-1]), lanes(p.dy, y_shape[-1])
    v = run(
        rows.winograd_inputs, pieces_of_an_image, x=pieces(x), tiled=(inputs, 0), gather=parts.gather_inputs.address
    )["tiled"]  # fmt: skip
    a = {"a_point": plane_in, "a_row": p.lanes_in, "a_step": 1}
    b = {"b_point": p.plane_weights, "b_panel": p.channels, "b_row": 0}
    c = {"c_point": plane_out, "c_panel": 1, "c_row": p.lanes_out + LANES}
    m = np.where(np.isnan(made := product(p, v, panels_of(p), outputs.shape, rows=total, columns=p.lanes_out,
                                          depth=p.channels, **a, **b, **c)), 3.0, made)  # fmt: skip
    y = run(
        rows.winograd_outputs, pieces_of_an_image, y=pieces(np.full(y_shape, np.nan)), tiled=(m, 0),
        scatter=parts.scatter_outputs.address,
    )["y"]  # fmt: skip
    d = run(
        rows.winograd_gradients, y=pieces(dy), tiled=(outputs, 0), gather_gradient=parts.gather_gradients.address
    )["tiled"]  # fmt: skip
    sums = product(
        p, v, d, (1, points, p.plane_weights), rows=p.channels, columns=p.lanes_out, depth=total,
        a_point=plane_in, a_row=1, a_step=p.lanes_in, b_point=plane_out, b_panel=1, b_row=p.lanes_out + LANES,
        c_point=p.plane_weights, c_panel=p.channels, c_row=0,
    )  # fmt: skip
    for summed in (0, 1):
        out = call(
            rows.winograd_point_gradients, points, cuts=(5,), inputs=(v.copy(), 0), gradients=(d, 0),
            weights=(panels_of(p), 0), sums=(np.full_like(sums, np.nan), 0),
            work=(np.full(rows.turned_size(p.outputs), np.nan), 0), summed=summed, channels=p.channels,
            outputs=p.outputs, lanes_in=p.lanes_in, lanes_out=p.lanes_out, row_in=p.lanes_in,
            row_out=p.lanes_out + LANES, tiles=total, product=parts.products.address,
        )  # fmt: skip
        np.testing.assert_array_equal(out["sums"], sums if summed else np.nan)
    back = out["inputs"]
    dx = run(
        rows.winograd_input_gradients, dx=pieces(np.full(x_shape, np.nan)), tiled=(back, 0),
        scatter=parts.scatter_gradients.address,
    )["dx"]  # fmt: skip
    return (
        to_planes(y, p.groups * p.outputs), to_planes(dx, p.groups * p.channels),
        gradient_of(p, sums, np.full_like(p.weights, np.nan), adds=0),
    )  # fmt: skip


def error(found, expected):
    return np.sqrt(((found - expected) ** 2).mean() / (expected**2).mean())


@pytest.mark.parametrize("case", CASES)
def test_matches_the_plain_kernels(case):
    p = make(case)
    y, dx, dw = exact(p)
    bounds = BOUNDS[p.taps]
    assert error(forward(p), y) < bounds[0]
    found = backward(p)
    assert error(found[0], dx) < bounds[1]
    assert error(found[1] - 1, dw) < bounds[2]


@pytest.mark.parametrize("case", CASES)
def test_the_whole_batch_at_once_matches_the_plain_kernels(case):
    p = make(case)
    for found, expected, bound in zip(whole(p, pieces_of_an_image=2), exact(p), BOUNDS[p.taps]):
        assert error(found, expected) < bound


def test_what_comes_after_the_sum():
    p = make("rest_of_vectors")
    y = exact(p)[0]
    scaled = y * p.factor[:, None, None] + p.shift[:, None, None] + p.residual
    residual = lanes(p.residual, p.lanes_out)
    found = forward(
        p, factor=p.factor, shift=(padded(p.shift), 0), residual=pieces(residual), shifted=1, added=1, relu=1
    )
    assert error(found, np.maximum(scaled, 0)) < BOUNDS[3][0]
    found = forward(p, factor=p.factor, residual=pieces(residual), added=1)
    assert error(found, scaled - p.shift[:, None, None]) < BOUNDS[3][0]


@pytest.mark.parametrize("case", ["first_layer", "three_by_three", "sixteen", "whole_vectors", "groups"])
@pytest.mark.parametrize("block", [1, 8, 100])
def test_chunks_and_blocks_change_no_bit(case, block):
    p = make(case)
    y, (dx, dw) = forward(p), backward(p, cuts=range(2, p.images, 2), group=2)
    np.testing.assert_array_equal(forward(p, cuts=(1, 2), block=block), y)
    found = backward(p, cuts=range(1, p.images), group=2, block=block)
    np.testing.assert_array_equal(found[0], dx)
    np.testing.assert_array_equal(found[1], dw)


@pytest.mark.parametrize("case", ["one_image", "three_by_three"])
def test_parts_of_images_change_no_bit(case):
    p = make(case)
    for count in (2, 3, p.tiles):
        found = forward(p, cuts=range(1, p.images * count), parts=count)
        np.testing.assert_array_equal(found, forward(p))


def test_local_operands_begin_at_the_first_unit():
    """The second call of two overwrites what the first has left in local memory."""
    p = make("three_by_three")
    found, expected = forward(p, cuts=(2,), local=True), forward(p)
    np.testing.assert_array_equal(found[:2], expected[2:])
    assert np.isnan(found[2:]).all()


def test_gradients_that_are_not_wanted_change_nothing():
    p = make("first_layer")
    dx, dw = backward(p)
    np.testing.assert_array_equal(backward(p, dw=False)[0], dx)
    np.testing.assert_array_equal(backward(p, dx=False)[1], dw)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_seen(value):
    p = make("whole_vectors")
    clean = forward(p, relu=1)
    p.x[2, 5, 3, 3] = value
    expected, found = exact(p)[0], forward(p, relu=1)
    assert not np.isfinite(found[2][~np.isfinite(expected[2])]).any()
    assert not np.isfinite(expected[2]).all()
    np.testing.assert_array_equal(found[3:], clean[3:])
