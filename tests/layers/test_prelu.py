import numpy as np
import pytest
from harness import gradient_check, make

from minicaffe.errors import LayerError

SHARED = 'type: "PReLU" prelu_param { channel_shared: true }'


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("shape", [(4, 6), (2, 3, 4, 5), (2, 1, 3), (3, 2, 1, 2, 2)])
@pytest.mark.parametrize("text", ['type: "PReLU"', SHARED])
def test_gradient(text, shape, in_place):
    gradient_check(text, [shape], in_place=in_place)


def test_the_slope_is_a_quarter_unless_a_filler_says_otherwise():
    np.testing.assert_array_equal(make('type: "PReLU"', (2, 3)).layer.params[0], [0.25] * 3)
    run = make('type: "PReLU" prelu_param { filler { type: "constant" value: -2 } channel_shared: true }', (2, 3))
    assert run.layer.params[0].shape == () and run.layer.params[0] == -2
    np.testing.assert_array_equal(make('type: "PReLU" prelu_param { filler { } }', (2, 3)).layer.params[0], [0] * 3)


def test_the_slope_counts_at_0():
    run = make('type: "PReLU"', (1, 3))
    np.testing.assert_array_equal(run.forward([[-2, 0, 2]])[0], [[-0.5, 0, 2]])
    np.testing.assert_array_equal(run.backward(1)[0], [[0.25, 0.25, 1]])
    np.testing.assert_array_equal(run.layer.param_diffs[0], [-2, 0, 0])


def test_one_axis_is_too_few():
    with pytest.raises(LayerError, match=r"^bottom has shape 4.*; expected at least 2 axes, the channels on axis 1$"):
        make('type: "PReLU"', (4,))
