"""Fusion: chains along the graph, only where nobody else sees what is handed on."""

from minicaffe.graph import build_graph
from minicaffe.plan.fast.fusion import Pattern, chains, make_group
from minicaffe.proto import parse_net

INPUT = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 4 dim: 3 dim: 6 dim: 6 } } }\n'
CONV = "convolution_param { num_output: 3 kernel_size: 3 pad: 1 }"
PATTERNS = (
    Pattern(("Convolution",), (("BatchNorm",), ("Scale",), ("Eltwise",), ("ReLU", "Sigmoid"))),
    Pattern(("Pooling",), (("ReLU",),)),
)


def layer(name, type_name, bottoms, top, extra=""):
    wires = " ".join(f'bottom: "{bottom}"' for bottom in bottoms.split())
    return f'layer {{ name: "{name}" type: "{type_name}" {wires} top: "{top}" {extra} }}\n'


def found(text, phase="TRAIN"):
    graph = build_graph(parse_net(INPUT + text), phase)
    return [[node.name for node in group.nodes] for group in chains(graph, PATTERNS)], graph


def test_the_longest_chain_is_taken_and_steps_may_be_missing():
    text = layer("conv", "Convolution", "x", "conv", CONV) + layer("scale", "Scale", "conv", "conv")
    text += layer("relu", "ReLU", "conv", "conv") + layer("more", "ReLU", "conv", "more")
    assert found(text)[0] == [["x"], ["conv", "scale", "relu"], ["more"]]


def test_the_order_of_the_pattern_counts():
    text = layer("conv", "Convolution", "x", "conv", CONV) + layer("relu", "ReLU", "conv", "conv")
    text += layer("bn", "BatchNorm", "conv", "conv")
    assert found(text)[0] == [["x"], ["conv", "relu"], ["bn"]]


def test_a_value_with_two_readers_ends_the_chain():
    text = layer("conv", "Convolution", "x", "conv", CONV) + layer("relu", "ReLU", "conv", "y")
    text += layer("other", "TanH", "conv", "z")
    assert ["conv"] in found(text)[0]


def test_a_loss_ends_the_chain():
    text = layer("conv", "Convolution", "x", "conv", CONV + " loss_weight: 1") + layer("relu", "ReLU", "conv", "y")
    assert ["conv"] in found(text)[0]


def test_a_sum_waits_for_its_other_bottom():
    """The group takes the place of its last layer, when everything it reads has been made."""
    text = layer("conv", "Convolution", "x", "conv", CONV) + layer("pool", "Pooling", "x", "pool", POOL)
    text += layer("sum", "Eltwise", "conv pool", "sum") + layer("relu", "ReLU", "sum", "sum")
    groups, graph = found(text)
    assert groups == [["x"], ["x_x_0_split"], ["pool"], ["conv", "sum", "relu"]]
    group = chains(graph, PATTERNS)[-1]
    names = [graph.values[value].name for value in group.bottoms]
    assert names == ["x_x_0_split_0", "pool"]
    assert graph.values[group.top].name == "sum"
    assert group.types == ("Convolution", "Eltwise", "ReLU")


POOL = "pooling_param { kernel_size: 3 stride: 1 pad: 1 }"


def test_one_sum_joins_one_branch_only():
    text = layer("a", "Convolution", "x", "a", CONV) + layer("b", "Convolution", "x", "b", CONV)
    text += layer("sum", "Eltwise", "a b", "sum")
    assert found(text)[0] == [["x"], ["x_x_0_split"], ["b"], ["a", "sum"]]


def test_every_layer_is_in_one_group():
    text = layer("pool", "Pooling", "x", "pool", POOL) + layer("relu", "ReLU", "pool", "pool")
    text += layer("conv", "Convolution", "pool", "conv", CONV) + layer("silence", "Flatten", "conv", "flat")
    groups, graph = found(text)
    assert sorted(name for group in groups for name in group) == sorted(node.name for node in graph.nodes)


def test_a_part_of_a_chain_reads_what_its_own_layers_read():
    text = layer("conv", "Convolution", "x", "conv", CONV) + layer("relu", "ReLU", "conv", "conv")
    _, graph = found(text)
    group = make_group([graph.nodes[2]])
    assert group.bottoms == graph.nodes[1].tops
    assert group.top == graph.nodes[2].tops[0]
