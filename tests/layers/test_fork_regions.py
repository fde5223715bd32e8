"""ROIPooling, PSROIPooling and SmoothL1Loss."""

import numpy as np
import pytest
from fork_checks import check_forward, check_plans, check_threads
from harness import gradient_check, make

from minicaffe.errors import DataError, LayerError

ROI, PSROI = 'type: "ROIPooling" roi_pooling_param {{ {} }}', 'type: "PSROIPooling" psroi_pooling_param {{ {} }}'
SMOOTH = 'type: "SmoothL1Loss" smooth_l1_loss_param {{ {} }}'
# whole, part, one pixel, beyond the plane, outside of it, corners the wrong way round, halves
ROIS = np.array(
    [
        [0, 0, 0, 18, 14], [1, 3, 2, 11, 9], [1, 5, 5, 5, 5], [0, 10, 8, 40, 30], [1, 60, 60, 80, 80], [0, 9, 9, 4, 4],
        [1, 1, 3, 8, 12], [0, -9, -7, 6, 5],
    ],
    float,
)  # fmt: skip


def normal(*shape):
    return np.random.default_rng(5).standard_normal(shape)


def rounded(value):
    return int(np.sign(value) * np.floor(abs(value) + 0.5))


def largest(x, rois, scale, rows, columns):
    """Bin by bin; edges by exact fractions of integers."""
    y = np.zeros((len(rois), x.shape[1], rows, columns))
    for r, (n, *corners) in enumerate(rois):
        left, top, right, bottom = (rounded(corner * scale) for corner in corners)
        high, wide = max(bottom - top + 1, 1), max(right - left + 1, 1)
        for i in range(rows):
            for j in range(columns):
                above, below = i * high // rows + top, -(-(i + 1) * high // rows) + top
                first, last = j * wide // columns + left, -(-(j + 1) * wide // columns) + left
                part = x[int(n), :, max(0, above) : max(0, below), max(0, first) : max(0, last)]
                if part.size:
                    y[r, :, i, j] = part.max(axis=(1, 2))
    return y


@pytest.mark.parametrize("scale", [0.5, 1])
@pytest.mark.parametrize("rows, columns", [(1, 1), (2, 4), (4, 2)])
def test_roi_pooling(rows, columns, scale):
    text, x = ROI.format(f"pooled_h: {rows} pooled_w: {columns} spatial_scale: {scale}"), normal(2, 3, 8, 10)
    check_forward(text, [x, ROIS], lambda x, rois: largest(x, rois, scale, rows, columns))
    gradient_check(text, [x.shape, ROIS.shape], values=[None, ROIS])
    gradient_check(text, [x.shape, (8, 5, 1, 1)], values=[None, ROIS.reshape(8, 5, 1, 1)])


def test_roi_pooling_takes_the_first_of_equals_and_never_hides_nan():
    run = make(ROI.format("pooled_h: 1 pooled_w: 1"), (1, 1, 2, 2), (1, 5))
    run.forward(np.ones((1, 1, 2, 2)), [[0, 0, 0, 1, 1]])
    np.testing.assert_array_equal(run.backward(1)[0].reshape(-1), [1, 0, 0, 0])
    for at in range(4):
        x = np.arange(4.0)
        x[at] = np.nan
        assert np.isnan(run.forward(x.reshape(1, 1, 2, 2), [[0, 0, 0, 1, 1]])[0]).all()


def averages(x, rois, scale, outputs, bins):
    y = np.zeros((len(rois), outputs, bins, bins))
    for r, (n, *corners) in enumerate(rois):
        left, top = (rounded(corner) * scale for corner in corners[:2])
        right, bottom = ((rounded(corner) + 1) * scale for corner in corners[2:])
        high, wide = max(bottom - top, 0.1) / bins, max(right - left, 0.1) / bins
        for i in range(bins):
            for j in range(bins):
                above, below = (int(f(at * high + top)) for f, at in ((np.floor, i), (np.ceil, i + 1)))
                first, last = (int(f(at * wide + left)) for f, at in ((np.floor, j), (np.ceil, j + 1)))
                for o in range(outputs):
                    plane = x[int(n), (o * bins + i) * bins + j]
                    part = plane[max(0, above) : max(0, below), max(0, first) : max(0, last)]
                    y[r, o, i, j] = part.mean() if part.size else 0
    return y


@pytest.mark.parametrize("scale", [0.5, 1])
@pytest.mark.parametrize("outputs, bins", [(1, 1), (3, 2), (1, 4)])
def test_psroi_pooling(outputs, bins, scale):
    text = PSROI.format(f"spatial_scale: {scale} output_dim: {outputs} group_size: {bins}")
    x = normal(2, outputs * bins * bins, 8, 10)
    check_forward(text, [x, ROIS], lambda x, rois: averages(x, rois, scale, outputs, bins))
    gradient_check(text, [x.shape, ROIS.shape], values=[None, ROIS])


@pytest.mark.parametrize("roi, text", [([2, 0, 0, 1, 1], "2 0 0 1 1"), ([0.5, 0, 0, 1, 1], "0.5 0 0 1 1"),
                                       ([-1, 0, 0, 1, 1], "-1 0 0 1 1"), ([0, 0, np.nan, 1, 1], "0 0 nan 1 1"),
                                       ([0, 0, 0, 1, np.inf], "0 0 0 1 inf")])  # fmt: skip
def test_regions_are_checked(roi, text):
    kinds = ROI.format("pooled_h: 1 pooled_w: 1"), PSROI.format("spatial_scale: 1 output_dim: 1 group_size: 1")
    for kind in kinds:
        run = make(kind, (2, 1, 3, 3), (2, 5))
        message = f"^region 1 is {text}; expected a whole number from 0 to 1, the image, and 4 finite numbers$"
        with pytest.raises(DataError, match=message):
            run.forward(0, [[0, 0, 0, 1, 1], roi])


