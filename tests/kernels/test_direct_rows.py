"""Convolution without a transform, on lanes, against sums in float64."""

from typing import NamedTuple

import numpy as np
import pytest
from rows_harness import call, to_lanes, to_planes

from minicaffe.kernels.fast import direct_rows as d
from minicaffe.kernels.fast import panel_rows as p
from minicaffe.kernels.fast.gather import PANEL, RELU, RESIDUAL, SHIFT
from minicaffe.kernels.fast.vector import LANES


class Case(NamedTuple):
    images: int
    groups: int
    channels: int
    outputs: int
    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)

    @property
    def out_size(self):
        parts = zip(self.size, self.kernel, self.stride, self.pad, self.dilation)
        return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in parts)


CASES = [
    Case(3, 1, 5, 7, (6, 5), (3, 3), pad=(1, 1)),
    Case(5, 1, 19, 37, (7, 7), (1, 1)),
    Case(2, 1, 33, 70, (9, 8), (1, 1), (2, 2)),
    Case(3, 2, LANES, 2 * LANES, (9, 7), (3, 2), (2, 3), (1, 2), (2, 1)),
    Case(2, 1, 8, 3 * LANES, (13, 11), (5, 3), (3, 2), (2, 0)),
    Case(2, 1, 3, 4, (5, 40), (2, 7), (1, 2), (0, 3), (1, 3)),
    Case(9, 1, 2, 3, (1, 1), (1, 1)),
]


