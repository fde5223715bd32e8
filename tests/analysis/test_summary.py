"""Facts of layers, batches of other sizes, memory by plan against nets that are built, statistics of weights."""

import numpy as np
import pytest

from minicaffe import Net
from minicaffe.analysis.check import check_net
from minicaffe.analysis.summary import peak_bytes, statistics, summarise, totals
from minicaffe.deploy import with_batch
from minicaffe.layers.base import count
from minicaffe.proto import parse_net

NET = """
layer { name: "x" type: "Input" top: "x" top: "label" input_param { shape { dim: 6 dim: 3 dim: 9 dim: 9 } shape { dim: 6 } } }
layer { name: "c" type: "Convolution" bottom: "x" top: "c" param { lr_mult: 1 } param { lr_mult: 2 }
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "bn" type: "BatchNorm" bottom: "c" top: "c" }
layer { name: "r" type: "ReLU" bottom: "c" top: "c" exclude { phase: TEST } }
layer { name: "a" type: "InnerProduct" bottom: "c" top: "a" param { name: "w" } inner_product_param { num_output: 5 bias_term: false } }
layer { name: "b" type: "InnerProduct" bottom: "c" top: "b" param { name: "w" } inner_product_param { num_output: 5 bias_term: false } }
layer { name: "e" type: "Eltwise" bottom: "a" bottom: "b" top: "e" }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "e" bottom: "label" top: "loss" }
"""  # noqa: E501


def test_each_layer_and_the_sums():
    train, test = check_net(parse_net(NET))
    layers = {layer.name: layer for layer in summarise(train)}
    assert "r" not in {layer.name for layer in summarise(test)}
    assert list(layers) == ["x", "c", "bn", "r", "a", "b", "e", "loss"]  # no splits
    assert (layers["c"].lr_mult, layers["bn"].lr_mult, layers["r"].lr_mult) == ((1, 2), (0, 0, 0), ())
    assert layers["c"].tops == {"c": (6, 4, 7, 7)} and layers["c"].parameters == 4 * 27 + 4
    assert layers["bn"].in_place and not layers["c"].in_place
    assert (layers["r"].phases, layers["c"].phases) == (("TRAIN",), ("TRAIN", "TEST"))
    sums = totals(list(layers.values()), train.outline.graph)
    assert sums.parameters == 112 + 9 + 5 * 196  # what is shared counts once
    assert sums.open == (False, False, False)


@pytest.mark.parametrize("plan", ["inspect", "fast"])
@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_the_peak_is_what_a_net_asks_for(plan, phase, monkeypatch):
    asked = []
    monkeypatch.setattr(Net, "_refuse_too_large", lambda self, graph, path, values: asked.append((graph, values)))
    net = Net(parse_net(NET), phase, plan=plan)
    graph, values = asked[-1]
    own = sum(count(fact.shape) for fact in graph.params if fact.owner == fact.id)
    (state,) = check_net(parse_net(NET), (phase,))
    assert peak_bytes(state.outline.graph, plan) == values + 8 * own
    assert net.arena.learned.nbytes + net.arena.state.nbytes >= 4 * own


def test_another_batch():
    net = parse_net(
        NET.replace("dim: 9 }", "dim: 8 }")
        + 'layer { name: "d" type: "DummyData" top: "d" dummy_data_param { num: 3 channels: 2 height: 1 width: 1 } }'
        + 'layer { name: "m" type: "MemoryData" top: "m" top: "n" '
        + "memory_data_param { batch_size: 5 channels: 1 height: 1 width: 1 } }"
    )
    with_batch(net, 2)
    tops = {name: shape for layer in summarise(check_net(net)[0]) for name, shape in layer.tops.items()}
    assert tops["c"][0] == tops["label"][0] == tops["d"][0] == tops["m"][0] == 2


def test_a_net_whose_shapes_change_has_no_fast_plan():
    text = (
        'layer { name: "x" type: "Input" top: "x" top: "s" input_param { shape { dim: 4 dim: 2 } shape { dim: 4 } } }'
    )
    text += 'layer { name: "f" type: "Filter" bottom: "x" bottom: "s" top: "f" }'
    (state,) = check_net(parse_net(text))
    assert peak_bytes(state.outline.graph, "fast") is None
    assert peak_bytes(state.outline.graph, "inspect") > 0


def test_statistics_of_numbers_some_of_which_are_none():
    array = np.array([[0, 1, 3], [np.nan, np.inf, 0]], np.float32)
    one, none = statistics({"a": [array, None], "b": [np.full(2, np.nan)]})
    assert (one.layer, one.index, one.shape, one.zeros, one.broken) == ("a", 0, (2, 3), 2, 2)
    assert (one.mean, one.min, one.max) == (1, 0, 3) and one.std == pytest.approx(np.std([0, 1, 3, 0]))
    assert (none.mean, none.broken) == (None, 2)
