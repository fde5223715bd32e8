import numpy as np
import pytest
from harness import gradient_check, make

import minicaffe as caffe
from minicaffe.errors import DataError, GraphError, LayerError
from minicaffe.kernels._threads import set_threads, threads
from minicaffe.net import Net
from minicaffe.proto import parse_net
from minicaffe.solver import get_solver

EMBED = 'type: "Embed" embed_param { num_output: 3 input_dim: 5 %s }'


@pytest.mark.parametrize("bias", ["", "bias_term: false"])
@pytest.mark.parametrize("shape", [(4,), (2, 3), (3, 1, 2), ()])
def test_embed_gradient(bias, shape):
    index = np.random.default_rng(0).integers(0, 5, shape)
    gradient_check(EMBED % bias, [shape], values=[index])


def test_embed_picks_rows():
    run = make(EMBED % "", (2, 2))
    run.layer.params[0][...], run.layer.params[1][...] = np.arange(15).reshape(5, 3), [100, 200, 300]
    (y,) = run.forward([[4, 0], [1, 4]])
    np.testing.assert_array_equal(y[0], [[112, 213, 314], [100, 201, 302]])
    run.backward(np.ones((2, 2, 3)))
    np.testing.assert_array_equal(run.layer.param_diffs[0][:, 0], [1, 1, 0, 0, 2])
    np.testing.assert_array_equal(run.layer.param_diffs[1], [4, 4, 4])


def test_embed_gradient_on_any_number_of_threads():
    random = np.random.default_rng(0)
    run = make('type: "Embed" embed_param { num_output: 300 input_dim: 7 }', (500,))
    run.forward(random.integers(0, 7, 500))
    dy, bits, before = random.standard_normal((500, 300)), [], threads()
    try:
        for number in (1, 2, 3):
            set_threads(number)
            run.backward(dy)
            bits.append([diff.tobytes() for diff in run.layer.param_diffs])
    finally:
        set_threads(before)
    assert bits[0] == bits[1] == bits[2]


@pytest.mark.parametrize("index", [5, -1, 1.5, np.nan])
def test_embed_refuses_an_index_without_a_row(index):
    run = make(EMBED % "", (3,))
    with pytest.raises(DataError, match=f"^index {index:g} at position 1 is outside the 5 rows: expected 0 to 4$"):
        run.forward([0, index, 9])


@pytest.mark.parametrize("options", ["num_output: 3", "input_dim: 3"])
def test_embed_needs_both_sizes(options):
    with pytest.raises(LayerError, match=r"(input_dim|num_output) is 0; expected at least 1"):
        make(f'type: "Embed" embed_param {{ {options} }}', (2,))


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("tiles", [1, 3])
def test_tile(axis, tiles):
    text = f'type: "Tile" tile_param {{ axis: {axis} tiles: {tiles} }}'
    gradient_check(text, [(2, 3, 4)])
    x = np.random.default_rng(0).standard_normal((2, 3, 4)).astype("float32")
    expected = np.concatenate([x] * tiles, axis=axis)
    np.testing.assert_array_equal(make(text, (2, 3, 4)).forward(x)[0], expected)


@pytest.mark.parametrize(
    "options, text",
    [
        ("", "tiles is missing; expected at least 1"),
        ("tiles: 0", "tiles is 0; expected at least 1"),
        ("tiles: -2", "tiles is -2; expected at least 1"),
        ("tiles: 2 axis: 2", "axis is 2, but the bottom has 2 axes: expected -2 to 1"),
    ],
)
def test_tile_refuses(options, text):
    with pytest.raises(LayerError, match=text):
        make(f'type: "Tile" tile_param {{ {options} }}', (2, 3))


def test_parameter_gradient_is_added():
    gradient_check('type: "Parameter" parameter_param { shape { dim: 2 dim: 3 } }', [])
    run = make('type: "Parameter" parameter_param { shape { dim: 3 } }')
    run.layer.params[0][...] = [1, 2, 3]
    np.testing.assert_array_equal(run.forward()[0], [1, 2, 3])
    run.backward([5, 6, 7])
    np.testing.assert_array_equal(run.layer.param_diffs[0], [5, 6, 7])


@pytest.mark.parametrize(
    "options, text",
    [
        ("", "parameter_param has no shape; expected shape"),
        ("shape { dim: 2 dim: 0 }", "dimension 1 is 0; expected at least 1"),
    ],
)
def test_parameter_refuses(options, text):
    with pytest.raises(LayerError, match=text):
        make(f'type: "Parameter" parameter_param {{ {options} }}')


