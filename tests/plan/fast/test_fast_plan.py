"""The whole plan: what is kept, what runs plain, where values change their layout, what the memory is worth."""

import numpy as np
import pytest

import minicaffe
from minicaffe.graph import build_graph
from minicaffe.kernels._threads import set_threads, threads
from minicaffe.net import Net
from minicaffe.plan.fast import fast_plan
from minicaffe.plan.fast.builder import PlainStep
from minicaffe.proto import parse_net

NET = """
layer { name: "x" type: "Input" top: "x" top: "t"
  input_param { shape { dim: 20 dim: 3 dim: 12 dim: 12 } shape { dim: 20 } } }
layer { name: "conv1" type: "Convolution" bottom: "x" top: "conv1"
  convolution_param { num_output: 20 kernel_size: 3 pad: 1 weight_filler { type: "msra" } } }
layer { name: "bn1" type: "BatchNorm" bottom: "conv1" top: "conv1" }
layer { name: "scale1" type: "Scale" bottom: "conv1" top: "conv1" scale_param { bias_term: true } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1" pooling_param { kernel_size: 3 stride: 2 } }
layer { name: "drop" type: "Dropout" bottom: "pool1" top: "drop" }
layer { name: "conv2" type: "Convolution" bottom: "drop" top: "conv2"
  convolution_param { num_output: 24 kernel_size: 3 pad: 1 weight_filler { type: "msra" } } }
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
layer { name: "ip" type: "InnerProduct" bottom: "conv2" top: "ip" inner_product_param { num_output: 5
  weight_filler { type: "msra" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "t" top: "loss" }
"""


def plan_of(phase, text=NET):
    return fast_plan(build_graph(parse_net(text), phase))


def kernels(parts):
    """Names of kernels and plain layers, in order of regions."""
    out = []
    for part in parts:
        if isinstance(part, PlainStep):
            out.append(f"plain {part.node}")
        else:
            out += [step.kernel.name for region in part for step in region.steps]
    return out


def test_layers_without_row_kernels_run_plain_on_planes():
    plan = plan_of("TRAIN")
    assert [node.name for node in plan.plain] == ["x", "drop"]
    names = kernels(plan.forward)
    drop = names.index(f"plain {[node.name for node in plan.graph.nodes].index('drop')}")
    assert names[drop - 1] == "to_planes"
    kept = {plan.graph.values[value].name for value in plan.fixed}
    assert kept == {"x", "t", "pool1", "drop", "ip", "loss"}


def test_in_test_statistics_fold_and_dropout_vanishes():
    plan = plan_of("TEST")
    assert [node.name for node in plan.plain] == ["x"]
    names = kernels(plan.forward)
    assert "fold" in kernels(plan.prepare)
    assert not {"statistics", "affine", "relu", "activate"} & set(names)
    assert plan.backward == ()
    assert not any(plan.gradients.nodes)


def test_what_backward_needs_is_kept_and_the_rest_is_local():
    train, test = plan_of("TRAIN"), plan_of("TEST")
    assert train.layout.shared_size > test.layout.shared_size
    assert train.kept
    assert not test.kept


def test_in_training_forward_begins_with_what_depends_on_parameters():
    plan = plan_of("TRAIN")
    assert plan.prepare == ()
    assert "pack_weights" in kernels(plan.forward) or "winograd_weights" in kernels(plan.forward)


def test_transformed_parameters_outlive_everything():
    plan = plan_of("TEST")
    written = {b for program in plan.prepare for region in program for b in region.writes() if b.kind == "one"}
    ends = {buffer: plan.layout.shared[buffer] for buffer in written}
    assert ends
    for other, at in plan.layout.shared.items():
        for buffer, begin in ends.items():
            assert other is buffer or at + 1 > begin + buffer.step or at < begin


def filled(net):
    random = np.random.default_rng(4)
    images, labels = (net.blobs[name].data for name in net.inputs)
    images[...] = random.normal(size=images.shape)
    labels[...] = random.integers(0, 5, labels.shape)
    return net


@pytest.fixture
def any_threads():
    before = threads()
    yield
    set_threads(before)


def test_the_same_bits_on_any_number_of_threads(any_threads):
    found = []
    for number in (1, 2, 3, 7):
        set_threads(number)
        with Net(parse_net(NET), minicaffe.TRAIN, seed=2, plan="fast") as net:
            filled(net)
            for _ in range(2):
                net.clear_param_diffs()
                net.forward()
                net.backward()
            found.append((net.loss, net.arena.learned_diff.copy(), net.arena.state.copy()))
    for loss, diff, state in found[1:]:
        assert loss == found[0][0]
        assert np.array_equal(diff, found[0][1])
        assert np.array_equal(state, found[0][2])


def test_threads_may_change_between_passes(any_threads):
    with Net(parse_net(NET), minicaffe.TEST, seed=2, plan="fast") as net:
        filled(net)
        losses = set()
        for number in (1, 3, 2):
            set_threads(number)
            net.forward()
            losses.add(net.loss)
    assert len(losses) == 1


def test_gradients_add_up_over_passes():
    with Net(parse_net(NET.replace('type: "Dropout"', 'type: "TanH"')), minicaffe.TRAIN, seed=2, plan="fast") as net:
        filled(net)
        net.clear_param_diffs()
        net.forward()
        net.backward()
        once = net.arena.learned_diff.copy()
        net.forward()
        net.backward()
        np.testing.assert_allclose(net.arena.learned_diff, 2 * once, rtol=1e-6, atol=1e-7)


def trained(net):
    """The gradients of one pass, from zero."""
    net.clear_param_diffs()
    net.forward()
    net.backward()
    return net.arena.learned_diff


