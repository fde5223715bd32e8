"""Running a net in part, with arrays, in other sizes, in batches, with hooks: the calls are pycaffe's."""

import numpy as np
import pytest

import minicaffe as caffe
from minicaffe.errors import LayerError, UsageError
from minicaffe.proto import parse_net

NET = """
layer { name: "data" type: "Input" top: "data" top: "label"
  input_param { shape { dim: 4 dim: 3 dim: 6 dim: 6 } shape { dim: 4 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 8 kernel_size: 3
  weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { pool: AVE global_pooling: true } }
layer { name: "ip" type: "InnerProduct" bottom: "pool" top: "ip_blob" inner_product_param { num_output: 5
  weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip_blob" bottom: "label" top: "loss" }
"""


def build(plan="inspect", phase=caffe.TRAIN, text=NET):
    return caffe.Net(parse_net(text), phase, seed=1, plan=plan)


def inputs(n=4, size=6):
    random = np.random.default_rng(n * size)
    return {"data": random.standard_normal((n, 3, size, size)), "label": np.arange(n) % 5}


def test_names_are_pycaffe_s():
    net = build()
    assert net._layer_names == ["data", "conv", "relu", "pool", "ip", "loss"] == list(net.layer_dict)
    assert list(net.top_names.items())[:2] == [("data", ["data", "label"]), ("conv", ["conv"])]
    assert net.bottom_names["loss"] == ["ip_blob", "label"]
    assert net._blob_names == list(net.blobs) == ["data", "label", "conv", "pool", "ip_blob", "loss"]
    assert [layer.type for layer in net.layers][:2] == ["Input", "Convolution"]
    assert net.layers[1].blobs[0].data.shape == (8, 3, 3, 3) == net.layer_dict["conv"].blobs[0].shape
    blob = net.blobs["data"]
    assert (blob.num, blob.channels, blob.height, blob.width, blob.count) == (4, 3, 6, 6, 432)
    assert (net.blobs["label"].num, net.blobs["label"].width) == (4, 1)


def test_a_part_of_a_net_does_only_that_work():
    net = build()
    net.forward(**inputs())
    net.blobs["conv"].data[...] = 7
    net.blobs["pool"].data[...] = 2
    found = net.forward(start="ip", end="ip", blobs=["pool"])
    assert list(found) == ["ip_blob", "pool"]
    np.testing.assert_allclose(found["ip_blob"], np.full((4, 8), 2.0) @ net.params["ip"][0].data.T, rtol=1e-5)
    assert (net.blobs["conv"].data == 7).all()
    net.blobs["ip_blob"].diff[...] = 1
    net.blobs["conv"].diff[...] = 9
    assert list(net.backward(start="ip", end="ip")) == ["pool"]
    expected = np.tile(net.params["ip"][0].data.sum(axis=0), (4, 1)).reshape(4, 8, 1, 1)
    np.testing.assert_allclose(net.blobs["pool"].diff, expected, rtol=1e-5)
    assert (net.blobs["conv"].diff == 9).all()


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_inputs_of_another_size(plan):
    net, other = build(plan), build(plan, text=NET.replace("dim: 4", "dim: 2").replace("dim: 6", "dim: 9"))
    net.forward(**inputs())
    for name, shape in (("data", (2, 3, 9, 9)), ("label", (2,))):
        net.blobs[name].reshape(*shape)
        assert net.blobs[name].data.shape == shape
    given = inputs(2, 9)
    for run in (net, other):
        run.forward(**given)
        run.clear_param_diffs()
        run.backward()
    assert net.loss == other.loss
    np.testing.assert_array_equal(net.params["conv"][0].diff, other.params["conv"][0].diff)
    net.blobs["data"].reshape(4, 3, 6, 6)
    net.blobs["label"].reshape(4)
    net.reshape()
    if plan == "inspect":
        assert net.blobs["conv"].data.shape == (4, 8, 4, 4)
    again = build(plan)
    assert net.forward(**inputs())["loss"] == again.forward(**inputs())["loss"]


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_what_cannot_be_given_another_shape(plan):
    net = build(plan)
    with pytest.raises(UsageError, match='"ip_blob" is shaped by layer "ip"'):
        net.blobs["ip_blob"].reshape(3, 5)
    with pytest.raises(UsageError, match="a parameter cannot be given another shape"):
        net.params["ip"][0].reshape(1)
    with pytest.raises(UsageError, match="expected dimensions of at least 1"):
        net.blobs["data"].reshape(0, 3)
    with pytest.raises(UsageError, match=r"the shape is \(4, 3\); expected one integer after the other"):
        net.blobs["data"].reshape((4, 3))
    net.blobs["data"].reshape(4, 1, 6, 6)
    with pytest.raises(LayerError, match=r'layer "conv" .* its weights would be 8 x 1 x 3 x 3; expected 8 x 3 x 3 x 3'):
        net.reshape()


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_batches_are_cut_and_joined(plan):
    net = build(plan)
    given = inputs(11)
    outputs = net.forward_all(**given) if plan == "fast" else net.forward_all(blobs=["ip_blob"], **given)
    if plan == "inspect":
        assert outputs["ip_blob"].shape == (11, 5)
        single = build(text=NET.replace("dim: 4", "dim: 11"))
        single.forward(**given)
        np.testing.assert_allclose(outputs["ip_blob"], single.blobs["ip_blob"].data, rtol=1e-5, atol=1e-6)
        data, diff = net.forward_backward_all(blobs=["ip_blob"], diffs=["ip_blob"], **given)
        assert data["ip_blob"].shape == (11, 5) == diff["ip_blob"].shape
    assert outputs["loss"].shape == (3,)


