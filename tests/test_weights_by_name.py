"""Weights by layer name: reports, shared parameters, both forms of file, and moving them between nets."""

import numpy as np
import pytest

import minicaffe
from minicaffe.errors import WeightsError
from minicaffe.proto import caffe_pb2 as pb
from minicaffe.proto import parse_net, read_weights, write_message

INPUT = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } } '


def dense(name, bottom, top, outputs=3, params=""):
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{top}" {params} '
        f'inner_product_param {{ num_output: {outputs} weight_filler {{ type: "xavier" }} '
        'bias_filler { type: "uniform" } } } '
    )


TWO = INPUT + dense("a", "x", "a") + dense("b", "a", "b", params='param { name: "w" }')
TIED = INPUT + dense("a", "x", "a", params='param { name: "w" }') + dense("b", "a", "b", params='param { name: "w" }')


def net(text, seed=1, **how):
    return minicaffe.Net(parse_net(text), minicaffe.TEST, seed=seed, **how)


def save(one, path, form):
    (one.save_hdf5 if form == "hdf5" else one.save)(path)
    return path


@pytest.fixture(params=["binary", "hdf5"])
def form(request):
    return request.param


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_both_forms_are_told_by_their_content(tmp_path, form, plan):
    first, second = net(TWO), net(TWO, seed=2, plan=plan)
    report = second.copy_from(save(first, tmp_path / "misnamed.txt", form))
    assert report.copied == ("a", "b") and report.ignored == report.missing == report.shared == ()
    for name in "ab":
        assert all(np.array_equal(x.data, y.data) for x, y in zip(first.params[name], second.params[name]))


def test_pycaffes_names(tmp_path):
    first, second = net(TWO), net(TWO, seed=2)
    first.params["a"][0].diff[...] = 7
    first.save_hdf5(tmp_path / "w.h5", write_diff=True)
    second.load_hdf5(tmp_path / "w.h5")
    assert np.array_equal(first.params["b"][1].data, second.params["b"][1].data)
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "w.h5") as file:
        assert np.all(file["diff/a/0"][:] == 7) and list(file["data"]) == list(file["diff"]) == ["a", "b", "x"]


def test_hdf5_has_a_group_for_every_layer_as_caffes_has(tmp_path):
    net(TWO + dense("c", "a", "c")).save_hdf5(tmp_path / "w")
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "w") as file:
        assert list(file["data"]) == ["a", "a_a_0_split", "b", "c", "x"]
    assert sorted(read_weights(tmp_path / "w")) == ["a", "b", "c"]


def test_what_finds_no_partner_is_reported(tmp_path, form):
    path = save(net(TWO), tmp_path / "w", form)
    report = net(INPUT + dense("c", "x", "c") + dense("b", "c", "d"), seed=3).copy_from(path)
    assert (report.copied, report.ignored, report.missing) == (("b",), ("a",), ("c",))


def test_shared_parameters_come_from_either_copy(tmp_path, form):
    first, second = net(TIED), net(TIED, seed=2)
    path = save(first, tmp_path / "w", form)
    stored = read_weights(path)["b"]
    assert (stored[0] is None) == (form == "hdf5")
    report = second.copy_from(path)
    assert report.copied == ("a", "b") and report.shared == (("b[0]", "a[0]"),) and report.differing == ()
    assert np.array_equal(second.params["b"][0].data, first.params["a"][0].data)


def test_two_different_copies_of_a_shared_parameter(tmp_path):
    path = save(net(TWO), tmp_path / "w", "binary")
    tied = net(TIED, seed=2)
    assert tied.copy_from(path).differing == (("b[0]", "a[0]"),)
    assert np.array_equal(tied.params["a"][0].data, read_weights(path)["b"][0])  # the last one, as in Caffe


def test_a_layer_that_only_shares_is_not_missing(tmp_path):
    tied = TIED.replace("num_output: 3", "num_output: 3 bias_term: false")
    path = save(net(tied), tmp_path / "w", "hdf5")
    assert list(read_weights(path)) == ["a"]
    report = net(tied, seed=2).copy_from(path)
    assert (report.copied, report.missing, report.shared) == (("a",), (), (("b[0]", "a[0]"),))


