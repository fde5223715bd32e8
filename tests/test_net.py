"""The net as pycaffe's users know it: names, writable blobs, weights in and out, and what is refused."""

import numpy as np
import pytest

import minicaffe as caffe
from minicaffe.data.lmdb_writer import write_lmdb
from minicaffe.errors import DataError, GraphError, ProtoError, UsageError, WeightsError
from minicaffe.proto import parse_net

NET = """
name: "small"
force_backward: true
layer { name: "data" type: "Input" top: "data" top: "label"
  input_param { shape { dim: 2 dim: 3 dim: 5 dim: 5 } shape { dim: 2 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } bias_filler { value: 0.5 } } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "bn" }
layer { name: "relu" type: "ReLU" bottom: "bn" top: "bn" }
layer { name: "ip" type: "InnerProduct" bottom: "bn" top: "ip"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(NET)
    return path


def filled(file, seed=1, **options):
    net = caffe.Net(file, caffe.TRAIN, seed=seed, **options)
    net.blobs["data"].data[...] = np.random.default_rng(0).normal(size=(2, 3, 5, 5))
    net.blobs["label"].data[...] = [0, 2]
    return net


def test_names(file):
    net = caffe.Net(str(file), caffe.TRAIN)
    assert net.name == "small" and net.phase == caffe.TRAIN
    assert list(net.blobs) == ["data", "label", "conv", "bn", "ip", "loss"]
    assert {name: [blob.shape for blob in blobs] for name, blobs in net.params.items()} == {
        "conv": [(4, 3, 3, 3), (4,)],
        "bn": [(4,), (4,), (1,)],
        "ip": [(3, 36), (3,)],
    }
    assert net.inputs == ["data", "label"] and net.outputs == ["loss"]
    assert [layer.type for layer in net.layers][:3] == ["Input", "Convolution", "BatchNorm"]
    assert net.blob_loss_weights["loss"] == 1.0 and net.blob_loss_weights["ip"] == 0.0


def test_fillers_ran(file):
    net = filled(file)
    weights, bias = net.params["conv"]
    assert np.all(bias.data == 0.5)
    bound = np.sqrt(3 / 27)
    assert 0.5 * bound < np.abs(weights.data).max() <= bound


def test_forward_and_backward(file):
    net = filled(file)
    out = net.forward()
    assert set(out) == {"loss"} and out["loss"].shape == ()
    assert net.loss == pytest.approx(float(out["loss"]))
    net.backward()
    assert np.abs(net.params["conv"][0].diff).max() > 0
    before = net.params["ip"][0].diff.copy()
    net.backward()
    np.testing.assert_allclose(net.params["ip"][0].diff, 2 * before, rtol=1e-5)
    net.clear_param_diffs()
    assert not net.params["ip"][0].diff.any()


def test_gradients_by_differences(file):
    net = filled(file, dtype="float64")
    net.forward()
    net.backward()
    for layer, index in (("conv", 0), ("ip", 0), ("ip", 1)):
        blob = net.params[layer][index]
        direction = np.random.default_rng(1).normal(size=blob.shape)
        expected = float((blob.diff * direction).sum())
        start, step, losses = blob.data.copy(), 1e-5, []
        for sign in (1, -1):
            blob.data[...] = start + sign * step * direction
            losses.append(float(net.forward()["loss"]))
        blob.data[...] = start
        assert (losses[0] - losses[1]) / (2 * step) == pytest.approx(expected, rel=1e-4)


def test_blobs_are_the_nets_own_memory(file):
    net = filled(file)
    net.forward()
    before = net.blobs["ip"].data.copy()
    net.params["ip"][1].data[...] += 1
    net.forward()
    np.testing.assert_allclose(net.blobs["ip"].data, before + 1, rtol=1e-5)
    with pytest.raises(AttributeError):
        net.blobs["ip"].data = before


def test_same_seed_same_weights(file):
    one, two, other = filled(file), filled(file), filled(file, seed=2)
    assert np.array_equal(one.params["ip"][0].data, two.params["ip"][0].data)
    assert not np.array_equal(one.params["ip"][0].data, other.params["ip"][0].data)


def test_save_and_copy_from(file, tmp_path):
    net = filled(file)
    net.forward()
    net.save(tmp_path / "w.caffemodel")
    other = caffe.Net(file, caffe.TEST, str(tmp_path / "w.caffemodel"))
    for name, blobs in net.params.items():
        for mine, theirs in zip(blobs, other.params[name]):
            assert np.array_equal(mine.data, theirs.data)


def test_copy_reports_what_did_not_match(file, tmp_path):
    net = filled(file)
    net.save(tmp_path / "w.caffemodel")
    renamed = tmp_path / "renamed.prototxt"
    renamed.write_text(NET.replace('name: "ip" type', 'name: "ip_new" type'))
    report = caffe.Net(renamed, caffe.TRAIN).copy_from(tmp_path / "w.caffemodel")
    assert report.copied == ("conv", "bn") and report.ignored == ("ip",) and report.missing == ("ip_new",)


def test_all_shape_mismatches_are_in_one_table(file, tmp_path):
    filled(file).save(tmp_path / "w.caffemodel")
    file.write_text(NET.replace("num_output: 4", "num_output: 6"))
    net = filled(file)
    before = net.params["ip"][1].data.copy()
    with pytest.raises(WeightsError) as caught:
        net.copy_from(tmp_path / "w.caffemodel")
    lines = str(caught.value).splitlines()
    assert "5 parameters have another shape" in lines[0]
    assert (
        lines[2].split("  ")[1:]
        and "conv[0]" in lines[2]
        and "4 x 3 x 3 x 3" in lines[2]
        and "6 x 3 x 3 x 3" in lines[2]
    )
    assert np.array_equal(net.params["ip"][1].data, before)


def test_weights_of_a_foreign_net(file, tmp_path):
    filled(file).save(tmp_path / "w.caffemodel")
    other = tmp_path / "other.prototxt"
    other.write_text(NET.replace('name: "', 'name: "my_'))
    with pytest.raises(WeightsError, match=r"none of its layers with weights \(conv, bn, ip\) has the name of one"):
        caffe.Net(other, caffe.TRAIN, str(tmp_path / "w.caffemodel"))


def test_cut_off_weights(file, tmp_path):
    filled(file).save(tmp_path / "w.caffemodel")
    whole = (tmp_path / "w.caffemodel").read_bytes()
    (tmp_path / "cut.caffemodel").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ProtoError, match=r"cut\.caffemodel"):
        filled(file).copy_from(tmp_path / "cut.caffemodel")


def test_label_outside_the_classes_names_layer_index_and_value(file):
    net = filled(file)
    net.blobs["label"].data[1] = 3
    with pytest.raises(DataError, match=r'layer "loss" \(SoftmaxWithLoss\): label 3 at batch index 1'):
        net.forward()


def test_too_large_for_the_machine(file, monkeypatch):
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_PAGE_SIZE": 1024}.get(name, 1))
    with pytest.raises(GraphError, match=r"the net needs [\d,]+ bytes, this machine has [\d,]+; its largest blob is"):
        caffe.Net(file, caffe.TRAIN)


def test_phase_must_be_one(file):
    with pytest.raises(UsageError, match="phase is 7; expected TRAIN or TEST"):
        caffe.Net(file, 7)


def test_unknown_filler(file):
    file.write_text(NET.replace("xavier", "xaver"))
    with pytest.raises(GraphError, match=r'layer "conv" .*xaver.*did you mean "xavier"'):
        caffe.Net(file, caffe.TRAIN)


def test_an_input_that_a_layer_overwrites_can_be_set_again(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(
        'force_backward: true layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }'
        'layer { name: "s" type: "Scale" bottom: "x" top: "x" scale_param { filler { value: 2 } } }'
    )
    net = caffe.Net(path, caffe.TRAIN)
    for value in (1.0, 5.0):
        net.blobs["x"].data[...] = value
        assert np.all(net.forward()["x"] == 2 * value)


@pytest.mark.parametrize("tail", ["", 'layer { name: "f" type: "Flatten" bottom: "y" top: "f" loss_weight: 0.5 }'])
def test_a_loss_in_place_has_the_same_gradient_every_time(tmp_path, tail):
    path = tmp_path / "net.prototxt"
    weight = "" if tail else "loss_weight: 0.5"
    path.write_text(
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }'
        'layer { name: "b" type: "Bias" bottom: "x" top: "y" bias_param { filler { value: 1 } } }'
        f'layer {{ name: "r" type: "TanH" bottom: "y" top: "y" {weight} }} {tail}'
    )
    net = caffe.Net(path, caffe.TRAIN, dtype="float64")
    for _ in range(3):
        net.clear_param_diffs()
        net.forward()
        net.backward()
        np.testing.assert_allclose(net.params["b"][0].diff, 0.5 * 2 * (1 - np.tanh(1) ** 2))


SHARING = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "a" type: "InnerProduct" bottom: "x" top: "a" param { name: "w" } param { name: "b" }
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
"""
SECOND = SHARING.splitlines()[2].replace('"a"', '"c"') + SHARING.splitlines()[3]


