"""A net judged without its data: states, assumed shapes, every problem at once, and what layers cost."""

import pytest

from minicaffe.analysis.check import check_net, check_solver
from minicaffe.analysis.cost import multiply_adds, parameters, top_bytes
from minicaffe.errors import ProtoError
from minicaffe.proto import parse_net
from minicaffe.solver.definition import read_definition

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


def test_an_unknown_type_is_named_once_and_the_rest_is_judged():
    text = """
layer { name: "p" type: "PriorBox" bottom: "x" top: "p" prior_box_param { order: [0, 2] order: 3 } }
layer { name: "r" type: "CReLU" bottom: "x" top: "x" crelu_param < lb: 10 ub { a: 1 } > }
layer { name: "c" type: "Convolution" bottom: "x" top: "c" convolution_param { num_output: 4 kernel_size: 9 } }
layer { name: "d" type: "Dropout" bottom: "p" top: "d" dropout_param { scale_train: false } }
layer { name: "e" type: "Pooling" bottom: "gone" top: "e" pooling_param { pool: MEAN kernel_size: 2 } }
"""
    (state,) = check_net(parse_net(INPUT + text, "net.prototxt", strict=False))
    places = [problem.split(": ")[0].removeprefix("net.prototxt:") for problem in state.problems]
    assert places == ["2", "3", "5:72", "6:81", "6", "4"]
    assert 'unknown layer type "PriorBox"' in state.problems[0]
    assert 'unknown layer type "CReLU"; did you mean "ReLU"' in state.problems[1]
    assert 'unknown field "scale_train" in dropout_param (layer "d", type "Dropout")' in state.problems[2]
    assert 'found MEAN (layer "e", type "Pooling")' in state.problems[3]
    assert 'bottom "gone" is written by no layer' in state.problems[4]
    assert "kernel 9 x 9" in state.problems[5]  # a layer in place keeps its shape, whatever its type


def test_faults_outside_of_layers_and_of_layers_in_no_phase_are_told():
    text = 'quantize: true layer { name: "n" type: "ReLU" bottom: "x" top: "y" include { stage: "s" } lr: 1 }'
    (state,) = check_net(parse_net(INPUT + text, "net.prototxt", strict=False))
    assert [problem.split(": ")[1] for problem in state.problems] == [
        'unknown field "quantize" in a net',
        'unknown field "lr" in layer (layer "n", type "ReLU")',
    ]


def test_several_stages_at_once_are_tried():
    text = INPUT + (
        'layer { name: "a" type: "ReLU" bottom: "x" top: "a" include { stage: "one" } }'
        'layer { name: "b" type: "ReLU" bottom: "a" top: "b" include { stage: "two" } }'
        'layer { name: "c" type: "ReLU" bottom: "a" top: "b" include { stage: "three" stage: "one" } }'
        'layer { name: "d" type: "ReLU" bottom: "b" top: "d" }'
    )
    assert [(state.stages, state.problems) for state in check(text)] == [(("one", "two"), ()), (("one", "three"), ())]


def test_a_loss_without_a_top():
    (state,) = check(data() + LOSS.replace('top: "loss"', "") + LOSS.split("\n")[2].replace('top: "loss"', ""))
    assert state.problems == ()
    assert [shape for layer in state.outline.layers[-2:] for shape in layer.tops] == [(), ()]
    graph = state.outline.graph
    assert [weight for _, weight in graph.loss_values()] == [1.0, 1.0]
    assert graph.outputs == ()


@pytest.fixture
def solver(tmp_path):
    def write(text):
        path = tmp_path / "solver.prototxt"
        path.write_text('base_lr: 0.1 lr_policy: "fixed" snapshot_prefix: "s" ' + text)
        return path

    return write


def states_of(path, **options):
    return [(state.phases, state.stages, state.problems) for _, state in check_solver(read_definition(path), **options)]


def test_a_solver_says_which_nets_it_runs_in_which_states(solver):
    net = data(more="include { phase: TRAIN }") + data("test", more='include { phase: TEST stage: "on-test" }') + LOSS
    path = solver("net_param {" + net + "} train_state { stage: 'x' } test_state { stage: 'on-test' }"
                  "test_iter: 2 test_interval: 1")  # fmt: skip
    assert states_of(path) == [(("TRAIN",), ("x",), ()), (("TEST",), ("on-test",), ())]
    assert states_of(path, phases=["TEST"]) == [(("TEST",), ("on-test",), ())]
    text = path.read_text().replace("stage: 'on-test' }test_iter", "} test_iter")
    path.write_text(text)
    ((_, _, train), (_, _, test)) = states_of(path)
    assert train == () and len(test) == 2 and 'bottom "data" is written by no layer' in test[0]


def test_a_solvers_net_that_is_the_same_in_both_phases_is_one_state(solver, tmp_path):
    (tmp_path / "net.prototxt").write_text(data() + LOSS)
    path = solver('net: "net.prototxt" test_iter: 1 test_interval: 1')
    assert states_of(path) == [(("TRAIN", "TEST"), (), ())]


