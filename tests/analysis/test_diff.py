"""Two files compared: pairs of layers, fields, shapes, and distances against plain NumPy."""

import math
from pathlib import Path

import numpy as np
import pytest

from minicaffe import Net
from minicaffe.analysis.diff import Change, compare, distance
from minicaffe.errors import ProtoError, UsageError
from minicaffe.proto import caffe_pb2, write_message, write_weights

GOLDEN = Path(__file__).parents[1] / "golden" / "cifar10_bn"

INPUT = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 8 dim: 8 } } }\n'
CONV = (
    'layer { name: "c" type: "Convolution" bottom: "x" top: "c" convolution_param { num_output: 4 kernel_size: 3 } }\n'
)
RELU = 'layer { name: "r" type: "ReLU" bottom: "c" top: "c" }\n'


def differ(tmp_path, old, new):
    (tmp_path / "old.prototxt").write_text(old)
    (tmp_path / "new.prototxt").write_text(new)
    return compare(tmp_path / "old.prototxt", tmp_path / "new.prototxt")


def told(found):
    return [(layer.kind, layer.name, [(c.what, c.old, c.new) for c in layer.changes]) for layer in found.layers]


def weights(path, *layers):
    write_weights(path, "n", [(caffe_pb2.LayerParameter(name=n, type="T"), [(a, None) for a in x]) for n, *x in layers])
    return path


def test_equal_texts_however_written(tmp_path):
    found = differ(
        tmp_path, INPUT + CONV, "# the same\n" + INPUT + CONV.replace("kernel_size: 3 ", "kernel_size : [3]")
    )
    assert found.equal and not found.notes


def test_fields_and_the_shapes_that_follow(tmp_path):
    found = differ(
        tmp_path, 'name: "a"' + INPUT + CONV + RELU, 'name: "b"' + INPUT + CONV.replace("size: 3", "size: 5 pad: 0")
    )
    assert found.outside == [Change("name", '"a"', '"b"')]
    assert told(found) == [
        (
            "changed",
            "c",
            [
                ("convolution_param.pad", "not set", "0"),
                ("convolution_param.kernel_size", "3", "5"),
                ("shape of c", "2 x 4 x 6 x 6", "2 x 4 x 4 x 4"),
            ],
        ),
        ("removed", "r", []),
    ]


def test_a_field_set_to_its_default(tmp_path):
    found = differ(tmp_path, INPUT + CONV, INPUT + CONV.replace("kernel_size: 3", "kernel_size: 3 bias_term: true"))
    assert told(found) == [("changed", "c", [("convolution_param.bias_term", "not set (true)", "true")])]


def test_repeated_messages(tmp_path):
    old = INPUT + CONV.replace('top: "c"', 'top: "c" param { lr_mult: 1 }')
    new = INPUT + CONV.replace('top: "c"', 'top: "c" param { lr_mult: 2 } param { name: "b" decay_mult: 0 }')
    ((_, _, changes),) = told(differ(tmp_path, old, new))
    assert changes == [("param[0].lr_mult", "1", "2"), ("param[1]", "not set", '{ name: "b" decay_mult: 0 }')]


def test_layers_of_one_name_belong_together_by_their_phases(tmp_path):
    def data(phase, batch, rule="include"):
        param = f"data_param {{ source: 'no' batch_size: {batch} }}"
        return f'layer {{ name: "d" type: "Data" top: "x" {rule} {{ phase: {phase} }} {param} }}\n'

    found = differ(tmp_path, data("TRAIN", 2) + data("TEST", 3), data("TEST", 3) + data("TRAIN", 4))
    assert told(found) == [("changed", "d (TRAIN)", [("data_param.batch_size", "2", "4")])]
    assert found.outside[0].what == "order of layers, first at"
    assert len(found.notes) == 0
    found = differ(tmp_path, data("TRAIN", 2), data("TRAIN", 2) + data("TRAIN", 2, "exclude"))
    assert told(found) == [("added", "d (not TRAIN)", [])]
    found = differ(tmp_path, data("TRAIN", 2), data("TEST", 2))
    assert told(found) == [("changed", "d", [("include[0].phase", "TRAIN", "TEST")])]


def test_where_added_and_removed_layers_stand(tmp_path):
    def relus(names):
        return INPUT + "".join(f'layer {{ name: "{n}" type: "ReLU" bottom: "x" top: "{n}" }}\n' for n in names)

    found = differ(tmp_path, relus("abcd"), relus("zacy"))
    assert [(layer.kind, layer.name) for layer in found.layers] == [
        ("added", "z"),
        ("removed", "b"),
        ("removed", "d"),
        ("added", "y"),
    ]
    assert not found.outside


def test_old_forms_are_upgraded_first(tmp_path):
    old = 'input: "x" input_dim: 2 input_dim: 3 input_dim: 8 input_dim: 8\n'
    old += 'layers { name: "r" type: RELU bottom: "x" top: "y" }'
    new = 'layer { name: "input" type: "Input" top: "x" input_param { shape { dim: [2, 3, 8, 8] } } }'
    assert differ(tmp_path, old, new + 'layer { name: "r" type: "ReLU" bottom: "x" top: "y" }').equal


