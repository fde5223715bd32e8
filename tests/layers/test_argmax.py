import numpy as np
import pytest
from harness import make

from minicaffe.errors import GraphError, LayerError
from minicaffe.net import Net
from minicaffe.proto import parse_net

RANDOM = np.random.default_rng(1)


def argmax(options, x):
    x = np.asarray(x, float)
    return make(f'type: "ArgMax" argmax_param {{ {options} }}', x.shape).forward(x)[0]


def order(x, axis):
    """Indices, largest number first; among equals the higher index first."""
    flipped = np.flip(x, axis)
    return x.shape[axis] - 1 - np.argsort(-flipped, axis, kind="stable")


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
@pytest.mark.parametrize("top_k", [1, 3])
def test_along_an_axis(axis, top_k):
    x = RANDOM.integers(0, 4, (3, 5, 4)).astype(float)  # with ties
    best = np.take(order(x, axis), range(top_k), axis)
    np.testing.assert_array_equal(argmax(f"axis: {axis} top_k: {top_k}", x), best)
    values = argmax(f"axis: {axis} top_k: {top_k} out_max_val: true", x)
    np.testing.assert_array_equal(values, np.take_along_axis(x, best, axis))


@pytest.mark.parametrize("shape, top", [((3,), (3, 1, 1)), ((3, 8), (3, 1, 1)), ((3, 2, 2, 2), (3, 1, 1, 1))])
def test_of_whole_images(shape, top):
    x = RANDOM.integers(0, 4, shape).astype(float)
    flat = x.reshape(3, -1)
    best = order(flat, 1)[:, 0]
    np.testing.assert_array_equal(argmax("", x), best.reshape(top))
    both = argmax("out_max_val: true", x)
    assert both.shape == (3, 2, *top[2:])
    np.testing.assert_array_equal(both.reshape(3, 2), np.stack([best, flat.max(1)], 1))


def test_five_axes_and_several_numbers():
    x = RANDOM.standard_normal((2, 3, 1, 2, 2))
    found = argmax("top_k: 4 out_max_val: true", x)
    assert found.shape == (2, 2, 4, 1, 1)
    best = order(x.reshape(2, -1).astype("float32"), 1)[:, :4]
    np.testing.assert_array_equal(found[:, 0, :, 0, 0], best)
    np.testing.assert_array_equal(found[:, 1, :, 0, 0], np.take_along_axis(x.reshape(2, -1), best, 1).astype("float32"))


def test_nan_is_the_largest_and_infinity_next():
    x = [[1, np.nan, np.inf, np.nan, -np.inf, np.inf]]
    np.testing.assert_array_equal(argmax("top_k: 6", x), [[[3, 1, 5, 2, 0, 4]]])
    values = argmax("top_k: 6 axis: 1 out_max_val: true", x)
    np.testing.assert_array_equal(values, [[np.nan, np.nan, np.inf, np.inf, 1, -np.inf]])


@pytest.mark.parametrize(
    "options, shape, message",
    [
        ("top_k: 0", (2, 3), "top_k is 0, but there are 3 numbers of an image; expected 1 to as many"),
        ("top_k: 7", (2, 3, 2), "top_k is 7, but there are 6 numbers of an image; expected 1 to as many"),
        ("top_k: 3 axis: 0", (2, 3), "top_k is 3, but there are 2 numbers along axis 0; expected 1 to as many"),
        ("axis: 2", (2, 3), "axis is 2, but the bottom has 2 axes: expected -2 to 1"),
        ("", (), "bottom has no axes; expected at least one"),
    ],
)
def test_errors(options, shape, message):
    with pytest.raises(LayerError, match=f"^{message}$"):
        argmax(options, np.zeros(shape))


@pytest.mark.parametrize("kind", ["ArgMax", "Threshold"])
def test_a_gradient_through_it_is_refused(kind):
    text = (
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }'
        'layer { name: "b" type: "Bias" bottom: "x" top: "b" }'
        f'layer {{ name: "a" type: "{kind}" bottom: "b" top: "a" loss_weight: 1 }}'
    )
    for plan in ("inspect", "fast"):
        with pytest.raises(GraphError, match=f'bottom 0 "b" would need a gradient, but {kind} gives none; expected'):
            Net(parse_net(text), "TRAIN", plan=plan)
