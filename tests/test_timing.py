"""How long a net takes, as data."""

import numpy as np
import pytest

from minicaffe.net import Net
from minicaffe.proto import parse_net
from minicaffe.timing import fill_inputs, resident_bytes, time_net

TEXT = """
layer { name: "data" type: "Input" top: "data" top: "label" top: "map" input_param {
  shape { dim: 8 dim: 3 dim: 9 dim: 9 } shape { dim: 8 } shape { dim: 8 dim: 5 dim: 9 dim: 9 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 5 kernel_size: 3 pad: 1 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "far" type: "EuclideanLoss" bottom: "conv" bottom: "map" top: "far" }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
  inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
layer { name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy" include { phase: TEST } }
"""


@pytest.fixture
def timed(request):
    phase, plan = request.param
    with Net(parse_net(TEXT), phase, seed=1, plan=plan) as net:
        fill_inputs(net)
        net.forward()
        told = []
        yield net, time_net(net, 3, lambda number, seconds: told.append((number, seconds))), told


@pytest.mark.parametrize("timed", [("TRAIN", "fast"), ("TRAIN", "inspect"), ("TEST", "inspect")], indirect=True)
def test_every_layer_is_timed_once_in_running_order(timed):
    net, timing, told = timed
    assert [number for number, _ in told] == [1, 2, 3]
    assert timing.iterations == tuple(seconds for _, seconds in told) and sum(timing.iterations) <= timing.total
    assert [name for layer in timing.layers for name in layer.names] == [node.name for node in net.graph.nodes]
    assert all(layer.forward >= 0 and layer.backward >= 0 for layer in timing.layers)
    for name in ("forward", "backward"):
        parts = sum(getattr(layer, name) for layer in timing.layers)
        whole = timing.seconds(name) + (timing.seconds("prepare") if name == "forward" else 0)
        assert 0 < parts <= whole * 1.05  # two clocks
    assert sum(timing.seconds(name) for name in ("prepare", "forward", "backward")) * 3 <= timing.total
    assert (timing.arena_bytes is None) == (net.runner is None)


@pytest.mark.parametrize("timed", [("TRAIN", "fast")], indirect=True)
def test_steps_stand_as_they_run_with_what_they_compute(timed):
    net, timing, _ = timed
    assert [one.name for one in timing.passes] == ["prepare", "forward", "backward"]
    programs = [part for part in net.runner.plan.forward if isinstance(part, list)]
    expected = [step.kernel.name for part in programs for region in part for step in region.steps]
    forward = timing.passes[1]
    rows = [step for step in forward.steps if step.kernel is not None]
    assert [step.kernel for step in rows] == expected
    plain = {name for step in forward.steps if step.kernel is None for name in step.layers}
    assert plain == {node.name for node in net.runner.plan.plain if node.layer.shares is None}
    conv = next(step for step in rows if "conv" in step.layers and step.operations)
    assert conv.operations >= 2 * 8 * 81 * 5 * 3 * 9  # whole vectors of channels may be more
    assert conv.bytes >= 4 * 8 * 81 * (3 + 5)


@pytest.mark.parametrize("timed", [("TEST", "fast")], indirect=True)
def test_phase_test_is_forward_only_under_the_fast_plan(timed):
    _, timing, _ = timed
    assert [one.name for one in timing.passes] == ["prepare", "forward"]
    assert timing.seconds("backward") == 0 and not any(layer.backward for layer in timing.layers)


def test_inputs_are_noise_but_for_labels():
    with Net(parse_net(TEXT), "TRAIN", seed=1) as net:
        fill_inputs(net)
        first = net.blobs["data"].data.copy()
        assert 0.9 < first.std() < 1.1
        assert not net.blobs["label"].data.any() and not net.blobs["map"].data.any()
        fill_inputs(net)
        np.testing.assert_array_equal(net.blobs["data"].data, first)


def test_resident_memory_grows_with_what_is_held():
    before = resident_bytes()
    if before is None:
        pytest.skip("this system does not tell")
    held = np.ones(1 << 26, np.float32)  # more than what earlier tests may have left to use again
    assert resident_bytes() - before > 0.9 * held.nbytes
