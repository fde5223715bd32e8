"""Deconvolution: gradients, the transpose of Convolution, shapes, skipped gradients and errors."""

import numpy as np
import pytest
from harness import gradient_check, layer_param, make

from minicaffe.errors import LayerError
from minicaffe.kernels._threads import set_threads, threads
from minicaffe.layers import layer_class

CASES = [
    ("num_output: 4 kernel_size: 3 pad: 1", (2, 3, 5, 4)),
    ("num_output: 4 kernel_size: 3 stride: 2 group: 2 dilation: 2", (2, 4, 3, 4)),
    ("num_output: 6 kernel_h: 2 kernel_w: 3 stride_h: 2 stride_w: 1 pad_h: 1 pad_w: 2 group: 3", (3, 3, 5, 4)),
    ("num_output: 5 kernel_size: 4 stride: 2 pad: 1 group: 5 bias_term: false", (2, 5, 4, 3)),
    ("num_output: 3 kernel_size: 3 stride: 2", (2, 2, 9)),
    ("num_output: 3 kernel_size: 2 pad: 1 stride: 2", (2, 2, 3, 4, 3)),
    ("num_output: 2 kernel_size: 2 stride: [1, 2, 1, 1] pad: [1, 0, 0, 0]", (2, 2, 2, 2, 2, 3)),
    ("num_output: 3 kernel_size: 2 axis: 2", (2, 2, 3, 3, 2)),
    ("num_output: 3", (4, 5)),
]


def text(options, kind="Deconvolution"):
    return f'type: "{kind}" convolution_param {{ {options} }}'


@pytest.mark.parametrize("options, shape", CASES)
def test_gradient(options, shape):
    gradient_check(text(options), [shape])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options, shape", [*CASES, ("num_output: 32 kernel_size: 3 pad: 1", (8, 32, 28, 28))])
def test_it_is_what_convolution_does_to_gradients(options, shape, dtype):
    random = np.random.default_rng(0)
    run = make(text(options), shape, dtype=dtype)
    (top,) = run.tops
    axis = 2 if "axis" in options else 1
    others = options.split(maxsplit=2)[2] if " " in options[12:] else ""
    convolution = make(text(f"num_output: {shape[axis]} {others}", "Convolution"), top.shape, dtype=dtype)
    assert convolution.tops[0].shape == shape
    weights = random.standard_normal(run.layer.params[0].shape)
    run.layer.params[0][...] = convolution.layer.params[0][...] = weights
    x, dy = random.standard_normal(shape), random.standard_normal(top.shape)
    (expected,) = convolution.backward(x)
    near = {"rtol": 0, "atol": {"float32": 3e-5, "float64": 1e-12}[dtype] * np.abs(expected).max()}
    np.testing.assert_allclose(run.forward(x)[0], expected, **near)
    np.testing.assert_allclose(run.backward(dy)[0], convolution.forward(dy)[0], **near)


def test_bias_is_added_to_every_position():
    run = make(text("num_output: 2 kernel_size: 2 stride: 3"), (1, 1, 2, 2))
    run.layer.params[0][...] = 1
    run.layer.params[1][...] = 10, 20
    (y,) = run.forward(np.arange(4.0).reshape(1, 1, 2, 2))
    np.testing.assert_array_equal(y[0, :, 2], [[10] * 5, [20] * 5])
    np.testing.assert_array_equal(y[0, 1, 4], [22, 22, 20, 23, 23])


def test_several_bottoms_share_the_weights():
    options = text("num_output: 3 kernel_size: 2 stride: 2")
    gradient_check(options, [(2, 2, 3, 4)] * 2, tops=2)


def test_only_wanted_gradients_are_computed():
    run = make(text('num_output: 3 kernel_size: 2 weight_filler { type: "xavier" }'), (2, 2, 3, 4))
    run.forward(np.ones((2, 2, 3, 4)))
    run.layer.param_diffs[0] = None
    run.bottom_diffs[0] = None
    run.backward(np.ones((2, 3, 4, 5)))
    np.testing.assert_array_equal(run.layer.param_diffs[1], np.full(3, 40))


