"""Normalize, Interp and Upsample."""

import numpy as np
import pytest
from fork_checks import check_forward, check_plans, check_threads
from harness import gradient_check, make

from minicaffe.errors import DataError, LayerError
from minicaffe.layers import layer_class

NORMALIZE, INTERP = 'type: "Normalize" norm_param {{ {} }}', 'type: "Interp" interp_param {{ {} }}'
UPSAMPLE = 'type: "Upsample" upsample_param {{ {} }}'


def normal(*shape):
    return np.random.default_rng(5).standard_normal(shape)


# -- Normalize -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (3, 6), (2, 4, 700)])
@pytest.mark.parametrize("shared", ["true", "false"])
@pytest.mark.parametrize("across", ["true", "false"])
def test_normalize(shape, shared, across):
    text = NORMALIZE.format(f"across_spatial: {across} channel_shared: {shared} eps: 0.01")

    def oracle(x, scale):
        axes = 1 if across == "false" else tuple(range(1, x.ndim))
        norm = np.sqrt((x * x).sum(axis=axes, keepdims=True) + np.float32(0.01))
        return x / norm * scale.reshape(-1, *[1] * (x.ndim - 2))

    scale = np.array(2.0) if shared == "true" else np.arange(1.0, shape[1] + 1)
    check_forward(text, [normal(*shape)], oracle, params=[scale])
    gradient_check(text, [shape])


def test_normalize_begins_with_a_scale_of_one():
    run = make(NORMALIZE.format(""), (2, 3, 4))
    assert run.layer.params[0].shape == () and run.layer.params[0] == 1
    run = make(NORMALIZE.format("channel_shared: false scale_filler { value: 20 }"), (2, 3, 4))
    np.testing.assert_array_equal(run.layer.params[0], [20] * 3)
    assert run.forward(np.zeros((2, 3, 4)))[0].any() == np.False_
    assert np.isfinite(run.backward(1)[0]).all()


# -- Interp ----------------------------------------------------------------------------------------------------


def interpolated(x, height, width, begin=0, end=0):
    """Pixel by pixel, in float64."""
    x = x[:, :, begin : x.shape[2] - end, begin : x.shape[3] - end]
    y = np.empty((*x.shape[:2], height, width))
    for i in range(height):
        for j in range(width):
            r = i * (x.shape[2] - 1) / (height - 1) if height > 1 else 0.0
            c = j * (x.shape[3] - 1) / (width - 1) if width > 1 else 0.0
            y[:, :, i, j] = 0
            for a in range(x.shape[2]):
                for b in range(x.shape[3]):
                    y[:, :, i, j] += x[:, :, a, b] * max(0, 1 - abs(a - r)) * max(0, 1 - abs(b - c))
    return y


@pytest.mark.parametrize(
    "options, size, expected",
    [
        ("height: 7 width: 11", (4, 5), (7, 11)),
        ("height: 2 width: 3", (5, 6), (2, 3)),
        ("height: 5 width: 6", (5, 6), (5, 6)),
        ("height: 1 width: 1", (5, 6), (1, 1)),
        ("height: 4 width: 3", (1, 1), (4, 3)),
        ("zoom_factor: 3", (3, 4), (7, 10)),
        ("shrink_factor: 2", (5, 6), (3, 3)),
        ("shrink_factor: 4 zoom_factor: 3", (9, 6), (7, 4)),
        ("zoom_factor: 2 pad_beg: -1 pad_end: -2", (6, 7), (5, 7)),
        ("height: 6 width: 4 pad_end: -1", (5, 6), (6, 4)),
    ],
)
def test_interp(options, size, expected):
    text, x = INTERP.format(options), normal(2, 2, *size)
    begin, end = -1 * ("pad_beg" in options), {"pad_end: -2": 2, "pad_end: -1": 1}.get(options[-11:], 0)
    check_forward(text, [x], lambda x: interpolated(x, *expected, -begin, end))
    gradient_check(text, [(2, 2, *size)])


# -- Upsample --------------------------------------------------------------------------------------------------


def mask_of(x):
    run = make('type: "Pooling" pooling_param { kernel_size: 2 stride: 2 }', x.shape, tops=2, dtype="float64")
    return [top.copy() for top in run.forward(x)]


@pytest.mark.parametrize("size, options", [((6, 8), "scale: 2"), ((6, 8), ""), ((5, 7), "upsample_h: 5 upsample_w: 7")])
def test_maxima_go_back_to_where_they_were(size, options, monkeypatch):
    x = normal(2, 3, *size)
    largest, mask = mask_of(x)
    check_forward(UPSAMPLE.format(options), [largest, mask], lambda largest, mask: np.where(np.isin(x, largest), x, 0))
    monkeypatch.setattr(layer_class("Upsample"), "no_gradient", (1,))
    gradient_check(UPSAMPLE.format(options), [largest.shape, mask.shape], values=[None, mask])


def test_a_mask_has_a_gradient_of_zero():
    largest, mask = mask_of(normal(1, 1, 4, 4))
    run = make(UPSAMPLE.format(""), mask.shape, mask.shape)
    run.forward(largest, mask)
    assert not run.backward(1)[1].any()


def test_one_less_where_rounding_up_made_one_more():
    x = normal(2, 3, 5, 8)
    largest, mask = mask_of(x)
    check_forward(
        UPSAMPLE.format("scale: 2 pad_out_h: true"), [largest, mask], lambda *_: np.where(np.isin(x, largest), x, 0)
    )


