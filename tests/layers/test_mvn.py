import numpy as np
import pytest
from harness import gradient_check, make

TINY = "eps: 1e-20"


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (3, 4, 6), (2, 2, 3, 2, 2)])
@pytest.mark.parametrize("options", [TINY, f"across_channels: true {TINY}", "normalize_variance: false"])
def test_gradient(options, shape, in_place):
    gradient_check(f'type: "MVN" mvn_param {{ {options} }}', [shape], in_place=in_place)


def test_gradient_of_two_axes_across_channels():
    gradient_check(f'type: "MVN" mvn_param {{ across_channels: true {TINY} }}', [(3, 7)])


@pytest.mark.parametrize("across, axes", [("false", (2, 3)), ("true", (1, 2, 3))])
def test_formula(across, axes):
    x = np.random.default_rng(1).standard_normal((2, 3, 4, 5)) * 3 + 2
    centred = x - x.mean(axes, keepdims=True)
    options = f"eps: 0.5 across_channels: {across}"
    (y,) = make(f'type: "MVN" mvn_param {{ {options} }}', x.shape).forward(x)
    np.testing.assert_allclose(y, centred / (x.std(axes, keepdims=True) + 0.5), atol=1e-6)
    (y,) = make(f'type: "MVN" mvn_param {{ {options} normalize_variance: false }}', x.shape).forward(x)
    np.testing.assert_allclose(y, centred, atol=1e-6)


@pytest.mark.parametrize("shape", [(), (3,), (3, 2), (2, 3, 1, 1)])
def test_a_single_number_has_no_deviation(shape):
    run = make('type: "MVN"', shape)
    (y,) = run.forward(np.full(shape, 7))
    np.testing.assert_array_equal(y, np.zeros(shape))
    (dx,) = run.backward(1)
    np.testing.assert_array_equal(dx, np.zeros(shape))


def test_it_reads_its_top_in_backward_only_for_the_variance():
    assert make('type: "MVN"', (2, 3)).layer.backward_reads == ("tops",)
    assert make('type: "MVN" mvn_param { normalize_variance: false }', (2, 3)).layer.backward_reads == ()
