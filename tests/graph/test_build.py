"""From text to graph: splits, versions, shapes, sharing; and every problem at once, in one sentence each."""

import pytest

from minicaffe.errors import GraphError
from minicaffe.graph import build_graph
from minicaffe.proto import parse_net

DATA = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 4 dim: 3 dim: 8 dim: 8 } } }\n'
LABEL = 'layer { name: "t" type: "Input" top: "t" input_param { shape { dim: 4 } } }\n'


def relu(name, bottom, top):
    return f'layer {{ name: "{name}" type: "ReLU" bottom: "{bottom}" top: "{top}" }}\n'


def graph(text, phase="TRAIN", **state):
    return build_graph(parse_net(text, "net.prototxt"), phase, **state)


def problems(text, phase="TRAIN"):
    with pytest.raises(GraphError) as caught:
        graph(text, phase)
    return caught.value.problems


def test_shapes_and_order():
    g = graph('name: "n"\n' + DATA + relu("r", "x", "y"))
    assert g.name == "n"
    assert [node.name for node in g.nodes] == ["x", "r"]
    assert [value.shape for value in g.values] == [(4, 3, 8, 8)] * 2
    assert [g.values[i].name for i in g.inputs] == ["x"]
    assert [g.values[i].name for i in g.outputs] == ["y"]
    assert g.nodes[1].place == "net.prototxt:3"


def test_outputs_are_sorted_by_name():
    g = graph(DATA + relu("r1", "x", "zebra") + relu("r2", "x", "ant"))
    assert [g.values[i].name for i in g.outputs] == ["ant", "zebra"]


def test_in_place_makes_a_version():
    g = graph(DATA + relu("a", "x", "y") + relu("b", "y", "y") + relu("c", "y", "z"))
    assert [(value.name, value.version) for value in g.values] == [("x", 0), ("y", 0), ("y", 1), ("z", 0)]
    assert g.nodes[3].bottoms == (2,)
    assert g.in_place(g.nodes[2]) and not g.in_place(g.nodes[1])
    assert g.public()["y"].version == 1


def test_splits_have_caffes_names():
    text = (
        'layer { name: "data" type: "Input" top: "data" top: "label" input_param { shape { dim: 2 dim: 3 } } }'
        + relu("r1", "label", "a")
        + relu("r2", "label", "b")
    )
    g = graph(text)
    assert [node.name for node in g.nodes] == ["data", "label_data_1_split", "r1", "r2"]
    split = g.nodes[1]
    assert [g.values[i].name for i in split.tops] == ["label_data_1_split_0", "label_data_1_split_1"]
    assert g.nodes[3].bottoms == (split.tops[1],)


def test_split_after_an_in_place_layer_is_named_for_it():
    g = graph(DATA + relu("r0", "x", "x") + relu("r1", "x", "a") + relu("r2", "x", "b"))
    assert "x_r0_0_split" in [node.name for node in g.nodes]


def test_weighted_top_with_a_reader_is_split_for_the_loss():
    text = DATA + 'layer { name: "s" type: "Sigmoid" bottom: "x" top: "y" loss_weight: 0.5 }' + relu("r", "y", "z")
    g = graph(text)
    assert [(value.name, weight) for value, weight in g.loss_values()] == [("y_s_0_split_0", 0.5)]
    assert [g.values[i].name for i in g.outputs] == ["y_s_0_split_0", "z"]


def test_default_loss_weight():
    text = DATA + LABEL + 'layer { name: "l" type: "SoftmaxWithLoss" bottom: "x" bottom: "t" top: "l" '
    text = text.replace("dim: 4 dim: 3 dim: 8 dim: 8", "dim: 4 dim: 3")
    assert graph(text + "}").loss_values()[0][1] == 1.0
    assert graph(text + "loss_weight: 2.5 }").loss_values()[0][1] == 2.5


def test_phase_decides_which_layers_stay():
    text = DATA + relu("train", "x", "y").replace("}", "include { phase: TRAIN } }") + relu("both", "x", "z")
    assert [node.name for node in graph(text, "TEST").nodes] == ["x", "both"]