def names(net, params):
    return {(net.graph.nodes[net.graph.params[i].node].name, net.graph.params[i].index) for i in params}


def test_gradients_that_backward_overwrites_need_no_zeros():
    with Net(parse_net(NET.replace('type: "Dropout"', 'type: "TanH"')), minicaffe.TRAIN, seed=2, plan="fast") as net:
        filled(net)
        assert net._run.overwrites
        expected = trained(net).copy()
        for diff in net.arena.diff:
            diff.fill(np.nan)
        np.testing.assert_array_equal(trained(net), expected)
        net.clear_param_diffs()
        assert not net.arena.learned_diff.any()


def test_cleared_gradients_are_zeros_for_whoever_looks():
    with Net(parse_net(NET.replace('type: "Dropout"', 'type: "TanH"')), minicaffe.TRAIN, seed=2, plan="fast") as net:
        filled(net)
        expected = trained(net).copy()
        net.clear_param_diffs()
        assert not any(blob.diff.any() for blobs in net.params.values() for blob in blobs)
        trained(net)
        diffs = [blob.diff[:] for blobs in net.params.values() for blob in blobs]
        assert any(diff.any() for diff in diffs)
        net.clear_param_diffs()
        assert not any(diff.any() for diff in diffs)
        diffs[0].fill(1)
        net.forward()
        net.backward()
        first = np.zeros_like(expected)
        first[: diffs[0].size] = 1
        np.testing.assert_allclose(net.arena.learned_diff, expected + first, rtol=1e-6, atol=1e-7)


def test_gradients_of_several_writers_are_added():
    text = """layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 16 dim: 40 } } }
        layer { name: "target" type: "Input" top: "target" input_param { shape { dim: 16 dim: 40 } } }"""
    for i, (bottom, name) in enumerate((("data", "shared"), ("0", "shared"), ("1", "own"))):
        text += f"""layer {{ name: "ip{i}" type: "InnerProduct" bottom: "{bottom}" top: "{i}" param {{ name: "{name}" }}
            inner_product_param {{ num_output: 40 bias_term: false weight_filler {{ type: "xavier" }} }} }}"""
    text += 'layer { name: "loss" type: "EuclideanLoss" bottom: "2" bottom: "target" top: "loss" }'
    found = []
    for plan in ("inspect", "fast"):
        with Net(parse_net(text), minicaffe.TRAIN, seed=2, plan=plan) as net:
            for i, name in enumerate(net.inputs):
                net.blobs[name].data[...] = np.random.default_rng(i).normal(size=(16, 40))
            net.arena.learned_diff.fill(7)
            found.append(trained(net).copy())
    assert names(net, net._run.plan.overwritten.values()) == {("ip2", 0)}
    np.testing.assert_allclose(found[1], found[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("batch", [1, 2, 7, 8, 9, 17])
def test_any_batch_size(batch):
    text = NET.replace("dim: 20", f"dim: {batch}")
    losses = []
    for plan in ("inspect", "fast"):
        with Net(parse_net(text), minicaffe.TEST, seed=2, plan=plan) as net:
            filled(net).forward()
            losses.append(net.loss)
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        'type: "InnerProduct" inner_product_param { num_output: 4 weight_filler { type: "xavier" } }',
        'type: "Convolution" convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } }',
        'type: "Pooling" pooling_param { kernel_size: 2 stride: 2 }',
        'type: "LRN"',
        'type: "Concat"',
        'type: "ReLU"',
        'type: "BatchNorm"',
        'type: "PReLU"',
    ],
)
def test_any_layer_may_be_a_loss(layer):
    text = (
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 4 dim: 3 dim: 8 dim: 8 } } }'
        'layer { name: "c" type: "Scale" bottom: "x" top: "c" }'
        f'layer {{ name: "y" bottom: "c" top: "y" loss_weight: 3 {layer} }}'
    )
    diffs = []
    for plan in ("inspect", "fast"):
        net = Net(parse_net(text), "TRAIN", plan=plan, seed=1)
        net.blobs["x"].data[...] = np.random.default_rng(0).standard_normal((4, 3, 8, 8))
        net.forward()
        net.backward()
        diffs.append([blob.diff.copy() for blobs in net.params.values() for blob in blobs])
    for inspect, fast in zip(*diffs):
        np.testing.assert_allclose(fast, inspect, rtol=1e-4, atol=1e-4)


def test_a_training_net_in_which_nothing_is_learned_runs_backward_to_no_effect():
    shape = "input_param { shape { dim: 2 dim: 3 } }"
    text = f'layer {{ name: "in" type: "Input" top: "x" top: "t" {shape} }} '
    text += 'layer { name: "loss" type: "EuclideanLoss" bottom: "x" bottom: "t" top: "loss" }'
    run = Net(parse_net(text), minicaffe.TRAIN, plan="fast")
    run.blobs["x"].data[...] = 1
    run.forward()
    diffs = run.backward()
    assert run.loss == pytest.approx(1.5)
    assert [diff.tolist() for diff in diffs.values()] == [np.zeros((2, 3)).tolist()] * 2


def test_cleared_gradients_stay_zeros_where_the_loss_is_not_finite():
    with Net(parse_net(NET.replace('type: "Dropout"', 'type: "TanH"')), minicaffe.TRAIN, seed=2, plan="fast") as net:
        filled(net)
        net.clear_param_diffs()
        net.forward_backward()
        expected = net.arena.learned_diff.copy()
        net.blobs["x"].data[0] = np.nan
        net.clear_param_diffs()
        assert np.isnan(net.forward_backward())
        assert not net.arena.learned_diff.any()
        filled(net)
        net.clear_param_diffs()
        net.forward_backward()
        np.testing.assert_allclose(net.arena.learned_diff, expected, rtol=1e-4, atol=1e-6)
