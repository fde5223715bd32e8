import numpy as np
import pytest
from harness import gradient_check, make

from minicaffe.errors import LayerError


@pytest.mark.parametrize("options", ["", "axis: -2", "concat_dim: 1"])
def test_concat_gradient_and_order(options):
    shapes = [(2, 3, 4), (2, 1, 4), (2, 5, 4)]
    text = f'type: "Concat" concat_param {{ {options} }}'
    gradient_check(text, shapes)
    values = [np.random.default_rng(i).standard_normal(s).astype("float32") for i, s in enumerate(shapes)]
    np.testing.assert_array_equal(make(text, *shapes).forward(*values)[0], np.concatenate(values, axis=1))


@pytest.mark.parametrize(
    "options, shapes, text",
    [
        ("axis: 2", [(2, 3), (2, 3)], "axis is 2, but the bottom has 2 axes: expected -2 to 1"),
        ("concat_dim: 2", [(2, 3), (2, 3)], "concat_dim is 2, but the bottom has 2 axes"),
        ("axis: 1 concat_dim: 1", [(2, 3), (2, 3)], "found both axis and concat_dim; expected one of them"),
        ("", [(2, 3), (3, 3)], "bottom 1 has shape 3 x 3, bottom 0 has 2 x 3; expected .* axis 1 only"),
        ("", [(2, 3), (2, 3, 1)], "bottom 1 has shape 2 x 3 x 1, bottom 0 has 2 x 3; expected .* axis 1"),
    ],
)
def test_concat_refuses(options, shapes, text):
    with pytest.raises(LayerError, match=text):
        make(f'type: "Concat" concat_param {{ {options} }}', *shapes)


@pytest.mark.parametrize(
    "options, top",
    [("", (2, 60)), ("axis: 0", (120,)), ("axis: -3 end_axis: -2", (2, 12, 5)), ("axis: 3", (2, 3, 4, 5))],
)
def test_flatten_shapes(options, top):
    run = make(f'type: "Flatten" flatten_param {{ {options} }}', (2, 3, 4, 5))
    assert run.tops[0].shape == top
    assert np.shares_memory(run.tops[0], run.bottoms[0])


@pytest.mark.parametrize(
    "options, text",
    [
        ("axis: 2 end_axis: 1", "end_axis is 1, before axis 2; expected it at or after"),
        ("end_axis: 4", "end_axis is 4, but the bottom has 4 axes: expected -4 to 3"),
    ],
)
def test_flatten_refuses(options, text):
    with pytest.raises(LayerError, match=text):
        make(f'type: "Flatten" flatten_param {{ {options} }}', (2, 3, 4, 5))


@pytest.mark.parametrize("tops", [1, 2, 4])
def test_split_adds_the_diffs_of_its_tops(tops):
    gradient_check('type: "Split"', [(3, 4)], tops=tops)
    run = make('type: "Split"', (3, 4), tops=tops)
    (dx,) = run.backward(*[np.full((3, 4), 10.0**i) for i in range(tops)])
    assert dx[0, 0] == sum(10**i for i in range(tops))
    assert all(np.shares_memory(top, run.bottoms[0]) for top in run.tops)


def test_silence_gives_zero_gradients():
    run = make('type: "Silence"', (2, 3), (4,), tops=0)
    assert run.forward(1, 2) == []
    assert [dx.any() for dx in run.backward()] == [False, False]