def test_stages_of_the_nets_own_state_count_too():
    rules = [relu(name, "x", name).replace("}", f'include {{ stage: "{name}" }} }}') for name in ("a", "b", "c")]
    text = 'state { stage: "a" }\n' + DATA + "".join(rules)
    assert [node.name for node in graph(text, stages=["b"]).nodes if node.type == "ReLU"] == ["a", "b"]


SCALE = 'layer {{ name: "{0}" type: "Scale" bottom: "{1}" top: "{2}" {3} }}\n'


def test_shared_parameters_have_one_owner():
    text = (
        DATA
        + SCALE.format("a", "x", "y", 'param { name: "g" lr_mult: 3 }')
        + SCALE.format("b", "y", "z", 'param { name: "g" }')
    )
    a, b = graph(text).params
    assert (a.owner, b.owner) == (0, 0)
    assert b.lr_mult == 3


@pytest.mark.parametrize("owner, sharer", [("lr_mult: 3 decay_mult: 0", ""), ("", "lr_mult: 3 decay_mult: 0")])
def test_a_multiplier_holds_for_all_that_share_whoever_gives_it(owner, sharer):
    text = (
        DATA
        + SCALE.format("a", "x", "y", f'param {{ name: "g" {owner} }}')
        + SCALE.format("b", "y", "z", f'param {{ name: "g" {sharer} }}')
    )
    assert [(fact.lr_mult, fact.decay_mult) for fact in graph(text).params] == [(3, 0)] * 2


def test_two_layers_with_parameters_cannot_have_one_name():
    relus = relu("r", "z", "p") + relu("r", "p", "q")
    (problem,) = problems(DATA + SCALE.format("a", "x", "y", "") + SCALE.format("a", "y", "z", "") + relus)
    assert problem.startswith('net.prototxt:3: layer "a" (Scale): another layer with parameters has the same name')
    assert "(net.prototxt:2)" in problem


def test_shared_parameters_must_agree():
    text = DATA + SCALE.format("a", "x", "y", 'param { name: "g" lr_mult: 1 }')
    text += SCALE.format("b", "y", "z", 'param { name: "g" lr_mult: 2 } scale_param { axis: 0 }')
    shape, rate = problems(text)
    assert 'parameter "g" is shared with layer "a", but is 4 here and 3 there' in shape
    assert "lr_mult is 2 here and 1 there" in rate


def test_permissive_sharing_compares_counts():
    text = DATA.replace("dim: 4 dim: 3", "dim: 6 dim: 2") + SCALE.format(
        "a", "x", "y", 'param { name: "g" } scale_param { axis: 0 num_axes: 2 }'
    )
    text += 'layer { name: "w" type: "Input" top: "w" input_param { shape { dim: 2 dim: 12 } } }'
    permissive = 'param { name: "g" share_mode: PERMISSIVE } scale_param { axis: 1 }'
    g = graph(text + SCALE.format("b", "w", "z", permissive))
    assert [fact.owner for fact in g.params] == [0, 0]


@pytest.mark.parametrize(
    "text, expected",
    [
        (relu("r", "data", "y"), 'net.prototxt:1: layer "r" (ReLU): bottom "data" is written by no layer before it'),
        (relu("r", "data", "data"), 'layer "r" (ReLU): bottom "data" is written by no layer before it'),
        (DATA + relu("r", "xx", "y"), 'did you mean "x"?'),
        (relu("r", "x", "y") + DATA, 'bottom "x" is written only by a later layer'),
        (DATA + relu("r", "x", "y").replace("ReLU", "Relu"), 'unknown layer type "Relu"; did you mean "ReLU"'),
        (DATA + relu("r", "x", "y").replace('type: "ReLU"', ""), 'layer "r": has no type'),
        (DATA + relu("r", "x", 'y" top: "z'), "found 2 tops, expected 1 top for ReLU"),
        (DATA + relu("r", 'x" bottom: "x', "y"), "found 2 bottoms, expected 1 bottom for ReLU"),
        (DATA + relu("a", "x", "y") + relu("b", "x", "y"), 'top "y" is already written by layer "a"'),
        (DATA + 'layer { name: "s" type: "Softmax" bottom: "x" top: "s" loss_weight: 1 loss_weight: 2 }', "2 loss_w"),
        (DATA + relu("a", "x", "y").replace("top", "propagate_down: true propagate_down: true top"), "2 propagate_d"),
        (DATA.replace("dim: 3", "dim: 0"), "dimension 1"),
        (DATA.replace("dim: 3", "dim: -3"), "-3"),
        (DATA + relu("a", "x", "y").replace("top", "param { lr_mult: 1 } top"), "found 1 param { }"),
    ],
)
def test_one_problem_one_sentence(text, expected):
    (problem,) = problems(text)
    assert expected in problem


