"""LSTM, LSTMUnit and RNN: gradients, a naive oracle, the state between forwards, threads, errors."""

import numpy as np
import pytest
from harness import gradient_check, make

from minicaffe.errors import GraphError, LayerError
from minicaffe.kernels._threads import set_threads, threads
from minicaffe.layers import layer_class
from minicaffe.net import Net

T, N, D = 4, 3, 2
CONT = np.array([[0, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1]], float)
STATES = {"LSTM": 2, "RNN": 1}


def text(kind, options="", outputs=D):
    fill = 'weight_filler { type: "uniform" min: -0.5 max: 0.5 } bias_filler { value: 0.1 }'
    return f'type: "{kind}" recurrent_param {{ num_output: {outputs} {fill} {options} }}'


def exposed(kind, static=False):
    """(prototxt, bottom shapes, number of tops) of a layer with expose_hidden."""
    states = [(1, N, D)] * STATES[kind]
    return text(kind, "expose_hidden: true"), [(T, N, 5), (T, N), *[(N, 2)] * static, *states], 1 + len(states)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def naive(kind, params, x, cont, static, states):
    """y and the last states, step by step, from the formulae."""
    x_weights, bias, *more = params
    per_step = static.reshape(len(static), -1) @ more.pop(0).T if static is not None else 0
    h, *c = states
    y = []
    for t in range(len(x)):
        keep = cont[t][:, None]
        total = x[t].reshape(len(h), -1) @ x_weights.T + bias + (keep * h) @ more[0].T + per_step
        if kind == "LSTM":
            i, f, o, g = np.split(total, 4, axis=1)
            c = [keep * sigmoid(f) * c[0] + sigmoid(i) * np.tanh(g)]
            h = sigmoid(o) * np.tanh(c[0])
            y.append(h)
        else:
            h = np.tanh(total)
            y.append(np.tanh(h @ more[1].T + more[2]))
    return [np.array(y), *[state[None] for state in (h, *c)]]


@pytest.mark.parametrize("kind", STATES)
@pytest.mark.parametrize("inputs", [(D,), (2, 3)])
@pytest.mark.parametrize("static", [(), (5,), (2, 2)])
def test_gradient(kind, inputs, static):
    shapes = [(T, N, *inputs), (T, N), *([(N, *static)] if static else [])]
    gradient_check(text(kind), shapes, values=[None, CONT, *[None] * bool(static)])


@pytest.mark.parametrize("kind", STATES)
def test_gradient_in_place(kind):
    gradient_check(text(kind), [(T, N, D), (T, N)], values=[None, CONT], in_place=True)


@pytest.mark.parametrize("kind", STATES)
@pytest.mark.parametrize("static", [False, True])
def test_gradient_with_exposed_state(kind, static, monkeypatch):
    layer = layer_class(kind)
    monkeypatch.setattr(layer, "no_gradient", (1, *range(2 + static, 5)))  # the state before gets none
    monkeypatch.setattr(layer, "loss", True)  # and the state after gives none: project on y alone
    options, shapes, tops = exposed(kind, static)
    gradient_check(options, shapes, values=[None, np.maximum(CONT, [1, 1, 0]), *[None] * (len(shapes) - 2)], tops=tops)


@pytest.mark.parametrize("in_place", [False, True])
def test_gradient_of_unit(in_place):
    cont = np.array([[1, 0, 1.0]])
    values = [None, None, cont]
    gradient_check('type: "LSTMUnit"', [(1, 3, 5), (1, 3, 20), (1, 3)], values=values, tops=2, in_place=in_place)