@pytest.mark.parametrize("options, scale", [("scale: 3", (3, 3)), ("scale_h: 1 scale_w: 2", (1, 2)), ("", (2, 2))])
def test_pixels_are_repeated_without_a_mask(options, scale):
    x = normal(2, 3, 2, 4)
    check_forward(UPSAMPLE.format(options), [x], lambda x: np.kron(x, np.ones(scale)))
    gradient_check(UPSAMPLE.format(options), [x.shape])
    gradient_check(UPSAMPLE.format("pad_out_w: true"), [x.shape])


@pytest.mark.parametrize("value, text", [(4, "4"), (-1, "-1"), (0.5, "0.5"), (np.nan, "nan")])
def test_a_mask_that_is_no_place(value, text):
    run = make(UPSAMPLE.format(""), (1, 1, 1, 1), (1, 1, 1, 1))
    message = rf"^mask {text} at position 0 is no place of a plane of 2 x 2.*; expected a whole number from 0 to 3$"
    with pytest.raises(DataError, match=message):
        run.forward(1, value)


# -- all -------------------------------------------------------------------------------------------------------

FOUR, WAYS = (1, 1, 3, 3), "expected height and width, or zoom_factor, shrink_factor or both"


@pytest.mark.parametrize(
    "text, shapes, message",
    [
        (NORMALIZE.format("eps: -1"), [(2, 2)], "eps is -1; expected 0 or more"),
        (NORMALIZE.format(""), [(2,)], "bottom has shape 2.*; expected at least 2 axes, the channels on axis 1"),
        (INTERP.format(""), [FOUR], f"found none; {WAYS}"),
        (INTERP.format("height: 3"), [FOUR], f"found height; {WAYS}"),
        (INTERP.format("height: 3 width: 3 zoom_factor: 2"), [FOUR], f"found height and width and zoom_factor; {WAYS}"),
        (INTERP.format("zoom_factor: 0"), [FOUR], "zoom_factor is 0; expected at least 1"),
        (INTERP.format("pad_beg: 1"), [FOUR], "pad_beg is 1; expected 0 or less, which crops"),
        (INTERP.format("zoom_factor: 2"), [(2, 2)], "the bottom is 2 x 2.*; expected 4 axes: N x C x H x W"),
        (
            INTERP.format("zoom_factor: 2 pad_end: -3"),
            [FOUR],
            "the bottom is 1 x 1 x 3 x 3.*: nothing is left after pad_beg 0 and pad_end -3",
        ),
        (
            UPSAMPLE.format("upsample_h: 4 upsample_w: 4"),
            [FOUR],
            "found upsample_h and upsample_w beside 1 bottom; expected scale, or a mask as bottom 1",
        ),
        (
            UPSAMPLE.format("upsample_h: 4"),
            [FOUR, FOUR],
            "found one of upsample_h and upsample_w; expected both or none",
        ),
        (
            UPSAMPLE.format("upsample_h: 4 upsample_w: 1"),
            [FOUR, FOUR],
            "upsample_h and upsample_w are 4 and 1; expected at least 2",
        ),
        (
            UPSAMPLE.format("scale: 2 scale_h: 2 scale_w: 2"),
            [FOUR],
            "found scale beside scale_h and scale_w; expected one way or the other",
        ),
        (UPSAMPLE.format("scale: 0"), [FOUR], "scale is 0; expected at least 1"),
        (UPSAMPLE.format("scale: 3 pad_out_w: true"), [FOUR], "pad_out_w needs a scale of 2; found 3"),
        (UPSAMPLE.format(""), [FOUR, (1, 1, 3, 2)], "bottom 1 is .*, bottom 0 1 x 1 x 3 x 3.*; expected the same"),
        (UPSAMPLE.format(""), [(2, 3)], "the bottom is 2 x 3.*; expected 4 axes: N x C x H x W"),
    ],
)
def test_errors(text, shapes, message):
    with pytest.raises(LayerError, match=f"^{message}$"):
        make(text, *shapes)


def test_same_bits_on_any_number_of_threads():
    for across in ("true", "false"):
        check_threads(NORMALIZE.format(f"across_spatial: {across}"), (3, 20, 30, 31))
    check_threads(INTERP.format("height: 40 width: 41"), (3, 5, 17, 19))
    check_threads(UPSAMPLE.format("scale: 3"), (3, 5, 17, 19))


NET = """
layer { name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param { shape { dim: 4 dim: 3 dim: 16 dim: 16 } shape { dim: 4 dim: 16 dim: 16 }
    data_filler { type: "gaussian" } data_filler { value: 2 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 8 kernel_size: 3 pad: 1 weight_filler { type: "msra" } } }
layer { name: "norm" type: "Normalize" bottom: "conv" top: "norm"
  norm_param { across_spatial: false channel_shared: false scale_filler { value: 5 } } }
layer { name: "pool" type: "Pooling" bottom: "norm" top: "pool" top: "mask" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "inner" type: "Convolution" bottom: "pool" top: "inner"
  convolution_param { num_output: 8 kernel_size: 3 pad: 1 weight_filler { type: "msra" } } }
layer { name: "up" type: "Upsample" bottom: "inner" bottom: "mask" top: "up" upsample_param { scale: 2 } }
layer { name: "shrink" type: "Interp" bottom: "inner" top: "shrink" interp_param { shrink_factor: 2 } }
layer { name: "back" type: "Interp" bottom: "shrink" top: "back" interp_param { height: 16 width: 16 } }
layer { name: "near" type: "Upsample" bottom: "inner" top: "near" upsample_param { scale: 2 } }
layer { name: "sum" type: "Eltwise" bottom: "up" bottom: "back" bottom: "near" top: "sum" }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "sum" bottom: "label" top: "loss" }
"""


def test_both_plans():
    check_plans(NET)
