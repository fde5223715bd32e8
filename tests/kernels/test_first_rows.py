"""Convolution of few channels from planes, against sums in float64."""

import numpy as np
import pytest
from rows_harness import call, to_lanes, to_planes
from test_direct_rows import CASES, Case, arrays, close, lanes, pack, padded, reference

from minicaffe.kernels.fast import direct_rows as d
from minicaffe.kernels.fast import first_rows as f
from minicaffe.kernels.fast import panel_rows as p
from minicaffe.kernels.fast.gather import RELU, RESIDUAL, SHIFT
from minicaffe.kernels.fast.vector import LANES
from minicaffe.kernels.unfold import windows

FIRST = [
    *[case for case in CASES if case.groups == 1],
    Case(3, 1, 3, 20, (35, 34), (7, 7), (2, 2), (3, 3)),
    Case(2, 1, 3, 33, (47, 43), (11, 11), (4, 4)),
    Case(2, 1, 1, 20, (28, 28), (5, 5)),
]


def geometry(case):
    return {
        "channels": case.channels, "height": case.size[0], "width": case.size[1], "out_height": case.out_size[0],
        "out_width": case.out_size[1], "y_lanes": lanes(case.outputs), "kernel_h": case.kernel[0],
        "kernel_w": case.kernel[1], "stride_h": case.stride[0], "stride_w": case.stride[1], "pad_h": case.pad[0],
        "pad_w": case.pad[1], "dilation_h": case.dilation[0], "dilation_w": case.dilation[1],
        "outputs": case.outputs,
    }  # fmt: skip


def work(case, rows):
    w = windows(
        case.images, case.channels, (1, *case.size), (1, *case.out_size), (1, *case.kernel), (1, *case.stride),
        (0, *case.pad), (1, *case.dilation),
    )  # fmt: skip
    return np.full(f.first_work(w, rows, lanes(case.outputs)), np.nan, np.float32)


def one_tap(case):
    """The case as ``pack_weights`` sees it: windows of single elements."""
    return case._replace(channels=case.channels * case.kernel[0] * case.kernel[1], kernel=(1, 1))


def run(case, x, panels, rows, shift, residual, *, cuts=(), parts=1, local=0):
    y = np.full((case.images, *case.out_size, lanes(case.outputs)), 77, np.float32)
    residual = to_lanes(residual, lanes(case.outputs))
    out = call(
        f.first, case.images * parts, cuts, x=(x, x[0].size, local), weights=(panels, 0), shift=(padded(shift), 0),
        residual=(residual, residual[0].size, local), y=(y, y[0].size, local), work=(work(case, rows), 0),
        flags=SHIFT | RESIDUAL | RELU, rows=rows, parts=parts, **geometry(case),
    )  # fmt: skip
    return to_planes(out["y"], case.outputs)


@pytest.mark.parametrize("case", FIRST)
def test_output(case):
    x, weights, dy = arrays(case)
    shift = np.random.default_rng(1).standard_normal(case.outputs).astype(np.float32)
    y, _, _ = reference(case, x, weights, dy)
    panels = pack(one_tap(case), weights)
    rows = f.strip_rows(*case.out_size)
    got = run(case, x, panels, rows, shift, dy)
    close(got, np.maximum(y + shift[:, None, None] + dy, 0), weights[0].size)
    assert np.array_equal(run(case, x, panels, 1, shift, dy, cuts=(1,)), got)
    assert np.array_equal(run(case, x, panels, rows, shift, dy, parts=3, cuts=(2, 3)), got)
    two = case._replace(images=2)
    assert np.array_equal(run(two, x[:2], panels, rows, shift, dy[:2], local=1), got[:2])


@pytest.mark.parametrize("case", FIRST)
def test_weight_gradient(case):
    x, weights, dy = arrays(case)
    _, _, want = reference(case, x, weights, dy)
    depth = case.images * case.out_size[0] * case.out_size[1]
    dy = to_lanes(dy, lanes(case.outputs))
    window = weights[0].size
    rows = d.partial_rows(window)
    for group, strip, cuts in ((case.images, f.strip_rows(*case.out_size), (1,)), (1, 2, range(1, case.images))):
        pieces = -(-case.images // group)
        partials = np.full((pieces, rows * lanes(case.outputs)), np.nan, np.float32)
        strip = min(strip, case.out_size[0])
        out = call(
            f.first_weights, case.images, cuts, x=(x, x[0].size), dy=(dy, dy[0].size), dw=(partials, partials[0].size),
            work=(work(case, strip), 0), rows=strip, images=group, **geometry(case),
        )  # fmt: skip
        out = call(
            p.add_weights, -(-case.outputs // LANES), partials=(out["dw"], partials[0].size),
            dw=(np.ones(weights.shape, np.float32), 0), work=(np.zeros(p.add_work(window, 1), np.float32), 0),
            pieces=pieces, outputs=case.outputs, channels=window, taps=1, add=1,
        )  # fmt: skip
        close(out["dw"], want + 1, depth)