def test_a_parameter_that_is_nowhere_in_the_file(tmp_path):
    path = save(net(TIED), tmp_path / "w", "hdf5")
    other = net(TWO, seed=2)
    before = other.params["a"][0].data.copy()
    with pytest.raises(WeightsError, match=r"in the file +in the net\n +b +1 blob +2 blobs"):
        other.copy_from(path)
    assert np.array_equal(other.params["a"][0].data, before)


def test_shapes_of_four_axes(tmp_path):
    file = pb.NetParameter()
    layer = file.layer.add(name="a")
    layer.blobs.add(num=1, channels=1, height=3, width=3, data=range(9))
    layer.blobs.add(num=1, channels=1, height=1, width=3, data=[9, 10, 11])
    write_message(tmp_path / "w", file)
    one = net(INPUT + dense("a", "x", "a"))
    one.copy_from(tmp_path / "w")
    assert one.params["a"][0].data.ravel().tolist() == list(range(9))
    assert one.params["a"][1].data.tolist() == [9, 10, 11]


# -- from one net to another -----------------------------------------------------------------------------------

IMAGE = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 4 dim: 5 } } } '
FULL = IMAGE + dense("fc6", "x", "y", 7) + dense("fc7", "y", "z", 4)
CONVOLUTION = IMAGE + (
    'layer { name: "fc6-conv" type: "Convolution" bottom: "x" top: "y" '
    "convolution_param { num_output: 7 kernel_h: 4 kernel_w: 5 } } "
    'layer { name: "fc7-conv" type: "Convolution" bottom: "y" top: "z" '
    "convolution_param { num_output: 4 kernel_size: 1 } }"
)


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_an_inner_product_becomes_a_convolution(plan):
    full, conv = net(FULL, plan=plan), net(CONVOLUTION, seed=2, plan=plan)
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    full.blobs["x"].data[...] = conv.blobs["x"].data[...] = x
    conv.forward()  # what a plan keeps of the old weights must go
    minicaffe.transplant(full, conv, {"fc6": "fc6-conv", "fc7": "fc7-conv"})
    expected, found = full.forward()["z"], conv.forward()["z"]
    assert found.shape == (2, 4, 1, 1)
    np.testing.assert_allclose(found.reshape(2, 4), expected, rtol=1e-4, atol=1e-5)


def test_within_one_net_both_ways():
    two = net(TWO)
    a, b = (two.params[name][0].data.copy() for name in "ab")
    minicaffe.transplant(two, two, {"a": "b", "b": "a"})
    assert np.array_equal(two.params["a"][0].data, b) and np.array_equal(two.params["b"][0].data, a)


@pytest.mark.parametrize(
    "layers, message",
    [
        ({"fc8": "fc6-conv"}, 'the source net has no layer "fc8" with parameters; expected one of fc6, fc7; did you'),
        ({"fc6": "fc6-konv"}, 'the target net has no layer "fc6-konv" .*; did you mean "fc6-conv"'),
        (
            {"fc6": "fc7-conv"},
            r"2 parameters have another number of values in the target net than in the source:\n"
            r"  parameter +source +target\n  fc6\[0\] to fc7-conv\[0\]  7 x 60 \(420\)  4 x 7 x 1 x 1 \(28\)\n",
        ),
    ],
)
def test_what_cannot_be_moved(layers, message):
    conv = net(CONVOLUTION)
    before = conv.params["fc7-conv"][1].data.copy()
    with pytest.raises(WeightsError, match=message):
        minicaffe.transplant(net(FULL), conv, layers)
    assert np.array_equal(conv.params["fc7-conv"][1].data, before)


def test_another_number_of_blobs():
    without = net(CONVOLUTION.replace("kernel_size: 1", "kernel_size: 1 bias_term: false"))
    with pytest.raises(WeightsError, match=r"1 parameter has another .*\n.*\n  fc7 to fc7-conv  2 blobs  1 blob"):
        minicaffe.transplant(net(FULL), without, {"fc7": "fc7-conv"})
