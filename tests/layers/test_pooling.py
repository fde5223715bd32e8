"""Pooling: gradients, shapes and errors."""

import numpy as np
import pytest
from harness import gradient_check, make

from minicaffe.errors import LayerError
from minicaffe.kernels._threads import set_threads, threads
from minicaffe.net import Net


def text(options):
    return f'type: "Pooling" pooling_param {{ {options} }}'


@pytest.mark.parametrize("pool", ["MAX", "AVE"])
@pytest.mark.parametrize(
    "options, shape",
    [
        ("kernel_size: 3 stride: 2", (2, 3, 8, 7)),
        ("kernel_size: 3 stride: 2 pad: 1", (2, 2, 6, 7)),
        ("kernel_h: 2 kernel_w: 3 stride_h: 1 stride_w: 3 pad_h: 1 pad_w: 0 round_mode: FLOOR", (1, 2, 5, 8)),
        ("global_pooling: true", (2, 3, 4, 5)),
        ("kernel_size: 1 stride: 2", (2, 2, 5, 3)),
        ("kernel_size: 4 stride: 3", (2, 2, 2, 6)),
    ],
)
def test_gradient(pool, options, shape):
    values = np.random.default_rng(1).permutation(np.prod(shape)).reshape(shape) / 10
    gradient_check(text(f"pool: {pool} {options}"), [shape], values=[values])


@pytest.mark.parametrize(
    "options, size, expected",
    [
        ("kernel_size: 3 stride: 2", (8, 7), (4, 3)),
        ("kernel_size: 3 stride: 2 round_mode: FLOOR", (8, 7), (3, 3)),
        ("kernel_size: 2 stride: 3 pad: 1", (7, 9), (3, 4)),
        ("kernel_size: 2 stride: 2 pad: 1", (5, 4), (3, 3)),
        ("kernel_size: 1 stride: 2", (9, 7), (5, 4)),
        ("kernel_h: 3 kernel_w: 2", (8, 7), (6, 6)),
        ("global_pooling: true", (8, 7), (1, 1)),
        ("kernel_size: 3 stride: 2", (2, 2), (1, 1)),
        ("kernel_size: 4 stride: 3", (2, 6), (1, 2)),
    ],
)
def test_shapes(options, size, expected):
    assert make(text(options), (2, 3, *size)).tops[0].shape == (2, 3, *expected)


def test_second_top_holds_indices():
    run = make(text("kernel_size: 2 stride: 2"), (1, 2, 2, 4), tops=2)
    x = np.array([1, 5, 2, 2, 5, 0, 0, 1, 0, 0, 9, 1, 7, 3, 2, 2.0]).reshape(1, 2, 2, 4)
    largest, indices = run.forward(x)
    np.testing.assert_array_equal(largest.reshape(-1), [5, 2, 7, 9])
    np.testing.assert_array_equal(indices.reshape(-1), [1, 2, 4, 2])
    assert indices.dtype == np.float32


@pytest.mark.parametrize("plan", ["inspect", "fast"])
@pytest.mark.parametrize("pool, expected", [("MAX", [4.0, 8.0]), ("AVE", [2.5, 6.5])])
def test_a_window_larger_than_the_input_is_cut_to_it(pool, expected, plan, tmp_path):
    """As at the end of a deep net on small images; the average's divisor is what is left of the window."""
    file = tmp_path / "net.prototxt"
    shape = "shape { dim: 1 dim: 2 dim: 2 dim: 2 }"
    file.write_text(
        f'force_backward: true layer {{ name: "x" type: "Input" top: "x" input_param {{ {shape} }} }}'
        f'layer {{ name: "p" {text(f"pool: {pool} kernel_size: 3 stride: 2")} bottom: "x" top: "y" }}'
    )
    net = Net(file, "TRAIN", plan=plan)
    net.blobs["x"].data[...] = np.arange(1, 9).reshape(1, 2, 2, 2)
    np.testing.assert_array_equal(net.forward()["y"].reshape(-1), expected)
    net.blobs["y"].diff[...] = 4
    share = [0, 0, 0, 4] if pool == "MAX" else [1, 1, 1, 1]
    np.testing.assert_array_equal(net.backward()["x"].reshape(2, 4), [share, share])


