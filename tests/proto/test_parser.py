"""The text format: what is read, and what is said of what cannot be."""

from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.errors import ProtoError
from minicaffe.proto import caffe_pb2, format_text, parse_text

GOLDEN = Path(__file__).parents[1] / "golden"


def net(text):
    return parse_text(text, caffe_pb2.NetParameter, "net.prototxt")


def layer(text):
    return parse_text(text, caffe_pb2.LayerParameter)


def refused(text, message=caffe_pb2.NetParameter):
    with pytest.raises(ProtoError) as error:
        parse_text(text, message, "net.prototxt")
    return str(error.value)


def test_same_as_protobuf_on_every_recorded_file():
    seen = 0
    for path in GOLDEN.rglob("*.npz"):
        with np.load(path) as case:
            for key, message in (("prototxt", "NetParameter"), ("net", "NetParameter"), ("solver", "SolverParameter")):
                if key in case.files:
                    text, cls = str(case[key]), getattr(caffe_pb2, message)
                    assert parse_text(text, cls) == text_format.Parse(text, cls()), path
                    seen += 1
    assert seen > 20


def test_every_way_of_writing():
    text = r"""
    # a comment
    name: "one" 'two\n\t\"\x41\101\\'; type: "caf\303\251 é"
    bottom: ["a", "b"] bottom: "c",
    loss_weight: [1, 2.5f, -.5, 1e-3, 1., inf, -inf]
    propagate_down: true propagate_down: f propagate_down: 1 propagate_down: [False]
    phase: 1
    include < phase: TRAIN min_level: -3 >
    input_param: { shape { dim: 10 dim: 0x1F dim: 017 dim: 0 } }
    param [{ lr_mult: 0 }, { lr_mult: 2 }]
    top: []
    """
    read = layer(text)
    assert read == text_format.Parse(text, caffe_pb2.LayerParameter())
    assert read.name == 'onetwo\n\t"AA\\'
    assert read.type == "café é"
    assert list(read.input_param.shape[0].dim) == [10, 31, 15, 0]


ERA = r"""
# -*- mode: conf -*-   a comment with "quotes" { and } braces
name : 'old' " style"; force_backward: t,
input: "data" input_dim: 0x1; input_dim: 03, input_dim: 8 input_dim: 8
layers: { # a colon before the brace
  type: CONVOLUTION; name: 'conv', bottom: ["data"]; top: "conv"
  blobs_lr: [1., 2.f]; weight_decay: [ 1 , 0 ]
  convolution_param < num_output: 0x8, kernel_size: 03 bias_term: True; engine: 1
    weight_filler: { type: "gaussian" std: 1e-2f } >
  include { phase: TRAIN; min_level: -1 } include < phase: 0x1 >
}
layers { type: 18 name: "relu" bottom: "conv" top: "conv" relu_param { negative_slope: .1F engine: 02 } } # the end"""


def test_a_file_of_the_era():
    read = net(ERA)
    assert read.force_backward and read.name == "old style"
    assert list(read.input_dim) == [1, 3, 8, 8]
    conv, relu = read.layers
    assert (conv.type, relu.type) == (4, 18)
    assert (conv.convolution_param.num_output, list(conv.convolution_param.kernel_size)) == (8, [3])
    assert conv.convolution_param.weight_filler.std == pytest.approx(0.01)
    assert [rule.phase for rule in conv.include] == [0, 1]
    assert (list(conv.blobs_lr), list(conv.weight_decay), relu.relu_param.engine) == ([1, 2], [1, 0], 2)
    assert net(format_text(read)) == read


@pytest.mark.parametrize("word", ["true", "True", "t", "1", "false", "False", "f", "0"])
def test_words_for_true_and_false(word):
    assert net(f"force_backward: {word}").force_backward is (word in ("true", "True", "t", "1"))


def test_empty_messages_are_present():
    assert layer("pooling_param { }").HasField("pooling_param")
    assert layer("loss_weight: nan").loss_weight[0] != layer("loss_weight: nan").loss_weight[0]


