"""Nets written in Python, as pycaffe documents it."""

import subprocess
import sys

import numpy as np
import pytest

import minicaffe
from minicaffe import NetSpec, to_proto
from minicaffe import layers as L
from minicaffe import params as P
from minicaffe.errors import UsageError
from minicaffe.net_spec import Function, Top, assign_proto, param_name_dict
from minicaffe.proto import caffe_pb2, parse_net


def small_net():
    n = NetSpec()
    n.data, n.label = L.DummyData(shape=[{"dim": [4, 1, 8, 8]}, {"dim": [4]}], ntop=2)
    n.conv = L.Convolution(
        n.data,
        kernel_size=3,
        num_output=5,
        weight_filler={"type": "xavier"},
        param=[{"lr_mult": 1, "decay_mult": 0}, {"lr_mult": 2}],
    )
    n.pool = L.Pooling(n.conv, pool=P.Pooling.AVE, kernel_size=2, stride=2)
    n.relu = L.ReLU(n.pool, in_place=True)
    n.ip = L.InnerProduct(n.relu, num_output=3)
    n.loss = L.SoftmaxWithLoss(n.ip, n.label, loss_weight=2, loss_param={"ignore_label": 1})
    return n


def test_layers_and_their_options():
    net = small_net().to_proto()
    assert [layer.name for layer in net.layer] == ["data", "conv", "pool", "relu", "ip", "loss"]
    data, conv, pool, relu, ip, loss = net.layer
    assert (data.type, list(data.top)) == ("DummyData", ["data", "label"])
    assert [list(shape.dim) for shape in data.dummy_data_param.shape] == [[4, 1, 8, 8], [4]]
    assert list(conv.convolution_param.kernel_size) == [3]
    assert conv.convolution_param.weight_filler.type == "xavier"
    assert [spec.lr_mult for spec in conv.param] == [1, 2]
    assert pool.pooling_param.pool == caffe_pb2.PoolingParameter.AVE
    assert list(relu.bottom) == list(relu.top) == list(ip.bottom) == ["pool"]
    assert list(loss.bottom) == ["ip", "label"]
    assert list(loss.loss_weight) == [2]
    assert loss.loss_param.ignore_label == 1


def test_the_text_builds_and_runs(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(str(small_net().to_proto()))
    with minicaffe.Net(path, minicaffe.TRAIN, seed=1) as net:
        assert len(net.layers) == 6
        assert net.forward()["loss"].shape == ()


def test_every_run_gives_the_same_text():
    assert str(small_net().to_proto()) == str(small_net().to_proto())


def test_what_has_no_name_is_called_after_its_type():
    data = L.Input(shape={"dim": [1, 1, 8, 8]})
    first = L.Convolution(data, num_output=2, kernel_size=1)
    second = L.Convolution(L.ReLU(first, in_place=True), num_output=2, kernel_size=1)
    net = to_proto(L.Eltwise(first, second), L.Silence(second, ntop=0))
    assert [layer.name for layer in net.layer] == [
        *("Input1", "Convolution1", "ReLU1", "Convolution2", "Eltwise1", "Silence1")
    ]
    assert list(net.layer[4].bottom) == ["Convolution1", "Convolution2"]
    assert second.to_proto() == to_proto(second)


def test_a_name_of_ones_own_is_not_given_twice():
    n = NetSpec()
    n.ReLU1 = L.Input(shape={"dim": 1})
    n.out = L.Sigmoid(L.ReLU(n.ReLU1))
    assert [layer.name for layer in n.to_proto().layer] == ["ReLU1", "ReLU2", "out"]


def test_a_layer_may_have_another_name_than_its_top():
    n = NetSpec()
    n.x = L.Input(name="source", shape={"dim": 1}, include={"phase": caffe_pb2.TEST})
    (layer,) = n.to_proto().layer
    assert (layer.name, list(layer.top)) == ("source", ["x"])
    assert layer.include[0].phase == minicaffe.TEST


def test_tops_by_item_key_and_update():
    n = NetSpec()
    n["inception/a"] = L.Input(shape={"dim": 2})
    n.b = L.Power(n["inception/a"], scale=2)
    n.update("b", {"scale": 3, "shift": 1})
    assert n.keys() == ["inception/a", "b"]
    assert n.vals()[1] is n.b
    assert isinstance(n.b, Top) and isinstance(n.b.fn, Function)
    layer = n.to_proto().layer[1]
    assert (layer.bottom[0], layer.power_param.scale, layer.power_param.shift) == ("inception/a", 3, 1)
    del n["b"]
    assert not hasattr(n, "b")
    assert len(n.to_proto().layer) == 1


def test_a_deep_chain():
    top = L.Input(shape={"dim": 1})
    for _ in range(3000):
        top = L.ReLU(top)
    assert to_proto(top).layer[-1].name == "ReLU3000"


def test_options_that_types_share():
    data = L.Input(shape={"dim": [1, 1, 8, 8]})
    up = L.Deconvolution(data, num_output=1, kernel_size=2, stride=2)
    lstm = L.LSTM(data, data, num_output=7)
    net = to_proto(up, lstm)
    assert net.layer[1].convolution_param.num_output == 1
    assert net.layer[2].recurrent_param.num_output == 7
    given = to_proto(L.Deconvolution(data, convolution_param={"num_output": 9})).layer[1]
    assert given.convolution_param.num_output == 9


def test_a_type_of_ones_own():
    top = L.MyVeryOwn(L.Input(shape={"dim": 1}), power_param={"power": 2}, propagate_down=[False])
    layer = to_proto(top).layer[1]
    assert (layer.type, layer.power_param.power, list(layer.propagate_down)) == ("MyVeryOwn", 2, [False])


def test_values_of_every_kind():
    filler = caffe_pb2.FillerParameter(type="msra")
    top = L.Convolution(
        L.Input(shape={"dim": np.array([1, 2, 3, 4])}),
        num_output=np.int64(6),
        kernel_size=(3, 5),
        weight_filler=filler,
        engine="CAFFE",
    )
    data, conv = to_proto(top).layer
    assert list(data.input_param.shape[0].dim) == [1, 2, 3, 4]
    assert (conv.convolution_param.num_output, list(conv.convolution_param.kernel_size)) == (6, [3, 5])
    assert conv.convolution_param.weight_filler == filler
    assert conv.convolution_param.engine == P.Convolution.CAFFE
    assert parse_net(str(to_proto(top)), "x.prototxt").param == to_proto(top)


def test_assign_proto():
    net = caffe_pb2.NetParameter()
    assign_proto(net, "layer", [{"name": "a"}, {"name": "b", "top": ["x", "y"]}])
    assign_proto(net, "name", "net")
    assert [layer.name for layer in net.layer] == ["a", "b"]
    assert list(net.layer[1].top) == ["x", "y"]


def test_the_types_with_options():
    names = param_name_dict()
    assert names["Convolution"] == "convolution"
    assert names["InnerProduct"] == "inner_product"
    assert names["HDF5Data"] == "hdf5_data"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda x: L.Convolution(x, kernal_size=3),
            'layer "Convolution1" (Convolution): neither convolution_param nor the layer has a field "kernal_size"; '
            'did you mean "kernel_size"',
        ),
        (lambda x: L.Pooling(x, pool="MX"), '"pool" is \'MX\'; did you mean "MAX"?'),
        (lambda x: L.Convolution(x, weight_filler=3), '"weight_filler" is 3; expected a dict, or a FillerParameter'),
        (lambda x: L.Convolution(x, num_output="many"), "\"num_output\" of ConvolutionParameter cannot be 'many'"),
        (lambda x: L.Convolution(x, weight_filler={"tipe": "msra"}), 'FillerParameter has no field "tipe"; did you'),
    ],
)
def test_errors_of_options(make, says):
    top = make(L.Input(shape={"dim": 1}))
    with pytest.raises(UsageError) as caught:
        to_proto(top)
    assert says in str(caught.value)