def two_nets(tmp_path, train, test):
    for name, text in (("train", train), ("test", test)):
        (tmp_path / name).write_text(text)
    net = caffe.Net(tmp_path / "train", caffe.TRAIN, seed=1)
    return net, caffe.Net(tmp_path / "test", caffe.TEST, seed=2, share_with=net)


def test_nets_share_parameters_but_not_gradients(tmp_path):
    train, test = two_nets(tmp_path, SHARING, SHARING)
    for mine, theirs in zip(test.params["a"], train.params["a"]):
        assert np.shares_memory(mine.data, theirs.data) and not np.shares_memory(mine.diff, theirs.diff)


@pytest.mark.parametrize("first", [True, False])
def test_a_layer_of_one_net_only_follows_the_parameter_that_it_shares_by_name(tmp_path, first):
    head, tail = SHARING.strip().split("\n", 1)
    both = head + (SECOND + tail if first else tail + SECOND)
    train, test = two_nets(tmp_path, SHARING, both)
    assert np.shares_memory(test.params["c"][0].data, train.params["a"][0].data)


def test_a_layer_of_one_net_only_is_filled(tmp_path):
    _, test = two_nets(tmp_path, SHARING, SHARING + SECOND.replace('"w"', '"v"').replace('"b"', '"u"'))
    assert test.params["c"][0].data.any()