def test_a_net_whose_shapes_are_not_known(tmp_path):
    found = differ(tmp_path, INPUT + CONV, INPUT + CONV.replace("Convolution", "Convolutoin"))
    assert told(found) == [("changed", "c", [("type", '"Convolution"', '"Convolutoin"')])]
    assert "new.prototxt: some shapes are not compared: " in found.notes[0]


def test_solvers(tmp_path):
    found = differ(tmp_path, 'net: "n" base_lr: 0.1 stepvalue: 1', 'net: "n" base_lr: 0.01 stepvalue: 1 stepvalue: 2')
    assert found.outside == [Change("base_lr", "0.1", "0.01"), Change("stepvalue", "1", "1, 2")]


def test_distances_are_numpys():
    random = np.random.default_rng(0)
    a, b = random.standard_normal((2, 5, 7)).astype(np.float32)
    found = distance(3, a, b)
    apart = b.astype(float) - a
    assert (found.index, found.shape) == (3, (5, 7))
    assert found.l2 == pytest.approx(np.linalg.norm(apart), rel=1e-12)
    assert found.relative == pytest.approx(np.linalg.norm(apart) / np.linalg.norm(a.astype(float)), rel=1e-12)
    assert found.largest == np.abs(apart).max()
    assert distance(0, np.zeros(3), np.ones(3)).relative == math.inf
    broken = distance(0, np.array([1.0, np.nan]), np.array([1.0, 2.0]))
    assert math.isnan(broken.l2) and math.isnan(broken.largest)
    big = np.zeros(3_000_000, np.float32)
    big[-1] = 2
    assert (distance(0, big, -big).l2, distance(0, big, -big).largest) == (4, 4)


def test_caffes_weights_in_both_forms(tmp_path):
    found = compare(GOLDEN / "init.caffemodel", GOLDEN / "short_iter_15.caffemodel")
    assert found.compared == 14 and [layer.name for layer in found.layers][:2] == ["conv1", "bn1"]
    assert not found.outside and not found.notes and not any(layer.changes for layer in found.layers)
    found = compare(GOLDEN / "short_h5_iter_3.caffemodel.h5", GOLDEN / "short_iter_15.caffemodel")
    assert found.compared == 14 and len(found.layers) == 7  # those without parameters are no difference
    assert found.notes == ["HDF5 has parameters alone: fields of layers are not compared"]


def test_what_is_shared_stands_once_in_hdf5(tmp_path):
    ip = 'type: "InnerProduct" param { name: "w" } inner_product_param { num_output: 4 bias_term: false }'
    (tmp_path / "n.prototxt").write_text(
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 4 } } }'
        f'layer {{ name: "a" {ip} bottom: "x" top: "a" }} layer {{ name: "b" {ip} bottom: "a" top: "b" }}'
    )
    net = Net(tmp_path / "n.prototxt", "TEST")
    net.save(tmp_path / "n.caffemodel")
    net.save_hdf5(tmp_path / "n.h5")
    assert compare(tmp_path / "n.caffemodel", tmp_path / "n.h5").equal
    assert compare(tmp_path / "n.h5", tmp_path / "n.caffemodel").equal


def test_shapes_of_parameters_and_parameters_of_one_side(tmp_path):
    a = np.ones((2, 3), np.float32)
    one = weights(tmp_path / "1.caffemodel", ("same", a), ("shape", a), ("less", a, a), ("gone", a))
    two = weights(tmp_path / "2.caffemodel", ("same", a[None, None]), ("shape", a.T), ("less", a), ("new", a))
    assert told(compare(one, two)) == [
        ("changed", "shape", [("shape of parameter 0", "2 x 3", "3 x 2")]),
        ("changed", "less", [("shape of parameter 1", "2 x 3", "")]),
        ("removed", "gone", [("shape of parameter 0", "2 x 3", "")]),
        ("added", "new", [("shape of parameter 0", "", "2 x 3")]),
    ]


def test_old_weights(tmp_path):
    old = caffe_pb2.NetParameter(name="n")
    layer = old.layers.add(name="c", type=caffe_pb2.V1LayerParameter.SIGMOID)
    blob = layer.blobs.add(num=1, channels=1, height=2, width=3)
    blob.data.extend(range(6))
    write_message(tmp_path / "old.caffemodel", old)
    blobs = [(np.arange(6, dtype=np.float32).reshape(2, 3), None)]
    write_weights(tmp_path / "new.caffemodel", "n", [(caffe_pb2.LayerParameter(name="c", type="Sigmoid"), blobs)])
    assert compare(tmp_path / "old.caffemodel", tmp_path / "new.caffemodel").equal


def test_files_that_cannot_be_compared(tmp_path):
    with pytest.raises(
        UsageError, match=r"init.caffemodel is weights and .* is a net in a prototxt; expected one kind"
    ):
        compare(GOLDEN / "init.caffemodel", GOLDEN / "train_test.prototxt")
    with pytest.raises(ProtoError, match="no such file"):
        compare(GOLDEN / "init.caffemodel", tmp_path / "none")