def test_problems_of_a_net_within_a_solver_have_their_lines(solver):
    path = solver("\nnet_param {\n" + INPUT + "\nlayer { name: 'a' type: 'Rrelu' }\nlayer { kernel: 2 } }")
    definition = read_definition(path, strict=False)
    ((_, state),) = check_solver(definition)
    assert [problem.removeprefix(f"{path}:").split(":")[0] for problem in state.problems] == ["4", "5"]
    with pytest.raises(ProtoError, match=r':5:9: unknown field "kernel" in layer$'):
        read_definition(path)


def test_code_that_brings_images_is_taken_to_bring_them_in_colour():
    python = 'layer { name: "d" type: "Python" top: "data" top: "label" python_param { module: "m" layer: "L" } }'
    conv = 'layer { name: "c" type: "Convolution" bottom: "data" top: "c" '
    conv += "convolution_param { num_output: 5 kernel_size: 1 } }"
    (state,) = check(python + conv + LOSS.replace('"ip" bottom: "label"', '"c" bottom: "label"'))
    assert (state.problems, tops(state)["label"], tops(state)["ip"]) == ((), (1, 1, 224, 224), (1, 10))
    assert state.notes[0].endswith("; shapes are assumed")
    (state,) = check(
        (python + conv).replace('top: "label"', 'top: "label" top: "depth"')
        + conv.replace("data", "depth").replace('"c"', '"e"')
    )
    assert tops(state)["depth"] == (1, 3, 224, 224)
    (state,) = check(python + conv + LOSS)
    assert (state.problems, tops(state)["label"]) == ((), (1,))
    reshape = 'layer { name: "r" type: "Reshape" bottom: "data" top: "r" reshape_param { shape { dim: 7 } } }'
    for text in (python + conv + reshape, python + LOSS):
        (state,) = check(text)
        assert (state.problems, tops(state)["data"]) == ((), None)
        assert state.notes[0].endswith("with --shape data=N,C,H,W label=N,...")


def test_a_data_layer_with_wrong_options_is_one_problem():
    (state,) = check('layer { name: "d" type: "Data" top: "data" top: "label" data_param { batch_size: 4 } }' + LOSS)
    assert len(state.problems) == 1 and "data_param has no source" in state.problems[0]


def test_where_no_stages_help_the_fewest_problems_are_told():
    text = data("", more='include { stage: "train" }') + LOSS
    text += 'layer { name: "v" type: "Data" top: "other" include { stage: "val" } data_param { batch_size: 1 } }'
    (state,) = check(text)
    assert state.stages == ("train",) and len(state.problems) == 1 and "has no source" in state.problems[0]
    assert state.notes == ("net.prototxt: judged with the stages train",)


def test_unknown_v1_types_are_all_told_and_the_rest_is_judged():
    text = """
layers { name: "a" type: CROP bottom: "x" top: "a" }
layers { name: "b" type: IMAGE_DATUM top: "b" }
layers { name: "c" type: CONVOLUTION bottom: "x" top: "c" convolution_param { num_output: 1 kernel_size: 9 } }
"""
    net = parse_net('input: "x" input_dim: [1, 1, 4, 4]' + text, "net.prototxt", strict=False)
    (state,) = check_net(net)
    assert state.problems[0].startswith('net.prototxt:2:26: "type" takes one of NONE, ')
    assert state.problems[0].endswith('; found CROP (layer "a")')
    assert state.problems[1].endswith('found IMAGE_DATUM; did you mean "IMAGE_DATA"? (layer "b")')
    assert len(state.problems) == 3 and "kernel 9 x 9" in state.problems[2]


def test_a_data_layer_whose_options_are_wrong_is_one_problem():
    (state,) = check(data().replace("batch_size: 4", "") + LOSS)
    assert len(state.problems) == 1 and "batch_size" in state.problems[0]


def test_fillers_are_checked_with_the_shapes_they_fill():
    more = 'convolution_param { num_output: 2 kernel_h: 3 kernel_w: 2 weight_filler { type: "bilinear" } }'
    (state,) = check(INPUT + f'layer {{ name: "c" type: "Convolution" bottom: "x" top: "y" {more} }}')
    assert state.problems == (
        'net.prototxt:1: layer "c" (Convolution): filler type "bilinear" found shape 2 x 3 x 3 x 2; '
        "expected 4 axes with a square kernel",
    )


def test_code_in_the_midst_is_taken_to_keep_a_shape_or_to_be_a_loss():
    python = 'type: "Python" python_param { module: "m" layer: "L" }'
    text = INPUT + f'layer {{ name: "p" {python} bottom: "x" top: "p" }}'
    (state,) = check(text + f'layer {{ name: "l" {python} bottom: "p" bottom: "x" top: "l" loss_weight: 1 }}')
    assert (tops(state)["p"], tops(state)["l"], state.problems) == ((2, 3, 8, 8), (1,), ())
    assert [note.split("; ")[-1] for note in state.notes] == ["shapes are assumed"] * 2
    (state,) = check(text + f'layer {{ name: "q" {python} bottom: "p" bottom: "x" top: "q" }}')
    assert tops(state)["q"] is None


def test_shapes_are_assumed_beside_problems_that_have_nothing_to_do_with_them():
    (state,) = check(data("mnist") + LOSS + 'layer { name: "c" type: "Pooling" bottom: "data" top: "c" }')
    assert tops(state)["ip"] == (4, 10) and len(state.problems) == 1
