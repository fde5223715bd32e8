"""A net judged without its data: states, assumed shapes, every problem at once, and what layers cost."""

import pytest

from minicaffe.analysis.check import check_net
from minicaffe.analysis.cost import multiply_adds, parameters, top_bytes
from minicaffe.proto import parse_net

INPUT = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 8 dim: 8 } } }'
LOSS = """
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 10 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""


def data(source="nowhere/train_lmdb", more="", transform=""):
    return (
        f'layer {{ name: "data" type: "Data" top: "data" top: "label" {more} transform_param {{ {transform} }} '
        f'data_param {{ source: "{source}" batch_size: 4 backend: LMDB }} }}'
    )


def check(text, **options):
    return check_net(parse_net(text, "net.prototxt"), **options)


def tops(state):
    return {
        name: shape for layer in state.outline.layers for name, shape in zip(layer.draft.layer.param.top, layer.tops)
    }


def test_a_net_without_phases_is_one_state():
    (state,) = check(INPUT + 'layer { name: "r" type: "ReLU" bottom: "x" top: "y" }')
    assert (state.phases, state.problems, state.notes) == (("TRAIN", "TEST"), (), ())
    assert tops(state)["y"] == (2, 3, 8, 8)
    assert state.outline.graph is not None


@pytest.mark.parametrize(
    "source, transform, shape",
    [
        ("examples/mnist/mnist_train_lmdb", "", (4, 1, 28, 28)),
        ("examples/cifar10/cifar10_train_lmdb", "", (4, 3, 32, 32)),
        ("ilsvrc12_train_lmdb", "crop_size: 227", (4, 3, 227, 227)),
        ("nowhere", "", (4, 3, 224, 224)),
    ],
)
def test_shapes_of_absent_data_are_assumed_and_said(source, transform, shape):
    (state,) = check(data(source, transform=transform) + LOSS)
    assert state.problems == ()
    assert (tops(state)["data"], tops(state)["label"]) == (shape, (4,))
    (note,) = state.notes
    assert note.startswith('net.prototxt:1: layer "data"') and "shapes are" in note


def test_another_shape_is_assumed_where_the_first_does_not_fit():
    two = 'layer { name: "s" type: "Slice" bottom: "data" top: "a" top: "b" slice_param { slice_point: 1 } }'
    (state,) = check(data("mnist_siamese") + two)
    assert state.problems == ()
    assert tops(state)["b"] == (4, 1, 28, 28)


def test_a_given_shape_wins():
    (state,) = check(data() + LOSS, given={"data": (7, 5), "label": (7,)})
    assert tops(state)["ip"] == (7, 10)


def test_what_only_data_could_tell_stays_unknown():
    text = 'layer { name: "d" type: "Python" top: "a" python_param { module: "m" layer: "L" } }'
    (state,) = check(text + 'layer { name: "r" type: "ReLU" bottom: "a" top: "b" }')
    assert (tops(state), state.problems) == ({"a": None, "b": None}, ())
    assert "--shape a=N,C,H,W" in state.notes[0]
    assert state.outline.graph is None
    assert [cost(state.outline.layers[1]) for cost in (parameters, multiply_adds, top_bytes)] == [None] * 3


def test_phases_that_differ_are_two_states():
    text = data(more="include { phase: TRAIN }") + data("test", more="include { phase: TEST }") + LOSS
    assert [state.phases for state in check(text)] == [("TRAIN",), ("TEST",)]
    assert [state.phases for state in check(text, phases=["TEST"])] == [("TEST",)]


def test_a_phase_without_any_data_is_passed_over():
    (state,) = check(data(more="include { phase: TRAIN }") + LOSS)
    assert (state.phases, state.problems) == (("TRAIN",), ())


def test_stages_that_a_net_needs_are_tried():
    text = data(more="include { phase: TRAIN }")
    text += data("test", more='include { phase: TEST stage: "test-on-test" }')
    text += data("train", more='include { phase: TEST stage: "test-on-train" }') + LOSS
    states = check(text)
    assert [(state.phases, state.stages) for state in states] == [
        (("TRAIN",), ()),
        (("TEST",), ("test-on-test",)),
        (("TEST",), ("test-on-train",)),
    ]
    assert not any(state.problems for state in states)


def test_every_problem_is_listed_at_once():
    (state,) = check(
        INPUT
        + """
layer { name: "a" type: "Convolutoin" bottom: "x" top: "a" }
layer { name: "b" type: "Convolution" bottom: "x" top: "b" convolution_param { kernel_size: 3 } }
layer { name: "c" type: "Pooling" bottom: "x" top: "c" pooling_param { kernel_size: 9 } }
layer { name: "d" type: "ReLU" bottom: "nothing" top: "d" }
layer { name: "e" type: "InnerProduct" bottom: "x" top: "e" inner_product_param { num_output: 1
  weight_filler { type: "xaver" } } }
"""
    )
    wanted = ['"Convolutoin"; did you mean', "num_output is 0", "kernel 9", 'bottom "nothing"', '"xaver"; did you mean']
    assert len(state.problems) == len(wanted)
    for words in wanted:
        assert any(words in problem for problem in state.problems), (words, state.problems)
    assert all(problem.startswith("net.prototxt:") for problem in state.problems)


def test_a_label_that_would_need_a_gradient_is_found():
    learned = 'layer { name: "l" type: "InnerProduct" bottom: "data" top: "l" inner_product_param { num_output: 1 } }'
    text = data() + learned + LOSS.replace('bottom: "label"', 'bottom: "l"')
    assert any("holds labels" in problem for problem in check(text)[0].problems)


@pytest.mark.parametrize(
    "layer, costs",
    [
        ('type: "Convolution" convolution_param { num_output: 6 kernel_size: 3 group: 3 }', (60, 2 * 6 * 36 * 9, 1728)),
        ('type: "InnerProduct" inner_product_param { num_output: 5 bias_term: false }', (960, 2 * 960, 40)),
        ('type: "ReLU"', (0, 0, 4 * 2 * 192)),
        ('type: "Flatten"', (0, 0, 0)),
        ('type: "BatchNorm"', (7, 0, 4 * 2 * 192)),
    ],
)
def test_costs(layer, costs):
    (state,) = check(INPUT + f'layer {{ name: "l" {layer} bottom: "x" top: "y" }}')
    assert (state.problems, state.outline.layers[-1].draft.layer.name) == ((), "l")
    found = state.outline.layers[-1]
    assert (parameters(found), multiply_adds(found), top_bytes(found)) == costs


def test_deconvolution_and_recurrent_layers_cost():
    deconvolution = (
        'type: "Deconvolution" convolution_param { num_output: 4 kernel_size: 2 stride: 2 bias_term: false }'
    )
    (state,) = check(INPUT + f'layer {{ name: "l" {deconvolution} bottom: "x" top: "y" }}')
    assert multiply_adds(state.outline.layers[-1]) == 2 * 3 * 64 * 4 * 4
    text = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 5 dim: 2 dim: 3 } } }
layer { name: "c" type: "Input" top: "c" input_param { shape { dim: 5 dim: 2 } } }
layer { name: "l" type: "LSTM" bottom: "x" bottom: "c" top: "y" recurrent_param { num_output: 4 } }
"""
    (state,) = check(text)
    assert multiply_adds(state.outline.layers[-1]) == 5 * 2 * (16 * 3 + 16 * 4)