def test_unwanted_gradient_is_skipped():
    run = make(text("kernel_size: 2"), (1, 1, 3, 3))
    run.forward(np.zeros((1, 1, 3, 3)))
    run.bottom_diffs[0] = None
    assert run.backward(np.ones((1, 1, 2, 2))) == [None]


ERRORS = [
    ("pool: STOCHASTIC kernel_size: 2 pad: 1", (1, 1, 4, 4), "pad is 1, but pool is STOCHASTIC; expected pad 0"),
    (
        "stride: 2",
        (1, 1, 4, 4),
        "kernel_size is missing; expected kernel_size, or kernel_h and kernel_w, or global_pooling",
    ),
    ("kernel_size: 0", (1, 1, 4, 4), "kernel_size is 0; expected at least 1"),
    ("kernel_w: 2", (1, 1, 4, 4), "kernel_h is 0; expected at least 1"),
    ("kernel_size: 2 stride: 0", (1, 1, 4, 4), "stride is 0; expected at least 1"),
    (
        "kernel_size: 2 kernel_h: 2",
        (1, 1, 4, 4),
        "found kernel_size beside kernel_h or kernel_w; expected one way or the other",
    ),
    ("kernel_size: 2 pad: 2", (1, 1, 4, 4), "pad 2 x 2 must be smaller than the kernel 2 x 2"),
    ("kernel_size: 5", (1, 1, 4, 6), "kernel 5 x 5 is larger than the padded input 4 x 6"),
    ("kernel_size: 3 stride: 2 round_mode: FLOOR", (1, 1, 2, 2), "kernel 3 x 3 is larger than the padded input 2 x 2"),
    (
        "kernel_size: 2 global_pooling: true",
        (1, 1, 4, 4),
        "found a kernel size beside global_pooling; expected one or the other",
    ),
    (
        "stride: 2 global_pooling: true",
        (1, 1, 4, 4),
        "found pad or stride beside global_pooling; expected pad 0 and stride 1",
    ),
    (
        "kernel_size: 1 stride: 2",
        (1, 1, 5, 8),
        "the last window begins at 8, outside the input of 8 (stride 2, kernel 1); expected round_mode: FLOOR",
    ),
    ("kernel_size: 2", (3, 4, 4), "the bottom is 3 x 4 x 4; expected 4 axes: N x C x H x W"),
    ("kernel_size: 2", (1, 0, 4, 4), "dimension 1 is 0; expected at least 1"),
]


@pytest.mark.parametrize("options, shape, message", ERRORS, ids=range(len(ERRORS)))
def test_errors(options, shape, message):
    with pytest.raises(LayerError) as error:
        make(text(options), shape)
    assert str(error.value) == message


@pytest.mark.parametrize("pool", ["AVE", "STOCHASTIC"])
def test_only_maxima_have_indices(pool):
    with pytest.raises(
        LayerError, match=rf"^the second top holds the indices of maxima, but pool is {pool}; expected 1 top$"
    ):
        make(text(f"pool: {pool} kernel_size: 2"), (1, 1, 4, 4), tops=2)


# -- STOCHASTIC ----------------------------------------------------------------------------------------------


def stochastic(options, shape, phase="TRAIN", **others):
    return make(text(f"pool: STOCHASTIC {options}"), shape, phase=phase, **others)


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
@pytest.mark.parametrize(
    "options, shape",
    [
        ("kernel_size: 3 stride: 2", (2, 3, 8, 7)),
        ("kernel_h: 2 kernel_w: 3 stride_h: 1 stride_w: 3 round_mode: FLOOR", (1, 2, 5, 8)),
        ("global_pooling: true", (2, 3, 4, 5)),
    ],
)
def test_stochastic_gradient(options, shape, phase):
    values = np.random.default_rng(1).random(shape) + 0.1
    gradient_check(text(f"pool: STOCHASTIC {options}"), [shape], phase, values=[values])


