"""Slice and Crop: gradients, parts, shapes and errors."""

import numpy as np
import pytest
from harness import gradient_check, make

from minicaffe.errors import LayerError
from minicaffe.net import Net


def slice_text(options=""):
    return f'type: "Slice" slice_param {{ {options} }}'


def crop_text(options=""):
    return f'type: "Crop" crop_param {{ {options} }}'


@pytest.mark.parametrize(
    "options, tops",
    [("", 3), ("axis: 0", 2), ("axis: -1 slice_point: [1, 4]", 3), ("slice_dim: 2 slice_point: 3", 2), ("", 1)],
)
def test_slice_gradient(options, tops):
    gradient_check(slice_text(options), [(4, 6, 5)], tops=tops)


def test_slices_are_the_parts_in_order():
    x = np.arange(24.0).reshape(2, 3, 4)
    run = make(slice_text("axis: -1 slice_point: 1 slice_point: 2"), x.shape, tops=3)
    parts = run.forward(x)
    for part, expected in zip(parts, np.split(x, [1, 2], axis=2)):
        np.testing.assert_array_equal(part, expected)
    (dx,) = run.backward(*parts)
    np.testing.assert_array_equal(dx, x)


def test_a_single_top_is_the_whole():
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(make(slice_text(), x.shape).forward(x)[0], x)


SLICE_ERRORS = [
    ("axis: 1 slice_dim: 1", 2, "found both axis and slice_dim; expected one of them"),
    ("slice_point: 1", 3, "found 1 slice_point for 3 tops; expected 2"),
    ("slice_point: [1, 2]", 2, "found 2 slice_points for 2 tops; expected 1"),
    ("axis: 3", 2, "axis is 3, but the bottom has 3 axes: expected -3 to 2"),
    ("slice_dim: 3", 2, "slice_dim is 3, but the bottom has 3 axes: expected -3 to 2"),
    ("", 4, "axis 1 has 6 elements, which 4 tops cannot share equally"),
    ("", 12, "axis 1 has 6 elements, which 12 tops cannot share equally"),
    ("slice_point: [3, 2]", 3, "slice_point is 3, 2; expected rising numbers from 1 to 5, within axis 1"),
    ("slice_point: 0", 2, "slice_point is 0; expected rising numbers from 1 to 5, within axis 1"),
    ("slice_point: 6", 2, "slice_point is 6; expected rising numbers from 1 to 5, within axis 1"),
]


@pytest.mark.parametrize("options, tops, message", SLICE_ERRORS, ids=range(len(SLICE_ERRORS)))
def test_slice_errors(options, tops, message):
    with pytest.raises(LayerError) as error:
        make(slice_text(options), (4, 6, 5), tops=tops)
    assert str(error.value) == message


@pytest.mark.parametrize(
    "options, like",
    [
        ("", (9, 9, 4, 5)),
        ("offset: 1", (9, 9, 4, 4)),
        ("axis: 0 offset: [0, 1, 2, 0]", (1, 2, 3, 6)),
        ("axis: -1 offset: 2", (1, 1, 1, 4)),
        ("axis: 1 offset: [0, 1, 2]", (1, 3, 4, 3, 7)),
    ],
)
def test_crop_gradient(options, like):
    gradient_check(crop_text(options), [(2, 3, 5, 6), like])


def test_crop_takes_sizes_only_from_the_second_bottom():
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 6)).astype("float32")
    run = make(crop_text("axis: 1 offset: [1, 0, 2]"), x.shape, (7, 2, 5, 3))
    (y,) = run.forward(x, np.full((7, 2, 5, 3), np.nan))
    np.testing.assert_array_equal(y, x[:, 1:3, :, 2:5])
    dx, none = run.backward(y + 1)
    assert dx.sum() == pytest.approx((y + 1).sum(), rel=1e-5)
    assert not none.any()


CROP_ERRORS = [
    ("axis: 4", (2, 3, 4, 4), "axis is 4, but the bottom has 4 axes: expected -4 to 3"),
    (
        "offset: [1, 2, 3]",
        (2, 3, 4, 4),
        "offset has 3 values; expected 1 or 2, one for each axis from 2 on",
    ),
    (
        "",
        (4, 4),
        "bottom 1 is 4 x 4, bottom 0 is 2 x 3 x 5 x 6; expected no fewer axes in bottom 1",
    ),
    (
        "offset: [1, 2]",
        (2, 3, 4, 5),
        "offset 2 and size 5 of bottom 1 reach beyond axis 3 of bottom 0, which has 6 elements",
    ),
]


@pytest.mark.parametrize("options, like, message", CROP_ERRORS, ids=range(len(CROP_ERRORS)))
def test_crop_errors(options, like, message):
    with pytest.raises(LayerError) as error:
        make(crop_text(options), (2, 3, 5, 6), like)
    assert str(error.value) == message


NET = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 6 dim: 6 } } }
layer { name: "a" type: "Convolution" bottom: "x" top: "a"
  convolution_param { num_output: 4 kernel_size: 1 weight_filler { type: "xavier" } } }
layer { name: "b" type: "Convolution" bottom: "x" top: "b"
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "c" type: "Crop" bottom: "a" bottom: "b" top: "c" crop_param { offset: 1 } }
layer { name: "sum" type: "Eltwise" bottom: "c" bottom: "b" top: "sum" }
layer { name: "loss" type: "EuclideanLoss" bottom: "sum" bottom: "c" top: "loss" }
"""


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_a_learned_blob_may_give_the_sizes(plan, tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    net = Net(tmp_path / "net.prototxt", "TRAIN", seed=1, plan=plan)
    net.blobs["x"].data[...] = 1
    net.forward()
    net.backward()
    assert net.params["b"][0].diff.any()