@pytest.mark.parametrize(
    "options, shape, weights, top",
    [
        ("num_output: 6 kernel_size: 4 stride: 2 pad: 1 group: 2", (2, 4, 5, 6), (4, 3, 4, 4), (2, 6, 10, 12)),
        ("num_output: 2 kernel_size: 3 dilation: 2 axis: -3", (7, 2, 4, 5, 5), (4, 2, 3, 3), (7, 2, 2, 9, 9)),
        ("num_output: 21 kernel_size: 64 stride: 32 group: 21", (1, 21, 4, 3), (21, 1, 64, 64), (1, 21, 160, 128)),
        ("num_output: 2", (4, 3), (3, 2), (4, 2)),
    ],
)
def test_shapes(options, shape, weights, top):
    run = make(text(options), shape)
    assert run.layer.params[0].shape == weights
    assert run.layer.params[1].shape == top[run.layer.options.axis :][:1]
    assert run.tops[0].shape == top


def test_bilinear_weights_enlarge():
    options = (
        'num_output: 3 group: 3 kernel_size: 4 stride: 2 pad: 1 bias_term: false weight_filler { type: "bilinear" }'
    )
    run = make(text(options), (1, 3, 6, 6))
    y, x = np.mgrid[:6, :6]
    (top,) = run.forward(np.broadcast_to(3 * y + x, (1, 3, 6, 6)))
    y, x = (np.mgrid[:12, :12] - 0.5) / 2
    np.testing.assert_allclose(top[0, :, 1:-1, 1:-1], np.broadcast_to(3 * y + x, (3, 12, 12))[:, 1:-1, 1:-1], rtol=1e-5)


ERRORS = [
    ("kernel_size: 3", (1, 3, 5, 5), "num_output is 0; expected at least 1"),
    ("num_output: 5 kernel_size: 3 group: 2", (1, 4, 5, 5), "num_output 5 is not divisible by group 2"),
    ("num_output: 4 kernel_size: 3 group: 2", (1, 3, 5, 5), "the bottom has 3 channels, which group 2 does not divide"),
    ("num_output: 4", (1, 3, 5, 5), "kernel_size is missing; expected kernel_size, or kernel_h and kernel_w"),
    (
        "num_output: 4 kernel_size: 3 pad: 3",
        (1, 3, 4, 5),
        "the output would be 0 x 1: pad 3 x 3 is too large for 4 x 5 windows of 3 x 3",
    ),
    (
        "num_output: 4 kernel_size: 5000",
        (1, 3, 5, 5),
        "kernel 5000 x 5000 is too large; expected at most 262144 elements",
    ),
]


@pytest.mark.parametrize("options, shape, message", ERRORS, ids=range(len(ERRORS)))
def test_errors(options, shape, message):
    with pytest.raises(LayerError) as error:
        make(text(options), shape)
    assert str(error.value) == message


def test_it_does_not_depend_on_threads():
    before, results, random = threads(), [], np.random.default_rng(0)
    x, dy = random.standard_normal((3, 6, 9, 9)), random.standard_normal((3, 4, 19, 19))
    try:
        for number in (1, 2, 3):
            set_threads(number)
            options = 'num_output: 4 group: 2 kernel_size: 3 stride: 2 weight_filler { type: "xavier" }'
            run = make(text(options), x.shape)
            arrays = [run.forward(x)[0], run.backward(dy)[0], *run.layer.param_diffs]
            results.append([array.tobytes() for array in arrays])
    finally:
        set_threads(before)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize(
    "options, shape",
    [
        ("num_output: 4000000000 kernel_size: 3", (10**9, 3, 10**6, 10**6)),
        ("num_output: 4 kernel_size: 512 stride: 4000000000", (1, 10**9, 10**4, 10**4)),
    ],
)
def test_absurd_sizes_are_inferred_on_integers(options, shape):
    layer = layer_class("Deconvolution")(layer_param(text(options), 1, 1), "TRAIN")
    assert layer.infer(shape).tops[0][:2] == (shape[0], layer.options.num_output)
