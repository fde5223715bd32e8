"""Which values share memory: views, and in-place layers where no one reads the overwritten version."""

from minicaffe.graph import build_graph
from minicaffe.plan import inspect_plan
from minicaffe.proto import parse_net

INPUTS = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 4 dim: 3 dim: 2 } } }
layer { name: "t" type: "Input" top: "t" input_param { shape { dim: 4 dim: 2 } } }
layer { name: "c" type: "Scale" bottom: "x" top: "c" }
"""
LOSS = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "c" bottom: "t" top: "loss" }'


def layer(type_name, bottom, top):
    name = f"{type_name}_{bottom}_{top}".lower()
    return f'layer {{ name: "{name}" type: "{type_name}" bottom: "{bottom}" top: "{top}" }}'


def storage(text, phase="TRAIN"):
    graph = build_graph(parse_net(text), phase)
    plan = inspect_plan(graph)
    arrays = {(value.name, value.version): plan.storage.data[value.id] for value in graph.values}
    diffs = {(value.name, value.version): plan.storage.diff[value.id] for value in graph.values}
    return arrays, diffs


def test_relu_overwrites_what_nobody_reads_again():
    arrays, diffs = storage(INPUTS + layer("ReLU", "c", "c") + LOSS)
    assert arrays["c", 0] == arrays["c", 1] and diffs["c", 0] == diffs["c", 1]


def test_scale_keeps_its_bottom_for_the_gradient():
    arrays, diffs = storage(INPUTS + layer("Scale", "c", "c") + LOSS)
    assert arrays["c", 0] != arrays["c", 1] and diffs["c", 0] == diffs["c", 1]


def test_without_a_backward_pass_scale_overwrites():
    arrays, _ = storage(INPUTS + layer("Scale", "c", "c"))
    assert arrays["c", 0] == arrays["c", 1]


def test_sigmoid_keeps_its_top_from_being_overwritten():
    arrays, _ = storage(INPUTS + layer("Sigmoid", "c", "s") + layer("ReLU", "s", "s") + LOSS.replace('"c"', '"s"'))
    assert arrays["s", 0] != arrays["s", 1]


def test_batch_norm_scale_relu_chain():
    text = INPUTS + layer("BatchNorm", "c", "c") + layer("Scale", "c", "c") + layer("ReLU", "c", "c") + LOSS
    arrays, diffs = storage(text)
    assert arrays["c", 0] == arrays["c", 1], "BatchNorm reads its top only"
    assert arrays["c", 1] != arrays["c", 2], "Scale reads its bottom"
    assert arrays["c", 2] == arrays["c", 3], "ReLU reads its top only"
    assert len({diffs["c", version] for version in range(4)}) == 1


def test_a_loss_is_not_overwritten():
    text = INPUTS + layer("Sigmoid", "c", "s").replace("}", "loss_weight: 1 }")
    arrays, _ = storage(text + layer("Flatten", "s", "f") + layer("ReLU", "f", "f"))
    assert arrays["s", 0] == arrays["s_sigmoid_c_s_0_split_0", 0] == arrays["f", 0] != arrays["f", 1]


def test_a_loss_that_a_layer_changes_in_place_still_counts():
    arrays, _ = storage(INPUTS + LOSS + layer("ReLU", "loss", "loss"))
    assert arrays["loss", 0] != arrays["loss", 1]


def test_views_share():
    text = INPUTS + layer("Flatten", "c", "f") + layer("ReLU", "f", "a") + layer("ReLU", "f", "b")
    arrays, diffs = storage(text)
    split = [f"f_flatten_c_f_0_split_{i}" for i in range(2)]
    assert arrays["c", 0] == arrays["f", 0] == arrays[split[0], 0] == arrays[split[1], 0]
    assert diffs["c", 0] == diffs["f", 0]
    assert len({diffs["f", 0], diffs[split[0], 0], diffs[split[1], 0]}) == 3