def test_draws_are_in_proportion_to_the_values():
    values = np.array([3.0, 0.0, 1.0, 4.0])
    run = stochastic("kernel_size: 2 stride: 2", (8, 64, 16, 16))
    x = np.tile(values.reshape(2, 2), (8, 64, 8, 8))
    (y,) = run.forward(x)
    for value in values:
        share = value / values.sum()
        assert abs((y == value).mean() - share) < 5 * np.sqrt(0.25 / y.size) * (value > 0) + 1e-12
    (mean,) = stochastic("kernel_size: 2 stride: 2", x.shape, "TEST").forward(x)
    np.testing.assert_allclose(mean, (values**2).sum() / values.sum(), rtol=1e-6)
    assert abs(y.mean() - mean[0, 0, 0, 0]) < 5 * 1.2 / np.sqrt(y.size)


def test_the_gradient_goes_to_the_elements_drawn():
    x = np.random.default_rng(0).permutation(72).reshape(1, 2, 6, 6) + 1.0
    run = stochastic("kernel_size: 2 stride: 2", x.shape)
    (y,) = run.forward(x)
    (dx,) = run.backward(y + 100)
    np.testing.assert_array_equal(dx, np.where(np.isin(x, y), x + 100, 0))


def test_windows_of_zeros():
    for phase in ("TRAIN", "TEST"):
        run = stochastic("kernel_size: 2", (1, 1, 3, 3), phase)
        np.testing.assert_array_equal(run.forward(np.zeros((1, 1, 3, 3)))[0], np.zeros((1, 1, 2, 2)))
        assert np.isfinite(run.backward(np.ones((1, 1, 2, 2)))[0]).all()


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_not_a_number_is_seen(phase):
    x = np.ones((1, 1, 4, 4))
    x[0, 0, 1, 2] = np.nan
    (y,) = stochastic("kernel_size: 2 stride: 2", x.shape, phase).forward(x)
    np.testing.assert_array_equal(np.isnan(y[0, 0]), [[False, True], [False, False]])


def test_draws_change_with_each_forward_and_the_seed_and_come_back_with_the_state():
    x = np.random.default_rng(0).random((2, 16, 16, 16))
    run, other = stochastic("kernel_size: 3", x.shape), stochastic("kernel_size: 3", x.shape, seed=2)
    first, second = (run.forward(x)[0].copy() for _ in range(2))
    assert (first != second).mean() > 0.5
    assert (first != other.forward(x)[0]).mean() > 0.5
    assert run.layer.state() == {"forwards": 2}
    again = stochastic("kernel_size: 3", x.shape)
    again.layer.restore({"forwards": 1})
    np.testing.assert_array_equal(again.forward(x)[0], second)
    assert make(text("kernel_size: 3"), x.shape).layer.state() == {}


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_stochastic_does_not_depend_on_threads(phase):
    before, results, x = threads(), [], np.random.default_rng(0).random((2, 5, 9, 9))
    try:
        for number in (1, 2, 3):
            set_threads(number)
            run = stochastic("kernel_size: 3 stride: 2", x.shape, phase)
            (y,) = run.forward(x)
            results.append((y.tobytes(), run.backward(y)[0].tobytes()))
    finally:
        set_threads(before)
    assert results[0] == results[1] == results[2]


NET = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 4 dim: 3 dim: 8 dim: 8 } } }
layer { name: "c" type: "Convolution" bottom: "x" top: "c"
  convolution_param { num_output: 8 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "r" type: "ReLU" bottom: "c" top: "c" }
layer { name: "p" type: "Pooling" bottom: "c" top: "p" pooling_param { pool: STOCHASTIC kernel_size: 2 stride: 2 } }
"""


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_both_plans_draw_the_same(phase, tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    values, tops = np.random.default_rng(0).standard_normal((4, 3, 8, 8)), []
    for plan in ("inspect", "fast"):
        net = Net(tmp_path / "net.prototxt", phase, seed=1, plan=plan)
        net.blobs["x"].data[...] = values
        net.forward()
        tops.append(net.blobs["p"].data.copy())
    np.testing.assert_allclose(*tops, rtol=1e-4, atol=1e-6)