def test_hooks_are_told_of_every_layer():
    net, seen = build(), []
    net.before_forward(lambda i: seen.append(("before", i)))
    net.after_forward(lambda i: seen.append(("after", i)))
    net.after_backward(lambda i: seen.append(("back", i)))
    net.forward(end="conv", **inputs())
    assert seen == [("before", 0), ("after", 0), ("before", 1), ("after", 1)]
    seen.clear()
    net.forward()
    seen.clear()
    net.backward()
    assert seen == [("back", i) for i in (5, 4, 3, 2, 1, 0)]


def test_hooks_are_told_of_layers_that_have_nothing_to_do():
    text = NET.replace('bottom: "pool"', 'bottom: "flat"')
    text += 'layer { name: "flat" type: "Flatten" bottom: "pool" top: "flat" }\n'
    lines = text.strip().splitlines()
    lines.insert(lines.index(next(line for line in lines if '"ip"' in line)), lines.pop())
    net, seen = build(phase=caffe.TEST, text="\n".join(lines)), []
    for when in ("before_forward", "after_forward", "before_backward", "after_backward"):
        getattr(net, when)(lambda i, when=when: seen.append(f"{when} {net._layer_names[i]}"))
    net.forward(end="flat")
    assert seen[-4:] == ["before_forward pool", "after_forward pool", "before_forward flat", "after_forward flat"]
    seen.clear()
    net._forward(4, 5)
    net.backward(start="conv", end="data")
    expected = [f"{when}_forward {name}" for name in ("flat", "ip") for when in ("before", "after")]
    assert seen == expected + [f"{when}_backward {name}" for name in ("conv", "data") for when in ("before", "after")]


def test_wrong_arguments():
    net = build()
    with pytest.raises(
        UsageError, match=r"found input arrays for data; expected one for each input of the net: data, label"
    ):
        net.forward(data=inputs()["data"])
    with pytest.raises(UsageError, match='"data" is 3 x 3 x 6 x 6, which is not batch sized'):
        net.forward(**inputs(3))
    with pytest.raises(UsageError, match='no layer "cnv"; did you mean "conv"'):
        net.forward(start="cnv")
    for run, start, end in ((net.forward, "ip", "conv"), (net.backward, "conv", "ip")):
        with pytest.raises(UsageError, match='layer "ip" stands behind "conv", so that nothing lies between them'):
            run(start=start, end=end)
    with pytest.raises(UsageError, match="found 'conv'; expected a list of blobs' names"):
        net.forward("conv")
    with pytest.raises(UsageError, match="expected a MemoryData layer"):
        net.set_input_arrays(np.zeros((4, 1, 1, 1)), np.zeros(4))