def test_regions_far_away_are_empty():
    run = make(ROI.format("pooled_h: 2 pooled_w: 2"), (1, 1, 3, 3), (2, 5))
    assert not run.forward(1, [[0, 1e30, 1e30, 2e30, 2e30], [0, -3e38, -3e38, -2e38, -2e38]])[0].any()


# -- SmoothL1Loss ----------------------------------------------------------------------------------------------


def smooth(sigma):
    def oracle(a, b, inside=1.0, outside=1.0):
        d = inside * (a - b)
        bend = 1 / sigma**2
        return np.sum(outside * np.where(abs(d) < bend, 0.5 * (sigma * d) ** 2, abs(d) - 0.5 * bend)) / len(a)

    return oracle


@pytest.mark.parametrize("sigma", [0.5, 1, 3])
@pytest.mark.parametrize("shape", [(4, 5), (3,), (2, 2, 3, 4)])
@pytest.mark.parametrize("weights", [0, 1, 2])
def test_smooth_l1_loss(sigma, shape, weights):
    values = [normal(*shape) * 2, normal(*shape)[::-1], abs(normal(*shape)) - 0.5, abs(normal(*shape))][: 2 + weights]
    check_forward(SMOOTH.format(f"sigma: {sigma}"), values, lambda *values: np.asarray(smooth(sigma)(*values)))
    gradient_check(SMOOTH.format(f"sigma: {sigma}"), [shape] * len(values), values=[None, *values[1:]])


def test_smooth_l1_loss_shows_nan():
    run = make(SMOOTH.format(""), (2,), (2,))
    assert np.isnan(run.forward([np.nan, 1], [0, 0])[0])
    assert np.isnan(run.backward(None)[0][0])


@pytest.mark.parametrize(
    "text, shapes, message",
    [
        (ROI.format("pooled_h: 2"), [(1, 1, 2, 2), (1, 5)], "pooled_w is 0; expected at least 1"),
        (
            ROI.format("pooled_h: 2 pooled_w: 2 spatial_scale: 0"),
            [(1, 1, 2, 2), (1, 5)],
            "spatial_scale is 0; expected a positive number",
        ),
        (
            ROI.format("pooled_h: 2 pooled_w: 2"),
            [(1, 1, 2), (1, 5)],
            "bottom 0 is 1 x 1 x 2.*; expected 4 axes: N x C x H x W",
        ),
        (
            ROI.format("pooled_h: 2 pooled_w: 2"),
            [(1, 1, 2, 2), (1, 4)],
            "bottom 1 is 1 x 4.*; expected regions of 5 numbers: image, x1, y1, x2, y2",
        ),
        (
            PSROI.format("output_dim: 1 group_size: 2"),
            [(1, 4, 2, 2), (1, 5)],
            "spatial_scale is missing; expected a positive number",
        ),
        (
            PSROI.format("spatial_scale: 1 output_dim: 1 group_size: -2"),
            [(1, 4, 2, 2), (1, 5)],
            "group_size is -2; expected a positive number",
        ),
        (
            PSROI.format("spatial_scale: 1 output_dim: 3 group_size: 2"),
            [(1, 4, 2, 2), (1, 5)],
            "bottom 0 has 4 channels; expected 12: output_dim 3 x group_size 2 x 2",
        ),
        (SMOOTH.format("sigma: 0"), [(2,), (2,)], "sigma is 0; expected a positive number"),
        (SMOOTH.format(""), [(2,), (3,)], "bottom 1 has shape 3.*, bottom 0 has 2.*; expected the same"),
        (SMOOTH.format(""), [(), ()], "bottom 0 is a scalar; expected items along axis 0"),
    ],
)
def test_errors(text, shapes, message):
    with pytest.raises(LayerError, match=f"^{message}$"):
        make(text, *shapes)


def test_same_bits_on_any_number_of_threads():
    check_threads(ROI.format("pooled_h: 3 pooled_w: 3"), (2, 9, 12, 12), ROIS.shape, values=[None, ROIS])
    text = PSROI.format("spatial_scale: 0.5 output_dim: 2 group_size: 3")
    check_threads(text, (2, 18, 12, 12), ROIS.shape, values=[None, ROIS])
    check_threads(SMOOTH.format(""), (30, 1000), (30, 1000))


NET = """
layer { name: "data" type: "DummyData" top: "data" top: "rois" top: "target"
  dummy_data_param { shape { dim: 1 dim: 3 dim: 16 dim: 16 } shape { dim: 2 dim: 5 } shape { dim: 2 dim: 4 }
    data_filler { type: "gaussian" } data_filler { value: 0 } data_filler { value: 1 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 8 kernel_size: 3 pad: 1 weight_filler { type: "msra" } } }
layer { name: "roi" type: "ROIPooling" bottom: "conv" bottom: "rois" top: "roi"
  roi_pooling_param { pooled_h: 2 pooled_w: 2 } }
layer { name: "psroi" type: "PSROIPooling" bottom: "conv" bottom: "rois" top: "psroi"
  psroi_pooling_param { spatial_scale: 1 output_dim: 2 group_size: 2 } }
layer { name: "fc" type: "InnerProduct" bottom: "roi" top: "fc"
  inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }
layer { name: "score" type: "InnerProduct" bottom: "psroi" top: "score"
  inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SmoothL1Loss" bottom: "fc" bottom: "target" top: "loss" loss_weight: 2 }
layer { name: "loss2" type: "SmoothL1Loss" bottom: "score" bottom: "target" bottom: "target" top: "loss2" }
"""


def test_both_plans():
    check_plans(NET)