LEARNED = """
layer { name: "p" type: "Parameter" top: "p" parameter_param { shape { dim: 2 dim: 3 } } }
layer { name: "d" type: "DummyData" top: "d"
  dummy_data_param { shape { dim: 2 dim: 3 } data_filler { type: "constant" value: 4 } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "p" bottom: "d" top: "loss" }
"""


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_a_parameter_is_learned(tmp_path, plan):
    (tmp_path / "net.prototxt").write_text(LEARNED)
    (tmp_path / "solver.prototxt").write_text(
        f'net: "{tmp_path}/net.prototxt" base_lr: 0.5 lr_policy: "fixed" max_iter: 9 iter_size: 2 random_seed: 1\n'
    )
    solver = get_solver(tmp_path / "solver.prototxt", plan=plan)
    solver.step(2)
    np.testing.assert_allclose(solver.net.params["p"][0].data, 4 * (1 - 0.75**2), rtol=1e-6)


# -- Reshape -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, top",
    [
        ("shape { dim: 0 dim: -1 }", (2, 60)),
        ("shape { dim: 0 dim: 0 dim: 20 }", (2, 3, 20)),
        ("shape { dim: -1 }", (120,)),
        ("shape { dim: 5 dim: 0 dim: -1 dim: 2 }", (5, 3, 4, 2)),
        ("shape { dim: 3 dim: -1 dim: 1 } axis: 1 num_axes: 1", (2, 3, 1, 1, 4, 5)),
        ("shape { dim: 0 dim: -1 } axis: 1 num_axes: 2", (2, 3, 4, 5)),
        ("shape { dim: 0 } axis: -2 num_axes: 1", (2, 3, 4, 5)),
        ("shape { dim: -1 } axis: -3", (2, 3, 20)),
        ("shape { dim: 1 } axis: -1 num_axes: 0", (2, 3, 4, 5, 1)),
        ("shape { dim: 1 dim: -1 } axis: 4", (2, 3, 4, 5, 1, 1)),
        ("shape { dim: 1 } axis: -5 num_axes: 0", (1, 2, 3, 4, 5)),
        ("", None),
        ("axis: 1 num_axes: 0", (2, 3, 4, 5)),
    ],
)
def test_reshape_shapes(options, top):
    text = f'type: "Reshape" reshape_param {{ {options} }}'
    if top is None:
        assert make(text, (1, 1)).tops[0].shape == ()
        return
    run = make(text, (2, 3, 4, 5))
    assert run.tops[0].shape == top
    assert np.shares_memory(run.tops[0], run.bottoms[0])


@pytest.mark.parametrize(
    "options, text",
    [
        ("shape { dim: -1 dim: -1 }", "found 2 dimensions of -1; expected at most one"),
        ("shape { dim: -2 }", "found dimension -2; expected -1"),
        ("shape { dim: 7 dim: -1 }", r"cannot shape 2 x 3 x 4 x 5 \(120 numbers\) with dimensions 7, -1"),
        ("shape { dim: 2 dim: 61 }", r"axes 0 to 4: found 2 x 61 \(122\)"),
        ("", "with dimensions none in place of axes 0 to 4: found scalar"),
        ("shape { dim: 500 dim: -1 }", r"found 500 x 0 \(0\)"),
        ("shape { dim: 1 dim: 0 } axis: 3", "a dimension of 0 stands for axis 4 of the bottom, which has 4 axes"),
        ("axis: 5", "axis is 5, but the bottom has 4 axes: expected -5 to 4"),
        ("axis: -6", "axis is -6, but the bottom has 4 axes: expected -5 to 4"),
        ("axis: 3 num_axes: 2", r"num_axes is 2, but the bottom has 1 axes from 3 on; expected -1 .* to 1"),
        ("num_axes: -2", "num_axes is -2, but the bottom has 4 axes from 0 on"),
    ],
)
def test_reshape_refuses(options, text):
    with pytest.raises(LayerError, match=text):
        make(f'type: "Reshape" reshape_param {{ {options} }}', (2, 3, 4, 5))


def test_reshape_is_not_done_in_place():
    text = LEARNED + 'layer { name: "r" type: "Reshape" bottom: "d" top: "d" reshape_param { shape { dim: -1 } } }'
    with pytest.raises(GraphError, match="but Reshape cannot run in place; expected another name"):
        Net(parse_net(text), caffe.TRAIN)