def lanes(n):
    return -(-n // LANES) * LANES


def padded(array):
    out = np.zeros(-(-array.size // 16) * 16, np.float32)
    out[: array.size] = array.reshape(-1)
    return out


def arrays(case, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((case.images, case.groups * case.channels, *case.size)).astype(np.float32)
    weights = rng.standard_normal((case.groups * case.outputs, case.channels, *case.kernel)).astype(np.float32)
    dy = rng.standard_normal((case.images, case.groups * case.outputs, *case.out_size)).astype(np.float32)
    return x, weights, dy


def taps(case):
    """For each tap, the output pixels (a slice pair) and the input pixels that it joins."""
    for i in range(case.kernel[0]):
        for j in range(case.kernel[1]):
            joined = []
            for axis, k in enumerate((i, j)):
                outputs = np.arange(case.out_size[axis])
                inputs = outputs * case.stride[axis] + k * case.dilation[axis] - case.pad[axis]
                inside = (inputs >= 0) & (inputs < case.size[axis])
                joined.append((outputs[inside], inputs[inside]))
            yield i, j, np.ix_(joined[0][0], joined[1][0]), np.ix_(joined[0][1], joined[1][1])


def reference(case, x, weights, dy):
    """y, dx and dw in float64."""
    y, dx, dw = np.zeros(dy.shape), np.zeros(x.shape), np.zeros(weights.shape)
    x, weights, dy = x.astype(float), weights.astype(float), dy.astype(float)
    for g in range(case.groups):
        c, o = (slice(g * n, (g + 1) * n) for n in (case.channels, case.outputs))
        for i, j, outputs, inputs in taps(case):
            there, w = x[(slice(None), c, *inputs)], weights[o, :, i, j]
            gradient = dy[(slice(None), o, *outputs)]
            y[(slice(None), o, *outputs)] += np.einsum("nchw,oc->nohw", there, w)
            dx[(slice(None), c, *inputs)] += np.einsum("nohw,oc->nchw", gradient, w)
            dw[o, :, i, j] += np.einsum("nohw,nchw->oc", gradient, there)
    return y, dx, dw


def pack(case, weights, factor=None, swapped=False):
    count = case.kernel[0] * case.kernel[1]
    width, depth = (case.channels, case.outputs) if swapped else (case.outputs, case.channels)
    panels = case.groups * p.panels_of(width)
    out = call(
        p.pack_weights, panels, cuts=(1,) if panels > 1 else (), weights=(weights, 0),
        factor=(padded(np.ones(1) if factor is None else factor), 0),
        panels=(np.full(panels * count * depth * PANEL, 9, np.float32), 0), outputs=case.outputs,
        channels=case.channels, taps=count, scaled=int(factor is not None), swapped=int(swapped),
    )  # fmt: skip
    return out["panels"]


def run(
    case,
    x,
    panels,
    *,
    swapped=False,
    shift=None,
    residual=None,
    relu=False,
    cuts=(),
    parts=(1, 1),
    local=0,
    block=d.ROWS,
    whole=False,
):
    """The output, or swapped the gradient of the input, as planes."""
    columns, rows = (case.channels, case.outputs) if swapped else (case.outputs, case.channels)
    source, target = (case.out_size, case.size) if swapped else (case.size, case.out_size)
    count = case.kernel[0] * case.kernel[1]
    x_lanes, y_lanes = lanes(case.groups * rows), lanes(case.groups * columns)
    strip = d.strip_blocks(rows, target[0] * target[1])
    scale, divide = ((1, 1), case.stride) if swapped else (case.stride, (1, 1))
    sign = -1 if swapped else 1
    y = np.full((case.images, *target, y_lanes), 77, np.float32)
    x = to_lanes(x, x_lanes)
    x[..., case.groups * rows :] = 1e30
    extra = np.zeros(1, np.float32) if residual is None else to_lanes(residual, y_lanes)
    out = call(
        d.direct, parts[1] if whole else case.images * parts[0] * parts[1], cuts,
        x=(x, x[0].size, local), weights=(panels, 0),
        shift=(padded(np.zeros(1) if shift is None else shift), 0),
        residual=(extra, 0 if residual is None else extra[0].size, local), y=(y, y[0].size, local),
        work=(np.full(d.direct_work(x_lanes, y_lanes, count, strip), np.nan, np.float32), 0),
        height=source[0], width=source[1], x_lanes=x_lanes, out_height=target[0], out_width=target[1],
        y_lanes=y_lanes, kernel_h=case.kernel[0], kernel_w=case.kernel[1], scale_h=scale[0], scale_w=scale[1],
        reach_h=sign * case.dilation[0], reach_w=sign * case.dilation[1], offset_h=-sign * case.pad[0],
        offset_w=-sign * case.pad[1], divide_h=divide[0], divide_w=divide[1], groups=case.groups, channels=rows,
        outputs=columns, flags=SHIFT * (shift is not None) + RESIDUAL * (residual is not None) + RELU * relu,
        rows=block, strip=strip, pixel_parts=parts[0], output_parts=parts[1], images=case.images * whole,
    )  # fmt: skip
    return to_planes(out["y"], case.groups * columns)


def close(got, want, depth):
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=3e-6 * np.sqrt(depth))


@pytest.mark.parametrize("case", CASES)
def test_output(case):
    x, weights, dy = arrays(case)
    want, _, _ = reference(case, x, weights, dy)
    panels = pack(case, weights)
    depth = weights[0].size
    got = run(case, x, panels)
    close(got, want, depth)
    if case.images > 2:
        assert np.array_equal(run(case, x, panels, cuts=(1,)), got)
    assert np.array_equal(run(case, x, panels, parts=(3, 1)), got)
    assert np.array_equal(run(case, x, panels, parts=(2, 2), cuts=(1, 5)), got)
    assert np.array_equal(run(case, x, panels, parts=(3, 2), cuts=(2, 9)), got)
    assert np.array_equal(run(case, x, panels, block=d.ROWS - 1), got)
    assert np.array_equal(run(case, x, panels, whole=True, parts=(1, 3), cuts=(2,)), got)


@pytest.mark.parametrize("case", CASES)
def test_everything_behind_the_sums(case):
    x, weights, dy = arrays(case)
    rng = np.random.default_rng(1)
    factor, shift = rng.standard_normal((2, case.groups * case.outputs)).astype(np.float32)
    residual = rng.standard_normal(dy.shape).astype(np.float32)
    want = reference(case, x, weights * factor[:, None, None, None], dy)[0] + shift[:, None, None] + residual
    panels = pack(case, weights, factor)
    got = run(case, x, panels, shift=shift, residual=residual, relu=True)
    close(got, np.maximum(want, 0), weights[0].size)


def test_local_operands_are_placed_by_call():
    case = CASES[0]._replace(images=2)
    x, weights, _ = arrays(case)
    assert np.array_equal(run(case, x, pack(case, weights), local=1), run(case, x, pack(case, weights)))


def test_relu_keeps_nan():
    case = CASES[6]
    x, weights, _ = arrays(case)
    x[4] = np.nan
    got = run(case, x, pack(case, weights), relu=True)
    assert np.isnan(got[4]).all() and not np.isnan(np.delete(got, 4, 0)).any()


@pytest.mark.parametrize("case", [case for case in CASES if case.groups == 1 or case.channels % LANES == 0])
def test_input_gradient(case):
    x, weights, dy = arrays(case)
    _, want, _ = reference(case, x, weights, dy)
    got = run(case, dy, pack(case, weights, swapped=True), swapped=True)
    close(got, want, weights[:, 0].size)
    if case.images > 2:
        assert np.array_equal(run(case, dy, pack(case, weights, swapped=True), swapped=True, cuts=(2,)), got)


def weight_gradient(case, x, dy, group, cuts=(), whole=False, adds=1):
    count = case.kernel[0] * case.kernel[1]
    rows, line = d.partial_rows(case.channels), lanes(case.outputs)
    pieces = -(-case.images // group)
    x, dy = to_lanes(x, lanes(x.shape[1])), to_lanes(dy, lanes(dy.shape[1]))
    x[..., case.groups * case.channels :] = 3
    partials = np.full((pieces, case.groups * count * rows * line), np.nan, np.float32)
    units = case.groups * p.panels_of(case.outputs) * count if whole else case.images
    out = call(
        d.direct_weights, units, cuts, x=(x, x[0].size), dy=(dy, dy[0].size), dw=(partials, partials[0].size),
        work=(np.zeros(d.WEIGHTS_WORK, np.float32), 0), height=case.size[0], width=case.size[1], x_lanes=x.shape[-1],
        out_height=case.out_size[0], out_width=case.out_size[1], y_lanes=dy.shape[-1], kernel_h=case.kernel[0],
        kernel_w=case.kernel[1], stride_h=case.stride[0], stride_w=case.stride[1], pad_h=case.pad[0],
        pad_w=case.pad[1], dilation_h=case.dilation[0], dilation_w=case.dilation[1], groups=case.groups,
        channels=case.channels, outputs=case.outputs, images=group, whole=case.images * whole,
    )  # fmt: skip
    dw = np.ones((case.groups * case.outputs, case.channels, *case.kernel), np.float32)
    units = case.groups * -(-case.outputs // LANES)
    out = call(
        p.add_weights, units, cuts=(1,) if units > 1 else (), partials=(out["dw"], partials[0].size), dw=(dw, 0),
        work=(np.zeros(p.add_work(case.channels, count), np.float32), 0), pieces=pieces, outputs=case.outputs,
        channels=case.channels, taps=count, add=adds,
    )  # fmt: skip
    return out["dw"]


@pytest.mark.parametrize("case", CASES)
def test_weight_gradient(case):
    x, weights, dy = arrays(case)
    _, _, want = reference(case, x, weights, dy)
    depth = case.images * case.out_size[0] * case.out_size[1]
    close(weight_gradient(case, x, dy, case.images), want + 1, depth)
    close(weight_gradient(case, x, dy, case.images, whole=True), want + 1, depth)
    close(weight_gradient(case, x, dy, case.images, adds=0), want, depth)
    if case.images > 2:
        close(weight_gradient(case, x, dy, 2, cuts=range(2, case.images, 2)), want + 1, depth)
        close(weight_gradient(case, x, dy, case.images, cuts=(1, 2)), want + 1, depth)