def test_round_trip():
    text = 'layer { name: "a\\303\\251\\"" loss_weight: 0.1 pooling_param { pool: AVE } include { level_: 0 } }'
    text = text.replace(" include { level_: 0 }", " include { min_level: -1 }")
    assert net(format_text(net(text))) == net(text)


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("# nothing\n", "net.prototxt: is empty, expected a net"),
        (
            'layer {\n  name: "a"\n  convolution_param { kernal_size: 3 }\n}',
            '3:23: unknown field "kernal_size" in convolution_param; did you mean "kernel_size"',
        ),
        ("layer {\n\n  nonsense: 1 }", '3:3: unknown field "nonsense" in layer'),
        (
            'layer {\n  pooling_param {\n}\nlayer { name: "b" }',
            '4:1: unknown field "layer" in layer, but a net has one: is the "{" of line 1 not closed?',
        ),
        ("layer {\n  pooling_param {\n  }\n", '4:1: the file ends, but the "{" of layer in line 1 is not closed'),
        ('layer { name: "a" } }', '1:21: "}" without an opening one before it'),
        ("layer < name: 'a' }", '1:19: "}" without an opening one before it'),
        (
            "layer { pooling_param { pool: MAXX } }",
            '1:31: "pool" takes one of MAX, AVE, STOCHASTIC; found MAXX; did you mean "MAX"?',
        ),
        ('layer { pooling_param { pool: "AVE" } }', 'found "AVE"; expected no quotes'),
        ("layer { pooling_param { pool: 7 } }", '"pool" takes one of MAX, AVE, STOCHASTIC; found 7'),
        ("layer { name: conv }", '1:15: "name" takes a string in quotes; found conv'),
        ('layer { loss_weight: "1" }', '1:22: "loss_weight" takes a number; found "1"'),
        ("layer { loss_weight: 1.2.3 }", '1:22: "loss_weight" takes a number; found 1.2.3'),
        ("layer { loss_weight: 0x10 }", '"loss_weight" takes a number; found 0x10'),
        ("layer { loss_weight: - }", '"loss_weight" takes a number; found "}"'),
        ("layer { propagate_down: yes }", '"propagate_down" takes true or false; found yes'),
        (
            "layer { accuracy_param { top_k: 3.5 } }",
            '1:33: "top_k" takes an integer, 0 or more; found 3.5',
        ),
        ("layer { accuracy_param { top_k: 1_0 } }", '"top_k" takes an integer, 0 or more; found 1_0'),
        ("layer { accuracy_param { top_k: -3 } }", '"top_k" takes an integer from 0 to 4294967295; found -3'),
        (
            "layer { accuracy_param { axis: 3000000000 } }",
            '"axis" takes an integer from -2147483648 to 2147483647; found 3000000000',
        ),
        ("layer { top: }", '1:14: "top" takes a string in quotes; found "}"'),
        ("layer { top }", '1:13: expected ":" and a string in quotes after "top", found "}"'),
        ("layer { top: ['a' 'b' 3] }", '1:23: expected "," or "]" in the list of "top", found 3'),
        ("layer: 5", '1:8: expected "{" after "layer", found 5'),
        ('layer {\n  name: "a"\n  name: "b"\n}', '3:3: "name" is given twice in layer, first in line 2'),
        ('layer { name: "a }\n', '1:15: a string without its closing "'),
        ('layer { name: "\\q" }', "1:15: unknown escape \\q"),
        ('layer { name: "\\377" }', '"name" takes text in UTF-8; found "\\377"'),
        ("layer { @ }", "1:9: unexpected character '@'"),
        ("layer { [ext]: 1 }", '1:9: expected the name of a field of layer, found "["'),
        ("layer {\n  clip_param { min: 1 } }", '2:14: clip_param lacks "max"'),
        ("base_lr: 0.1", '1:1: expected a net, but "base_lr" is a field of a solver: this looks like a solver'),
    ],
)
def test_errors(text, sentence):
    found = refused(text)
    assert found.startswith("net.prototxt:")
    assert sentence in found
    assert "\n" not in found


def test_a_net_is_no_solver():
    found = refused("net: 'a'\nlayer { }", caffe_pb2.SolverParameter)
    assert found.startswith('net.prototxt:2:1: expected a solver, but "layer" is a field of a net')