@pytest.mark.parametrize("wanted", [0, 1])
def test_unit_computes_only_wanted_gradients(wanted):
    run = make('type: "LSTMUnit"', (1, 3, 5), (1, 3, 20), (1, 3), tops=2)
    rng = np.random.default_rng(0)
    run.forward(*[rng.standard_normal(b.shape) for b in run.bottoms[:2]], 1)
    dy = [rng.standard_normal((1, 3, 5)) for _ in range(2)]
    expected = run.backward(*dy)[wanted].copy()
    run.bottom_diffs[1 - wanted] = None
    np.testing.assert_allclose(run.backward(*dy)[wanted], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", STATES)
@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("expose", [False, True])
def test_oracle_over_two_forwards(kind, static, expose):
    options, shapes, tops = exposed(kind, static)
    if not expose:
        options, shapes, tops = text(kind), shapes[: 2 + static], 1
    run = make(options, *shapes, tops=tops, dtype="float64")
    rng = np.random.default_rng(1)
    for param in run.layer.params:
        param[...] = rng.standard_normal(param.shape)
    states = [np.zeros((N, D))] * STATES[kind]
    for cont in (CONT, rng.standard_normal((T, N)), np.ones((T, N))):
        bottoms = [rng.standard_normal(shape) for shape in shapes]
        bottoms[1] = cont
        if expose:
            states = [bottom[0] for bottom in bottoms[2 + static :]]
        expected = naive(kind, run.layer.params, bottoms[0], cont, bottoms[2] if static else None, states)
        for found, want in zip(run.forward(*bottoms), expected[:tops], strict=True):
            np.testing.assert_allclose(found, want, rtol=1e-10, atol=1e-12)
        states = [state[0] for state in expected[1:]]


@pytest.mark.parametrize("kind", STATES)
def test_exposed_state_gets_no_gradient_and_gives_none(kind):
    options, shapes, tops = exposed(kind)
    run = make(options, *shapes, tops=tops)
    rng = np.random.default_rng(2)
    run.forward(*[rng.standard_normal(shape) for shape in shapes])
    dy, *dstates = [rng.standard_normal(top.shape) for top in run.tops]
    dx, _, *before = [None if diff is None else diff.copy() for diff in run.backward(dy, *dstates)]
    assert all(not diff.any() for diff in before)
    np.testing.assert_array_equal(run.backward(dy, *[0 * diff for diff in dstates])[0], dx)


@pytest.mark.parametrize("kind", STATES)
def test_only_wanted_gradients_are_computed(kind):
    run = make(text(kind), (T, N, 5), (T, N), (N, 4))
    rng = np.random.default_rng(3)
    run.forward(rng.standard_normal((T, N, 5)), CONT, rng.standard_normal((N, 4)))
    dy = rng.standard_normal((T, N, D))
    run.backward(dy)
    dx, diffs = run.bottom_diffs[0].copy(), [diff.copy() for diff in run.layer.param_diffs]
    run.bottom_diffs[2] = None
    for alone in range(len(diffs)):
        run.layer.param_diffs = [diff.copy() if i == alone else None for i, diff in enumerate(diffs)]
        np.testing.assert_array_equal(run.backward(dy)[0], dx)
        np.testing.assert_array_equal(run.layer.param_diffs[alone], diffs[alone])
    run.layer.param_diffs = [None] * len(diffs)
    run.bottom_diffs = [None] * 3
    run.backward(dy)


def results(kind):
    rows, outputs = 19, 21
    if kind == "LSTMUnit":
        run = make('type: "LSTMUnit"', (1, rows, outputs), (1, rows, 4 * outputs), (1, rows), tops=2)
    else:
        run = make(text(kind, outputs=outputs), (3, rows, 40), (3, rows), (rows, 7))
    rng = np.random.default_rng(4)
    tops = run.forward(*[rng.standard_normal(bottom.shape) for bottom in run.bottoms])
    diffs = run.backward(*[rng.standard_normal(top.shape) for top in tops])
    return [array.tobytes() for array in (*tops, *run.layer.param_diffs, *diffs) if array is not None]


@pytest.mark.parametrize("kind", ["LSTM", "LSTMUnit", "RNN"])
def test_same_bits_on_any_number_of_threads(kind):
    before, found = threads(), []
    try:
        for number in (1, 2, 3):
            set_threads(number)
            found.append(results(kind))
    finally:
        set_threads(before)
    assert found[0] == found[1] == found[2]


def test_a_sequence_that_begins_forgets_an_infinite_state():
    run = make('type: "LSTMUnit"', (1, 2, 1), (1, 2, 4), (1, 2), tops=2)
    c, _ = run.forward(5, np.array([[[0, np.inf, 0, 0], [0, np.inf, 0, 0]]]), np.array([[0, 1]]))
    np.testing.assert_array_equal(c, [[[0], [5]]])


@pytest.mark.parametrize("kind, names", [("LSTM", "x, cont, h0, c0"), ("RNN", "x, cont, h0")])
def test_numbers_of_bottoms_and_tops(kind, names):
    count = 2 + STATES[kind]
    expected = f"expected {count} ({names}), or {count + 1} with x_static after cont"
    for options, bottoms, tops, message in (
        ("", 4, 1, "found 4 bottoms with expose_hidden false; expected 2 (x, cont), or 3 with x_static after cont"),
        ("", 2, 2, "found 2 tops with expose_hidden false; expected 1"),
        (
            "expose_hidden: true",
            2,
            2,
            f"found 2 bottoms with expose_hidden true; {expected}",
        ),
        ("expose_hidden: true", count, 1, f"found 1 top with expose_hidden true; expected {count - 1}"),
    ):
        with pytest.raises(LayerError) as error:
            make(text(kind, options), *[(2, 3, 4)] * bottoms, tops=tops)
        assert str(error.value) == message


@pytest.mark.parametrize("kind", STATES)
@pytest.mark.parametrize(
    "options, shapes, message",
    [
        ("num_output: 0", [(4, 3, 2), (4, 3)], "num_output is 0; expected at least 1"),
        ("", [(4, 3), (4, 3)], "bottom 0 has 2 axes; expected at least 3: time, sequences and what they hold"),
        ("", [(4, 0, 2), (4, 0)], "dimension 1 is 0; expected at least 1"),
        (
            "",
            [(4, 3, 2), (4, 3, 1)],
            "bottom 1, the marks of where sequences go on, has shape 4 x 3 x 1; "
            "expected the first two dimensions of bottom 0, 4 x 3",
        ),
        (
            "",
            [(4, 3, 2), (4, 3), (4, 2)],
            "bottom 2, x_static, has shape 4 x 2; "
            "expected at least 2 axes, the first of dimension 3 as axis 1 of bottom 0",
        ),
        (
            "",
            [(4, 3, 2), (4, 3), (3,)],
            "bottom 2, x_static, has shape 3; expected at least 2 axes, the first of dimension 3 as axis 1 of bottom 0",
        ),
    ],
)
def test_errors(kind, options, shapes, message):
    with pytest.raises(LayerError) as error:
        make(f'type: "{kind}" recurrent_param {{ {options or "num_output: 2"} }}', *shapes)
    assert str(error.value) == message


def test_errors_of_exposed_states():
    options = text("LSTM", "expose_hidden: true")
    with pytest.raises(
        LayerError, match="the bottom for c before the first step has shape 1 x 3 x 5; expected 1 x 3 x 2"
    ):
        make(options, (4, 3, 5), (4, 3), (1, 3, 2), (1, 3, 5), tops=3)


@pytest.mark.parametrize(
    "shapes, message",
    [
        ([(2, 3, 4), (2, 3, 16), (2, 3)], "bottom 0 has shape 2 x 3 x 4; expected 1 x sequences x numbers"),
        ([(1, 3), (1, 12), (1, 3)], "bottom 0 has shape 1 x 3; expected 1 x sequences x numbers"),
        (
            [(1, 3, 4), (1, 3, 12), (1, 3)],
            "bottom 1 has shape 1 x 3 x 12, bottom 0 has 1 x 3 x 4; expected 1 x 3 x 16",
        ),
        ([(1, 3, 4), (1, 3, 16), (3, 1)], "bottom 2 has shape 3 x 1, bottom 0 has 1 x 3 x 4; expected 1 x 3"),
    ],
)
def test_errors_of_unit(shapes, message):
    with pytest.raises(LayerError) as error:
        make('type: "LSTMUnit"', *shapes, tops=2)
    assert str(error.value) == message


NET = """
layer { name: "x" type: "Input" top: "x" top: "cont" top: "s"
  input_param { shape { dim: 4 dim: 3 dim: 5 } shape { dim: 4 dim: 3 } shape { dim: 1 dim: 3 dim: 5 } } }
layer { name: "h0" type: "InnerProduct" bottom: "s" top: "h0"
  inner_product_param { num_output: 2 axis: 2 weight_filler { type: "xavier" } } }
layer { %s bottom: "cont" bottom: "h0" top: "y" top: "h"
  loss_weight: 1 loss_weight: 0 type: "RNN"
  recurrent_param { num_output: 2 expose_hidden: true weight_filler { type: "xavier" } } }
"""


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_state_from_a_layer_that_learns(plan, tmp_path):
    """Caffe runs such a net too; the layer that gives the state learns nothing from it."""
    path = tmp_path / "net.prototxt"
    path.write_text(NET % 'name: "rnn" bottom: "x"')
    with Net(path, "TRAIN", seed=1, plan=plan) as net:
        for name in net.inputs:
            net.blobs[name].data[...] = 1
        net.forward()
        net.clear_param_diffs()
        net.backward()
        assert not net.params["h0"][0].diff.any()
        assert net.params["rnn"][0].diff.any()


def test_marks_from_a_layer_that_learns_are_refused(tmp_path):
    path = tmp_path / "net.prototxt"
    made = 'layer { name: "m" type: "Scale" bottom: "cont" top: "marks" }\nlayer { name: "rnn"'
    text = NET.replace('bottom: "cont"', 'bottom: "marks"') % 'name: "rnn" bottom: "x"'
    path.write_text(text.replace('layer { name: "rnn"', made))
    with pytest.raises(GraphError, match='bottom 1 "marks" would need a gradient'):
        Net(path, "TRAIN")