def test_layers_of_one_name_must_have_the_same_parameters(tmp_path):
    with pytest.raises(GraphError, match=r'layer "a" \(InnerProduct\) has parameters .* but \[\] in phase TRAIN'):
        two_nets(tmp_path, SHARING.splitlines()[1] + 'layer { name: "a" type: "ReLU" bottom: "x" top: "a" }', SHARING)


def test_the_state_of_another_type_of_layer_is_refused(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(SHARING + 'layer { name: "drop" type: "Dropout" bottom: "a" top: "a" }')
    net = caffe.Net(path, caffe.TRAIN)
    net.restore_state({"drop": {"forwards": 3}})
    with pytest.raises(WeightsError, match=r'layer "drop" \(Dropout\) has the state forwards, but position is to be'):
        net.restore_state({"drop": {"position": 3}})


def test_a_seed_below_zero_is_refused(file):
    with pytest.raises(UsageError, match="seed is -1; expected at least 0"):
        caffe.Net(file, caffe.TRAIN, seed=-1)


def test_relative_paths_are_taken_from_the_prototxts_folder_too(file, tmp_path, monkeypatch):
    filled(file).save(tmp_path / "w.caffemodel")
    monkeypatch.chdir("/")
    net = caffe.Net(file, caffe.TEST, "w.caffemodel")
    assert net.params["conv"][1].data[0] == np.float32(0.5)


OVERFLOWS = """
layer { name: "x" type: "Input" top: "x" top: "t"
  input_param { shape { dim: 9 dim: 3 dim: 5 dim: 5 } shape { dim: 9 } } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "constant" value: 1e20 } } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "bn" }
layer { name: "ip" type: "InnerProduct" bottom: "bn" top: "ip" inner_product_param { num_output: 3 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "t" top: "loss" }
"""


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_the_first_value_that_is_not_finite_is_found(plan):
    with caffe.Net(parse_net(OVERFLOWS), caffe.TRAIN, seed=1, plan=plan) as net:
        net.forward()
        assert net.first_non_finite() is None
        net.blobs["x"].data[...] = 1e30
        net.forward()
        found = net.first_non_finite()
        assert found.where == 'blob "conv" of layer "conv" (Convolution)'


def test_the_fast_plan_says_what_it_does_not_keep():
    with caffe.Net(parse_net(OVERFLOWS), caffe.TRAIN, seed=1, plan="fast") as net:
        net.forward()
        assert net.blobs["conv"].shape == (9, 4, 3, 3)
        assert net.blobs["conv"].count == 9 * 36
        with pytest.raises(UsageError, match='the fast plan keeps no data of blob "conv"; expected plan="inspect"'):
            net.blobs["conv"].data  # noqa: B018
        with pytest.raises(UsageError, match="the fast plan cannot run a part of a net"):
            net.forward(end="loss")
        assert np.isfinite(net.blobs["loss"].data)
    with caffe.Net(parse_net(OVERFLOWS), caffe.TEST, seed=1, plan="fast") as net:
        net.forward()
        with pytest.raises(UsageError, match="the fast plan computes no gradients in phase TEST"):
            net.backward()


def test_the_fast_plan_sees_parameters_change():
    """Transformed weights follow their parameter: after a load, a write, and a write to a view held for long."""
    text = OVERFLOWS.replace("value: 1e20", "value: 0.1")
    with caffe.Net(parse_net(text), caffe.TEST, seed=1, plan="fast") as net:
        random = np.random.default_rng(1)
        net.params["ip"][0].data[...] = random.normal(size=net.params["ip"][0].shape)
        net.blobs["x"].data[...] = random.normal(0, 1e-3, size=net.blobs["x"].shape)
        net.blobs["t"].data[...] = random.integers(0, 3, 9)

        def agrees() -> float:
            with caffe.Net(parse_net(text), caffe.TEST, seed=1) as other:
                for name, blobs in net.params.items():
                    for mine, theirs in zip(blobs, other.params[name]):
                        theirs.data[...] = mine._data
                for name in net.inputs:
                    other.blobs[name].data[...] = net.blobs[name].data
                net.forward()
                other.forward()
                assert net.loss == pytest.approx(other.loss, rel=1e-5)
                return net.loss

        losses = [agrees()]
        net.params["conv"][0].data[...] = random.normal(size=net.params["conv"][0].shape)
        losses.append(agrees())
        part = net.params["conv"][0].data[1:, 0]
        losses.append(agrees())
        part *= 3
        losses.append(agrees())
        part *= -2
        losses.append(agrees())
        assert losses[1] == losses[2]
        assert len(set(losses)) == 4


def test_numbers_without_a_value_bring_no_warnings():
    text = (
        'layer { name: "x" type: "Input" top: "x" top: "t" input_param { shape { dim: 2 dim: 3 } } }'
        'layer { name: "bn" type: "BatchNorm" bottom: "x" top: "y" batch_norm_param { eps: 0 } }'
        'layer { name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "t" top: "loss" }'
    )
    net = caffe.Net(parse_net(text), "TRAIN")
    net.blobs["x"].data[...] = np.inf
    net.blobs["t"].data[...] = 1e30
    assert not np.isfinite(net.forward()["loss"])  # warnings are errors in tests


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_a_closed_net_says_so(tmp_path, plan):
    write_lmdb(tmp_path / "x_lmdb", [(np.zeros((4, 1, 2, 2), np.uint8), np.zeros(4, np.uint8))], 4, (1, 2, 2), "x")
    text = 'layer { name: "d" type: "Data" top: "x" data_param { source: "%s" batch_size: 2 backend: LMDB } }'
    for runs in range(2):
        net = caffe.Net(parse_net(text % (tmp_path / "x_lmdb")), caffe.TRAIN, plan=plan)
        for _ in range(runs):
            net.forward()
        net.close()
        with pytest.raises(DataError, match=r'layer "d" .Data.: the data are closed'):
            net.forward()


def test_dtypes(file):
    with pytest.raises(UsageError, match="dtype is int8; expected float32 or float64"):
        caffe.Net(file, caffe.TRAIN, dtype="int8")