def test_all_problems_at_once():
    text = DATA + relu("a", "nothing", "y") + relu("b", "x", "z").replace("ReLU", "Rlu") + relu("c", "q", "w")
    found = problems(text)
    assert len(found) == 3
    assert [problem.split(":")[1] for problem in sorted(found)] == ["2", "3", "4"]


def test_layers_below_an_unknown_type_are_not_blamed():
    assert len(problems(DATA + relu("a", "x", "y").replace("ReLU", "Rlu") + relu("b", "y", "z"))) == 1


def test_shape_mismatch_names_both_shapes_and_both_layers():
    text = DATA + LABEL + 'layer { name: "e" type: "Eltwise" bottom: "x" bottom: "t" top: "y" }'
    (problem,) = problems(text)
    assert '"x" 4 x 3 x 8 x 8 from layer "x"' in problem and '"t" 4 from layer "t"' in problem


def test_data_are_not_opened_while_names_are_wrong(tmp_path):
    source = tmp_path / "missing_lmdb"
    data = f'layer {{ name: "d" type: "Data" top: "d" data_param {{ source: "{source}" batch_size: 2 }} }}\n'
    (problem,) = problems(data + relu("r", "dd", "y"))
    assert 'did you mean "d"' in problem
    (problem,) = problems(data + relu("r", "d", "y"))
    assert "missing_lmdb" in problem


def test_no_layer_left():
    with pytest.raises(GraphError, match="no layer is left in phase TEST"):
        graph(DATA.replace("top", "include { phase: TRAIN } top"), "TEST")


def test_a_loss_without_a_top_has_one_that_nobody_reads():
    data = (
        'layer { name: "x" type: "Input" top: "x" top: "y" input_param { shape { dim: 2 dim: 3 } shape { dim: 2 } } }'
    )
    loss = 'layer { name: "%s" type: "SoftmaxWithLoss" bottom: "x" bottom: "y" %s }'
    g = graph(data + loss % ("first", "") + loss % ("second", "loss_weight: 2"))
    assert [weight for _, weight in g.loss_values()] == [1.0, 2.0]
    assert g.outputs == ()
    assert "found 0 tops, expected 1 top for ReLU" in problems(data + 'layer { name: "r" type: "ReLU" bottom: "x" }')[0]


def test_more_numbers_than_a_blob_of_caffe_can_have():
    huge = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 65536 dim: 32768 } } }'
    assert problems(huge) == (
        'net.prototxt:1: layer "x" (Input): top "x" would be 65536 x 32768, 2,147,483,648 numbers; '
        "expected at most 2,147,483,647",
    )


def test_the_filler_of_a_parameter_that_shares_another_is_checked_too():
    layers = "".join(
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "x" top: "{name}" param {{ name: "w" }} '
        f'inner_product_param {{ num_output: 2 weight_filler {{ type: "{filler}" }} }} }}'
        for name, filler in (("a", "xavier"), ("b", "xavir"))
    )
    (problem,) = problems(DATA + layers)
    assert 'layer "b" (InnerProduct): unknown filler type "xavir"; did you mean "xavier"?' in problem


def test_more_axes_than_a_blob_can_have():
    dims = "dim: 1 " * 33
    deep = f'layer {{ name: "x" type: "Input" top: "x" input_param {{ shape {{ {dims} }} }} }}'
    assert problems(deep) == ('net.prototxt:1: layer "x" (Input): top "x" would have 33 axes; expected at most 32',)
