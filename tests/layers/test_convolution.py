"""Convolution: gradients, several bottoms, skipped gradients, shapes and errors."""

import numpy as np
import pytest
from harness import gradient_check, layer_param, make

from minicaffe.errors import LayerError
from minicaffe.kernels._threads import set_threads, threads
from minicaffe.layers import layer_class


def text(options):
    return f'type: "Convolution" convolution_param {{ {options} }}'


@pytest.mark.parametrize(
    "options, shape",
    [
        ("num_output: 4 kernel_size: 3 pad: 1", (2, 3, 5, 4)),
        ("num_output: 4 kernel_size: 3 stride: 2 group: 2 dilation: 2", (2, 4, 7, 9)),
        ("num_output: 6 kernel_h: 2 kernel_w: 3 stride_h: 2 stride_w: 1 pad_h: 1 pad_w: 2 group: 3", (3, 3, 5, 4)),
        ("num_output: 5 kernel_size: 3 pad: 1 group: 5 bias_term: false", (2, 5, 4, 4)),
        ("num_output: 3 kernel_size: 3 stride: 2", (2, 2, 9)),
        ("num_output: 3 kernel_size: 2 pad: 1 stride: 2", (2, 2, 3, 4, 3)),
        ("num_output: 3", (4, 5)),
        ("num_output: 2 kernel_size: 2 pad: 1 stride: [2, 1, 1, 2]", (2, 1, 2, 3, 2, 3)),
        ("num_output: 2 kernel_size: [2, 1, 2, 3, 1] dilation: [2, 1, 1, 1, 1] group: 2", (1, 2, 3, 2, 3, 4, 2)),
    ],
)
def test_gradient(options, shape):
    gradient_check(text(options), [shape])


def test_several_bottoms_share_the_weights():
    options = text("num_output: 3 kernel_size: 2")
    gradient_check(options, [(2, 2, 3, 4)] * 2, tops=2)
    values = np.random.default_rng(0).standard_normal((2, 2, 2, 3, 4))
    both, single = make(options, *[(2, 2, 3, 4)] * 2, tops=2), make(options, (2, 2, 3, 4))
    single.layer.params = both.layer.params
    for i, top in enumerate(both.forward(*values)):
        np.testing.assert_array_equal(top, single.forward(values[i])[0])


@pytest.mark.parametrize(
    "options, shape",
    [
        ("kernel_size: 3 pad: 1", (2, 4, 5, 4)),
        ("kernel_size: 2 stride: 2 pad: 1 dilation: 2", (1, 2, 6, 5, 4)),
        ("kernel_size: [2, 3, 1, 2] stride: [1, 2, 1, 2] pad: [1, 2, 0, 1] dilation: [2, 1, 1, 1]", (2, 2, 4, 5, 3, 4)),
    ],
)
def test_weights_times_columns(options, shape):
    run = make(text(f'{options} num_output: 3 weight_filler {{ type: "gaussian" }}'), shape, dtype="float64")
    columns = make(f'type: "Im2col" convolution_param {{ {options} }}', shape, dtype="float64")
    x = np.random.default_rng(0).standard_normal(shape)
    (y,), (c,) = run.forward(x), columns.forward(x)
    weights = run.layer.params[0].reshape(3, -1)
    np.testing.assert_allclose(y.reshape(len(x), 3, -1), weights @ c.reshape(len(x), len(weights.T), -1), atol=1e-12)


def test_more_axes_do_not_depend_on_threads():
    before, results, random = threads(), [], np.random.default_rng(0)
    x, dy = random.standard_normal((2, 3, 4, 5, 6, 7)), random.standard_normal((2, 4, 3, 4, 5, 6))
    try:
        for number in (1, 2, 3):
            set_threads(number)
            run = make(text('num_output: 4 kernel_size: 2 weight_filler { type: "xavier" }'), x.shape)
            arrays = [run.forward(x)[0], run.backward(dy)[0], *run.layer.param_diffs]
            results.append([array.tobytes() for array in arrays])
    finally:
        set_threads(before)
    assert results[0] == results[1] == results[2]


def test_only_wanted_gradients_are_computed():
    run = make(text('num_output: 3 kernel_size: 2 weight_filler { type: "xavier" }'), (2, 2, 3, 4))
    run.forward(np.ones((2, 2, 3, 4)))
    run.layer.param_diffs[0] = None
    run.bottom_diffs[0] = None
    run.backward(np.ones((2, 3, 2, 3)))
    np.testing.assert_array_equal(run.layer.param_diffs[1], np.full(3, 12))


@pytest.mark.parametrize(
    "options, shape, weights, top",
    [
        ("num_output: 6 kernel_size: 3 group: 2", (2, 4, 5, 5), (6, 2, 3, 3), (2, 6, 3, 3)),
        ("num_output: 6 kernel_size: 3 stride: 2", (2, 4, 6, 7), (6, 4, 3, 3), (2, 6, 2, 3)),
        ("num_output: 2 kernel_size: 3 axis: -3", (7, 2, 4, 5, 5), (2, 4, 3, 3), (7, 2, 2, 3, 3)),
        ("num_output: 2 kernel_size: 5 pad: 2 dilation: 2", (1, 3, 9), (2, 3, 5), (1, 2, 5)),
        ("num_output: 2", (4, 3), (2, 3), (4, 2)),
        ("num_output: 2 kernel_size: [1, 2, 3, 2]", (3, 4, 5, 5, 5, 5), (2, 4, 1, 2, 3, 2), (3, 2, 5, 4, 3, 4)),
    ],
)
def test_shapes(options, shape, weights, top):
    run = make(text(options), shape)
    assert [p.shape for p in run.layer.params] == [weights, weights[:1]]
    assert run.tops[0].shape == top


