"""Which gradients a net needs: down from parameters, up from losses."""

import pytest

from minicaffe.errors import GraphError
from minicaffe.graph import build_graph
from minicaffe.plan import needed_gradients
from minicaffe.proto import parse_net

INPUTS = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 4 dim: 3 } } }
layer { name: "t" type: "Input" top: "t" input_param { shape { dim: 4 } } }
"""
LOSS = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "b" bottom: "t" top: "loss" %s }'


def scale(name, bottom, top, extra=""):
    return f'layer {{ name: "{name}" type: "Scale" bottom: "{bottom}" top: "{top}" {extra} }}'


def needs(text):
    graph = build_graph(parse_net(text), "TRAIN")
    found = needed_gradients(graph)
    names = [node.name for node in graph.nodes]
    return dict(zip(names, found.nodes)), dict(zip(names, found.bottoms)), found.params


def test_only_what_leads_from_a_loss_to_a_parameter():
    nodes, bottoms, params = needs(INPUTS + scale("a", "x", "a") + scale("b", "a", "b") + LOSS % "")
    assert nodes == {"x": False, "t": False, "a": True, "b": True, "loss": True}
    assert bottoms["a"] == (False,) and bottoms["b"] == (True,) and bottoms["loss"] == (True, False)
    assert params == (True, True)


def test_without_a_loss_nothing_runs_backward():
    nodes, _, params = needs(INPUTS + scale("a", "x", "a"))
    assert not any(nodes.values()) and params == (False,)


def test_a_rate_of_zero_wants_no_gradient():
    frozen = "param { lr_mult: 0 }"
    nodes, bottoms, params = needs(INPUTS + scale("a", "x", "a", frozen) + scale("b", "a", "b") + LOSS % "")
    assert not nodes["a"] and bottoms["b"] == (False,) and params == (False, True)


def test_propagate_down_false_ends_the_way():
    stop = "propagate_down: false"
    nodes, bottoms, params = needs(INPUTS + scale("a", "x", "a") + scale("b", "a", "b", stop) + LOSS % "")
    assert not nodes["a"] and bottoms["b"] == (False,) and params == (False, True)


def test_a_loss_of_weight_zero_is_none():
    nodes, _, _ = needs(INPUTS + scale("b", "x", "b") + LOSS % "loss_weight: 0")
    assert not any(nodes.values())


def test_force_backward_wants_every_gradient_that_exists():
    nodes, bottoms, _ = needs("force_backward: true" + INPUTS + scale("b", "x", "b") + LOSS % "")
    assert all(nodes.values()) and bottoms["b"] == (True,) and bottoms["loss"] == (True, False)


def test_side_branches_without_a_loss_stay_out():
    silent = 'layer { name: "hush" type: "Silence" bottom: "s" }'
    text = INPUTS + scale("b", "x", "b") + LOSS % "" + scale("s", "b", "s") + silent
    nodes, _, _ = needs(text)
    assert nodes["b_b_0_split"] and not nodes["s"] and not nodes["hush"]


def test_labels_that_parameters_feed_are_refused():
    text = INPUTS + scale("b", "x", "b") + scale("u", "t", "u", "scale_param { axis: 0 }")
    with pytest.raises(GraphError, match=r'layer "loss" .*: bottom 1 "u" would need a gradient, but it holds labels'):
        needs(text + LOSS.replace('"t"', '"u"') % "")


def test_in_phase_test_the_gradient_ends_at_labels_that_parameters_feed():
    text = INPUTS + scale("b", "x", "b") + scale("u", "t", "u", "scale_param { axis: 0 }")
    graph = build_graph(parse_net(text + LOSS.replace('"t"', '"u"') % ""), "TEST")
    gradients = needed_gradients(graph)
    by_name = {node.name: gradients.bottoms[node.index] for node in graph.nodes}
    assert by_name["loss"] == (True, False)