def test_other_errors():
    n = NetSpec()
    pair = L.DummyData(ntop=2)
    with pytest.raises(TypeError, match=r"^Silence input 0 is not a Top \(type is <class 'tuple'>\)$"):
        L.Silence(pair, ntop=0)
    with pytest.raises(UsageError, match='"data" would be 2 tops; expected a name for each'):
        n.data = pair
    with pytest.raises(UsageError, match='"data" would be 3; expected a Top'):
        n.data = 3
    n.data = pair[0]
    with pytest.raises(AttributeError, match='no top "dta"; did you mean "data"'):
        _ = n.dta
    with pytest.raises(AttributeError, match='PoolingParameter has no "MAXX"; did you mean "MAX"'):
        _ = P.Pooling.MAXX
    with pytest.raises(AttributeError, match='no PolingParameter; did you mean "Pooling"'):
        _ = P.Poling.MAX


def test_the_package_of_types_is_pycaffes_layers():
    from minicaffe.layers import Layer, layer_types, register

    assert Layer.__module__ == "minicaffe.layers.base" and callable(register)
    for name in layer_types():
        assert isinstance(getattr(L, name)(ntop=0), Function)
    assert {"Convolution", "SoftmaxWithLoss", "register"} <= set(dir(L))
    assert "``pooling_param``: pool, " in L.Pooling.__doc__ and "Those" not in L.MyVeryOwn.__doc__
    assert not hasattr(L, "no_such_thing") and not hasattr(L, "__wrapped__")


def test_as_caffe():
    code = """
import minicaffe; minicaffe.install_as_caffe()
import caffe
from caffe import layers as L, params as P
from caffe.net_spec import NetSpec
from caffe.proto import caffe_pb2
from google.protobuf import text_format
assert caffe.NetSpec is NetSpec and caffe.layers is L and caffe.params is P and caffe is minicaffe
n = caffe.NetSpec()
n.x = L.Pooling(L.Input(shape=dict(dim=[1, 1, 4, 4])), pool=P.Pooling.MAX, kernel_size=2)
net = caffe.proto.caffe_pb2.NetParameter()
text_format.Merge(str(n.to_proto()), net)
assert net == n.to_proto() and isinstance(net, caffe_pb2.NetParameter)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_net_spec_is_light():
    code = "import sys, minicaffe.net_spec; assert not {'numba', 'minicaffe.layers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
