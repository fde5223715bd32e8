import numpy as np
import pytest
from harness import gradient_check, make

from minicaffe.errors import LayerError

POSITIVE = np.linspace(0.2, 3, 24).reshape(2, 3, 4)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        'type: "Exp"',
        'type: "Exp" exp_param { base: 10 scale: 0.3 shift: -1 }',
        'type: "Exp" exp_param { base: 0.5 scale: -2 shift: 0.5 }',
        'type: "Log"',
        'type: "Log" log_param { base: 10 scale: 0.5 shift: 1 }',
        'type: "Log" log_param { base: 0.5 }',
        'type: "Power"',
        'type: "Power" power_param { power: 1 scale: -2 shift: 3 }',
        'type: "Power" power_param { power: 2 scale: 0.5 }',
        'type: "Power" power_param { power: 2 scale: 0.5 shift: -1 }',
        'type: "Power" power_param { power: 3 scale: -0.5 shift: 0.75 }',
        'type: "Power" power_param { power: 0.5 shift: 0.25 }',
        'type: "Power" power_param { power: -1.5 scale: 2 }',
        'type: "Power" power_param { power: 0 scale: 2 }',
        'type: "Power" power_param { power: 3 scale: 0 shift: 2 }',
    ],
)
def test_gradients(text, in_place):
    gradient_check(text, [POSITIVE.shape], values=[POSITIVE], in_place=in_place)


@pytest.mark.parametrize(
    "options, expected",
    [
        ("", np.exp([0, 1, -2])),
        ("exp_param { base: -1 shift: 1 scale: 2 }", np.exp([1, 3, -3])),
        ("exp_param { base: 2 shift: 3 }", [8, 16, 2]),
        ("exp_param { base: 1 }", [1, 1, 1]),
    ],
)
def test_exp(options, expected):
    (y,) = make(f'type: "Exp" {options}', (3,)).forward([0, 1, -2])
    np.testing.assert_allclose(y, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "options, expected",
    [
        ("", [-np.inf, 0, np.log(8)]),
        ("log_param { base: 2 }", [-np.inf, 0, 3]),
        ("log_param { base: 0.5 scale: 2 shift: 16 }", [-4, -np.log2(18), -5]),
        ("log_param { scale: -1 }", [-np.inf, np.nan, np.nan]),
    ],
)
def test_log(options, expected):
    (y,) = make(f'type: "Log" {options}', (3,)).forward([0, 1, 8])
    np.testing.assert_allclose(y, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "options, y, dx",
    [
        ("power: 3", [-8, 0, 1], [12, 0, 3]),  # 0 at 0, where Caffe has 0 / 0
        ("power: 2 scale: 3", [36, 0, 9], [-36, 0, 18]),
        ("power: 0", [1, 1, 1], [0, 0, 0]),
        ("power: 2 scale: 0 shift: 3", [9, 9, 9], [0, 0, 0]),
        ("power: -1 scale: 0", [np.inf] * 3, [0, 0, 0]),
        ("power: 0.5 scale: 0 shift: -1", [np.nan] * 3, [0, 0, 0]),
        ("power: 0 shift: 5", [1, 1, 1], [0, 0, 0]),
        ("power: 0.5 shift: 1", [np.nan, 1, 2**0.5], [np.nan, 0.5, 8**-0.5]),
        ("power: -2 shift: 1", [1, 1, 0.25], [2, -2, -0.25]),
    ],
)
def test_power(options, y, dx):
    run = make(f'type: "Power" power_param {{ {options} }}', (3,))
    np.testing.assert_allclose(run.forward([-2, 0, 1])[0], y, rtol=1e-6)
    np.testing.assert_allclose(run.backward(1)[0], dx, rtol=1e-6)


def test_power_reads_its_bottom_only_where_the_gradient_depends_on_it():
    for options, reads in (("power: 1 scale: 2", ()), ("power: 0", ()), ("power: 2 scale: 0", ())):
        assert make(f'type: "Power" power_param {{ {options} }}', (2,)).layer.backward_reads == reads
    assert make('type: "Power" power_param { power: 2 }', (2,)).layer.backward_reads == ("bottoms",)


@pytest.mark.parametrize("type_name", ["Exp", "Log"])
@pytest.mark.parametrize("base", ["0", "-2", "inf", "nan"])
def test_a_base_must_be_above_0(type_name, base):
    with pytest.raises(LayerError, match=rf"^base is {base}; expected -1 \(for e\) or a number above 0$"):
        make(f'type: "{type_name}" {type_name.lower()}_param {{ base: {base} }}', (2,))


def test_there_are_no_logarithms_to_base_1():
    with pytest.raises(LayerError, match=r"^base is 1, to which there are no logarithms; expected -1"):
        make('type: "Log" log_param { base: 1 }', (2,))


@pytest.mark.parametrize("shape", [(), (1,), (2, 1, 3, 1, 2)])
@pytest.mark.parametrize("type_name", ["Exp", "Log", "Power"])
def test_any_number_of_axes(type_name, shape):
    (y,) = make(f'type: "{type_name}"', shape).forward(1)
    assert y.shape == shape
    np.testing.assert_allclose(y, {"Exp": np.e, "Log": 0, "Power": 1}[type_name], rtol=1e-6)
