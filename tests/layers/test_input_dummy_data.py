import numpy as np
import pytest
from harness import make

import minicaffe
from minicaffe.errors import LayerError
from minicaffe.net import Net
from minicaffe.proto import parse_net


def shapes(text, tops):
    return [top.shape for top in make(text, tops=tops).tops]


def test_input_shapes_one_for_all_or_one_for_each():
    one = 'type: "Input" input_param { shape { dim: 2 dim: 3 } }'
    assert shapes(one, 1) == [(2, 3)]
    assert shapes(one, 3) == [(2, 3)] * 3
    assert shapes('type: "Input" input_param { shape { dim: 2 } shape { } }', 2) == [(2,), ()]


def test_input_keeps_what_it_holds():
    run = make('type: "Input" input_param { shape { dim: 2 } }')
    run.tops[0][...] = 5
    run.forward()
    assert run.tops[0].tolist() == [5, 5]


@pytest.mark.parametrize(
    "options, tops, text",
    [
        ("", 1, "input_param has 0 shapes for 1 top; expected 1"),
        ("shape { dim: 2 } shape { dim: 3 }", 1, "input_param has 2 shapes for 1 top; expected 1"),
        ("shape { dim: 2 } shape { dim: 3 }", 3, "input_param has 2 shapes for 3 tops; expected 1 or 3"),
        ("shape { dim: 2 dim: 3 dim: 0 }", 1, "dimension 2 is 0; expected at least 1"),
        ("shape { dim: -4 }", 1, "dimension 0 is -4; expected at least 1"),
    ],
)
def test_input_refuses(options, tops, text):
    with pytest.raises(LayerError, match=f"^{text}$"):
        make(f'type: "Input" input_param {{ {options} }}', tops=tops)


def test_dummy_data_shapes_new_and_old():
    old = "num: 2 num: 3 channels: 4 height: 5 width: 6"
    assert shapes('type: "DummyData" dummy_data_param { shape { dim: 2 dim: 3 } }', 2) == [(2, 3), (2, 3)]
    assert shapes(f'type: "DummyData" dummy_data_param {{ {old} }}', 2) == [(2, 4, 5, 6), (3, 4, 5, 6)]


def test_dummy_data_is_zero_without_a_filler():
    run = make('type: "DummyData" dummy_data_param { shape { dim: 2 } }')
    assert run.forward()[0].tolist() == [0, 0]


RANDOM = (
    'type: "DummyData" dummy_data_param { shape { dim: 500 } data_filler { value: 3 } '
    'data_filler { type: "gaussian" } data_filler { type: "uniform" min: 2 max: 4 } }'
)


def test_constants_are_filled_once_and_random_numbers_in_every_forward():
    run = make(RANDOM, tops=3)
    constant, gaussian, uniform = run.forward()
    assert (constant == 3).all()
    assert abs(gaussian.mean()) < 5 / np.sqrt(500)
    assert abs(gaussian.std() - 1) < 0.2
    assert 2 <= uniform.min() < 2.1 < 3.9 < uniform.max() <= 4
    before = [top.copy() for top in run.tops]
    constant[0] = 7
    run.forward()
    assert constant[0] == 7
    assert all((top != old).mean() > 0.9 for top, old in zip(run.tops[1:], before[1:]))


def test_random_numbers_follow_from_seed_and_state():
    first, second, other = make(RANDOM, tops=3), make(RANDOM, tops=3), make(RANDOM, tops=3, seed=2)
    first.forward()
    state = first.layer.state()
    expected = [top.copy() for top in first.forward()]
    second.layer.restore(state)
    for found, wanted, different in zip(second.forward()[1:], expected[1:], other.forward()[1:]):
        np.testing.assert_array_equal(found, wanted)
        assert (found != different).mean() > 0.9


@pytest.mark.parametrize(
    "options, tops, text",
    [
        ("", 1, "dummy_data_param has 0 shape for 1 top; expected 1"),
        ("shape { dim: 2 } num: 2", 1, "found both shape and num; expected one of them"),
        ("num: 2 channels: 3 height: 4", 1, "dummy_data_param has 0 width for 1 top; expected 1"),
        ("num: 2 channels: 0 height: 4 width: 1", 1, "dimension 1 is 0; expected at least 1"),
        (
            "shape { dim: 2 } data_filler { } data_filler { }",
            3,
            "dummy_data_param has 2 data_filler for 3 tops; expected 1 or 3",
        ),
        (
            'shape { dim: 2 } data_filler { type: "gausian" }',
            1,
            'unknown filler type "gausian"; did you mean "gaussian"\\?',
        ),
    ],
)
def test_dummy_data_refuses(options, tops, text):
    with pytest.raises(LayerError, match=f"^{text}$"):
        make(f'type: "DummyData" dummy_data_param {{ {options} }}', tops=tops)


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_constants_are_there_before_the_first_forward_and_may_be_written_over(plan):
    text = (
        'layer { name: "d" type: "DummyData" top: "d" dummy_data_param { shape { dim: 3 } data_filler { value: 2 } } }'
    )
    text += 'layer { name: "a" type: "AbsVal" bottom: "d" top: "a" }'
    net = Net(parse_net(text), minicaffe.TEST, plan=plan)
    assert net.blobs["d"].data.tolist() == [2, 2, 2]
    net.blobs["d"].data[...] = [-1, 0, 3]
    assert net.forward()["a"].tolist() == [1, 0, 3]
