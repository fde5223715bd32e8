"""Nets with data layers, made ready for images from outside."""

import numpy as np
import pytest

from minicaffe import Net
from minicaffe.deploy import Transformed, for_images
from minicaffe.errors import DataError, UsageError
from minicaffe.proto import caffe_pb2, parse_net, write_mean

DATA = """
layer { name: "d" type: "Data" top: "data" top: "label" include { phase: TEST }
  data_param { source: "none" batch_size: 50 } transform_param { %s } }
layer { name: "d" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  data_param { source: "none" batch_size: 9 } }
layer { name: "a" type: "InnerProduct" bottom: "data" top: "a" inner_product_param { num_output: 4 } }
layer { name: "b" type: "InnerProduct" bottom: "data" top: "b" inner_product_param { num_output: 3 } }
"""
OPTIONS = caffe_pb2.TransformationParameter()
LOSSES = """
layer { name: "loss_a" type: "SoftmaxWithLoss" bottom: "a" bottom: "label" top: "loss_a" loss_weight: 0.3 }
layer { name: "top_1" type: "Accuracy" bottom: "b" bottom: "label" top: "top_1" }
layer { name: "loss_b" type: "SoftmaxWithLoss" bottom: "b" bottom: "label" top: "loss_b" }
layer { name: "quiet" type: "Silence" bottom: "top_1" }
"""


def test_an_input_in_place_of_the_data_and_a_softmax_of_the_loss():
    found = for_images(parse_net(DATA % "crop_size: 5 scale: 0.5 mean_value: 7" + LOSSES), batch=3)
    assert [(layer.name, layer.type) for layer in found.net.param.layer] == [
        *(("d", "Input"), ("a", "InnerProduct"), ("b", "InnerProduct")),
        *(("loss_a", "Softmax"), ("loss_b", "Softmax")),
    ]
    assert found.scale == 0.5 and found.mean.ravel().tolist() == [7, 7, 7] and found.whole is None
    with Net(found.net, "TEST") as net:
        assert net.inputs == ["data"] and net.blobs["data"].shape == (3, 3, 5, 5)
        assert net.outputs == ["loss_a", "prob"] and net.blobs["prob"].shape == (3, 3)


def test_a_softmax_that_is_there_is_enough():
    softmax = 'layer { name: "p" type: "Softmax" bottom: "b" top: "p" }'
    found = for_images(parse_net(DATA % "crop_size: 5" + LOSSES + softmax))
    assert [layer.name for layer in found.net.param.layer] == ["d", "a", "b", "loss_a", "p"]
    assert found.net.param.layer[0].input_param.shape[0].dim[0] == 50


def test_the_mean_tells_the_size_and_is_cut(tmp_path):
    mean = np.arange(3 * 8 * 8, dtype=np.float32).reshape(3, 8, 8)
    write_mean(tmp_path / "m.binaryproto", mean)
    text = DATA % f'mean_file: "{tmp_path / "m.binaryproto"}" crop_size: 6'
    found = for_images(parse_net(text))
    assert found.whole == (8, 8) and np.array_equal(found.mean, mean[:, 1:7, 1:7])
    assert list(found.net.param.layer[0].input_param.shape[0].dim) == [50, 3, 6, 6]
    found = for_images(parse_net(text.replace("crop_size: 6", "")))
    assert found.whole is None and np.array_equal(found.mean, mean)
    given = for_images(parse_net(text.replace("m.bin", "none.bin")), mean=mean)
    assert given.whole == (8, 8)


def test_a_net_with_inputs_stays_as_it_is():
    net = parse_net('layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 } } }')
    assert for_images(net).net is net


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (DATA % "", 'the size of the images of layer "d" .Data. is not known, as there is neither a crop_size'),
        (DATA % "crop_size: 5" + DATA % "crop_size: 5", "has the data layers d, d in phase TEST; expected one"),
    ],
)
def test_nets_that_cannot_be(text, said):
    with pytest.raises(UsageError, match=said):
        for_images(parse_net(text))


def test_the_middle_of_an_image_less_the_middle_of_the_mean():
    image = np.arange(2 * 5 * 6, dtype=np.uint8).reshape(2, 5, 6)
    mean = np.ones((2, 5, 6), np.float32)
    got = Transformed(OPTIONS, "", mean, 0.5, (2, 3, 4))(image, "image")
    np.testing.assert_array_equal(got, (image[:, 1:4, 1:5].astype(np.float32) - 1) * 0.5)
    assert got.dtype == np.float32
    for same in (np.ones((2, 3, 4), np.float32), np.ones((2, 9, 9), np.float32), np.ones((1, 1, 1), np.float32)):
        np.testing.assert_array_equal(Transformed(OPTIONS, "", same, 0.5, (2, 3, 4))(image, "image"), got)
    with pytest.raises(DataError, match="db: the mean is 2 x 2 x 9, but the images are 2 x 5 x 6"):
        Transformed(OPTIONS, "", np.zeros((2, 2, 9), np.float32), shape=(2, 3, 4))(image, "db")
    with pytest.raises(DataError, match="db: record 3 is 2 x 2 x 9; expected 2 x 3 x 4, or larger"):
        Transformed(OPTIONS, "", shape=(2, 3, 4))(np.zeros((2, 2, 9)), "db: record 3")