def test_parameters_of_another_net():
    net, other = build(), build(phase=caffe.TEST)
    other.params["conv"][0].data[...] = 3
    net.share_with(other)
    assert (net.params["conv"][0].data == 3).all()
    other.params["conv"][0].data[...] = 4
    assert net.forward(**inputs())["loss"] == other.forward(**inputs())["loss"]


def test_pycaffe_s_older_order_of_arguments(tmp_path):
    build().save(tmp_path / "w.caffemodel")
    (tmp_path / "net.prototxt").write_text(NET)
    nets = [
        caffe.Net(tmp_path / "net.prototxt", str(tmp_path / "w.caffemodel"), caffe.TEST),
        caffe.Net(tmp_path / "net.prototxt", caffe.TEST, weights=tmp_path / "w.caffemodel"),
        caffe.Net(tmp_path / "net.prototxt", caffe.TEST, tmp_path / "w.caffemodel"),
    ]
    for net in nets:
        assert net.phase == caffe.TEST
        np.testing.assert_array_equal(net.params["conv"][0].data, build().params["conv"][0].data)
    with pytest.raises(UsageError, match="stages is 'deploy'; expected a list of names"):
        caffe.Net(tmp_path / "net.prototxt", caffe.TEST, stages="deploy")
    with pytest.raises(UsageError, match="found a str to share with; expected a Net"):
        nets[0].share_with("net.prototxt")
    with pytest.raises(UsageError, match="phase is 'TRIAN'"):
        caffe.Net(tmp_path / "net.prototxt", "TRIAN")


IN_PLACE = """
force_backward: true
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "bias" type: "Bias" bottom: "x" top: "y" bias_param { filler { value: 1 } } }
layer { name: "tanh" type: "TanH" bottom: "y" top: "y" }
layer { name: "scale" type: "Scale" bottom: "y" top: "y" scale_param { filler { value: 3 } } }
layer { name: "power" type: "Power" bottom: "y" top: "y" power_param { shift: 2 power: 2 } }
layer { name: "z" type: "Power" bottom: "y" top: "z" power_param { scale: 10 } }
"""


def test_a_part_of_a_net_sees_a_blob_written_in_place_as_one_array():
    net = build(text=IN_PLACE)
    storage = [net._run.plan.storage.data[value.id] for value in net.graph.values if value.name == "y"]
    assert len(set(storage)) > 1  # the case is here: versions that need memory of their own
    x = np.random.default_rng(0).standard_normal((2, 3))
    steps = [x + 1, np.tanh(x + 1), 3 * np.tanh(x + 1), (3 * np.tanh(x + 1) + 2) ** 2]
    net.forward(x=x)
    for layer, expected in zip(("bias", "tanh", "scale", "power"), steps):
        np.testing.assert_allclose(net.forward(end=layer)["y"], expected, rtol=1e-5)
        np.testing.assert_allclose(net.blobs["y"].data, expected, rtol=1e-5)
    for layer, expected in (("tanh", np.tanh(0.5)), ("scale", 1.5), ("power", 6.25), ("z", 5)):
        net.blobs["y"].data[...] = 0.5
        np.testing.assert_allclose(net.forward(start=layer, end=layer)[layer if layer == "z" else "y"], expected, 1e-5)
    net.blobs["y"].data[...] = 0.5
    np.testing.assert_allclose(net.forward(start="tanh")["z"], 10 * (3 * np.tanh(0.5) + 2) ** 2, rtol=1e-5)


def test_a_net_run_in_two_parts_has_the_gradients_of_one_run_whole():
    nets = [build(text=IN_PLACE) for _ in range(2)]
    x = np.random.default_rng(0).standard_normal((2, 3))
    nets[0].forward(x=x)
    nets[1].forward(x=x, end="tanh")
    nets[1].forward(start="scale")
    for net in nets:
        net.backward(z=np.ones((2, 3)))
    for name in ("x", "y"):
        np.testing.assert_array_equal(nets[1].blobs[name].diff, nets[0].blobs[name].diff)
    np.testing.assert_array_equal(nets[1].blobs["z"].data, nets[0].blobs["z"].data)