ERRORS = [
    ("kernel_size: 3", (1, 3, 5, 5), "num_output is 0; expected at least 1"),
    ("num_output: 2 kernel_size: 0", (1, 3, 5, 5), "kernel_size is 0; expected at least 1"),
    ("num_output: 2 kernel_h: 3", (1, 3, 5, 5), "kernel_w is 0; expected at least 1"),
    ("num_output: 2 kernel_size: 3 stride: 0", (1, 3, 5, 5), "stride is 0; expected at least 1"),
    ("num_output: 2 kernel_size: 3 stride_h: 1", (1, 3, 5, 5), "stride_w is 0; expected at least 1"),
    ("num_output: 2 kernel_size: 3 dilation: 0", (1, 3, 5, 5), "dilation is 0; expected at least 1"),
    ("num_output: 2 kernel_size: 3 group: 0", (1, 3, 5, 5), "group is 0; expected at least 1"),
    ("num_output: 5 kernel_size: 3 group: 2", (1, 4, 5, 5), "num_output 5 is not divisible by group 2"),
    ("num_output: 4 kernel_size: 3 group: 2", (1, 3, 5, 5), "the bottom has 3 channels, which group 2 does not divide"),
    ("num_output: 4", (1, 3, 5, 5), "kernel_size is missing; expected kernel_size, or kernel_h and kernel_w"),
    (
        "num_output: 4 kernel_size: 3 kernel_h: 3 kernel_w: 3",
        (1, 3, 5, 5),
        "found kernel_size beside kernel_h or kernel_w; expected one way or the other",
    ),
    (
        "num_output: 4 kernel_size: [3, 3, 3]",
        (1, 3, 5, 5),
        "kernel_size has 3 values; expected 1 or 2, one per spatial axis",
    ),
    ("num_output: 4 kernel_h: 3 kernel_w: 1", (1, 3, 5), "kernel_h and kernel_w need 2 spatial axes; found 1"),
    ("num_output: 4 kernel_size: 7", (1, 3, 5, 5), "kernel 7 x 7 is larger than the padded input 5 x 5"),
    ("num_output: 4 kernel_size: 7 pad: 1", (1, 3, 5, 4), "kernel 7 x 7 is larger than the padded input 7 x 6"),
    (
        "num_output: 4 kernel_size: 3 dilation: 3",
        (1, 3, 5, 5),
        "kernel 3 x 3, dilated to 7 x 7, is larger than the padded input 5 x 5",
    ),
    (
        "num_output: 4 kernel_size: 5000 pad: 5000",
        (1, 3, 5, 5),
        "kernel 5000 x 5000 is too large; expected at most 262144 elements",
    ),
    ("num_output: 4 kernel_size: 1", (1, 3, 0, 5), "dimension 2 is 0; expected at least 1"),
    (
        "num_output: 4 kernel_size: [1, 2, 1]",
        (1, 2, 3, 4, 5, 6),
        "kernel_size has 3 values; expected 1 or 4, one per spatial axis",
    ),
    ("num_output: 4 kernel_size: 1 axis: 4", (1, 2, 3, 4), "axis is 4, but the bottom has 4 axes: expected -4 to 3"),
]


@pytest.mark.parametrize("options, shape, message", ERRORS, ids=range(len(ERRORS)))
def test_errors(options, shape, message):
    with pytest.raises(LayerError) as error:
        make(text(options), shape)
    assert str(error.value) == message


def test_bottoms_and_tops_must_match():
    with pytest.raises(LayerError, match=r"^found 2 bottoms and 1 top; expected as many tops as bottoms$"):
        make(text("num_output: 2 kernel_size: 1"), (1, 2, 3, 3), (1, 2, 3, 3))
    with pytest.raises(
        LayerError, match=r"^bottom 1 has shape 1 x 2 x 3 x 4, bottom 0 has 1 x 2 x 3 x 3; expected the same$"
    ):
        make(text("num_output: 2 kernel_size: 1"), (1, 2, 3, 3), (1, 2, 3, 4), tops=2)


@pytest.mark.parametrize(
    "options, shape",
    [
        ("num_output: 4000000000 kernel_size: 3", (10**9, 3, 10**6, 10**6)),
        ("num_output: 4 kernel_size: 512", (1, 10**9, 10**4, 10**4)),
        ("num_output: 4 kernel_h: 262144 kernel_w: 1 stride_h: 4000000000 stride_w: 1", (1, 1, 10**9, 1)),
        ("num_output: 4 kernel_size: 3 pad: 4000000000 dilation: 1000000000", (1, 3, 5, 5)),
    ],
)
def test_absurd_sizes_are_inferred_on_integers(options, shape):
    layer = layer_class("Convolution")(layer_param(text(options), 1, 1), "TRAIN")
    inferred = layer.infer(shape)
    assert inferred.tops[0][:2] == (shape[0], layer.options.num_output)
    others = [work.shape for name, work in inferred.scratch.items() if name != "partials"]
    assert all(np.prod(work) < 2**27 for work in others)
