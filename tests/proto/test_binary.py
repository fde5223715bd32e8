"""Binary nets of forks, whose fields are not Caffe's: refused in words, never guessed at."""

import numpy as np
import pytest

from minicaffe.errors import ProtoError
from minicaffe.proto import blob_from_array, caffe_pb2, read_net, read_training_state, read_weights
from minicaffe.proto.binary import stranger
from minicaffe.proto.wire import length_field

NET = caffe_pb2.NetParameter.DESCRIPTOR


def net_of(*fields: bytes) -> bytes:
    """A net with a layer "bn" that has these fields besides."""
    return length_field(100, length_field(1, b"bn") + b"".join(fields))


def varint_field(number: int, value: int) -> bytes:
    assert number < 16 and value < 128
    return bytes([number << 3, value])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (net_of(length_field(201, b"")), 'layer "bn": field 201 is unknown in LayerParameter'),
        (length_field(3, b"x") + varint_field(7, 1) + varint_field(9, 1) + net_of(), "field 9 is unknown in Net"),
        (
            net_of(length_field(139, length_field(1, b""))),
            'layer "bn": batch_norm_param: use_global_stats (field 1 of BatchNormParameter) holds another kind',
        ),
        (net_of(length_field(121, varint_field(1, 9))), 'layer "bn": pooling_param: pool has the unknown value 9'),
        (
            net_of(length_field(106, b"\x0f")),
            'layer "bn": convolution_param: the content of ConvolutionParameter',
        ),
        (net_of(length_field(2, b"\xff\xfe")), 'layer "bn": type (field 2 of LayerParameter) is no text in UTF-8'),
        (net_of(length_field(7, length_field(12, b"ab"))), 'layer "bn": blobs: field 12 is unknown in BlobProto'),
        (length_field(2, varint_field(5, 40)), "layers: type has the unknown value 40"),
        (length_field(100, b"\x0b"), "layer: the content of LayerParameter makes no sense"),
    ],
)
def test_fields_of_a_fork(data, words, tmp_path):
    path = tmp_path / "net.caffemodel"
    path.write_bytes(data)
    assert stranger(data, NET).startswith(words)
    with pytest.raises(ProtoError) as error:
        read_net(path)
    assert str(error.value) == (
        f"{path}: {stranger(data, NET)} (written by a fork of Caffe?); expected a binary net of Caffe 1.0"
    )


def test_nothing_is_strange_in_caffes_own():
    net = caffe_pb2.NetParameter(name="n", input_dim=[1, 2], force_backward=True)
    net.state.phase = caffe_pb2.TEST
    layer = net.layer.add(name="é", loss_weight=[1, -0.5], propagate_down=[True], phase=1)
    layer.convolution_param.kernel_size.extend([3, 300])
    layer.blobs.extend([blob_from_array(np.zeros((2, 3))), blob_from_array(np.zeros(3, np.float32))])
    net.layers.add(type=4, blob_share_mode=[1]).layer.name = "v0"
    assert stranger(net.SerializeToString(), NET) == ""


def test_what_does_not_decode_at_all(tmp_path):
    """A message cut short inside a whole file is no truncation: something else wrote it."""
    path = tmp_path / "net.caffemodel"
    path.write_bytes(net_of(length_field(106, length_field(7, b"\x0a\x7f"))))
    with pytest.raises(ProtoError) as error:
        read_weights(path)
    assert str(error.value) == (
        f'{path}: layer "bn": convolution_param: weight_filler: the content of FillerParameter makes no sense '
        "(damaged, or written by a fork of Caffe), expected a binary caffemodel"
    )
    path.write_bytes(net_of(length_field(148, b"\x0d\0\0\0\0")))
    with pytest.raises(ProtoError, match=r"layer\[0\].clip_param.max is missing, expected a binary net"):
        read_net(path)


def test_weights_do_not_mind_options_of_a_fork(tmp_path):
    path = tmp_path / "net.caffemodel"
    blob = blob_from_array(np.ones(2, np.float32)).SerializeToString()
    path.write_bytes(net_of(length_field(202, b"\x08\x01"), length_field(7, blob)))
    assert read_weights(path)["bn"][0].tolist() == [1, 1]


def test_weights_in_fields_of_a_fork(tmp_path):
    path = tmp_path / "net.caffemodel"
    shape = caffe_pb2.BlobProto(shape=caffe_pb2.BlobShape(dim=[2])).SerializeToString()
    path.write_bytes(net_of(length_field(7, shape + length_field(12, b"abcd"))))
    with pytest.raises(ProtoError) as error:
        read_weights(path)
    assert str(error.value) == (
        f'{path}: layer "bn": a blob of 2 holds 0 values, expected 2; field 12 is unknown in BlobProto '
        "(written by a fork of Caffe?)"
    )


def test_text_that_is_not_utf8(tmp_path):
    path = tmp_path / "x.solverstate"
    state = caffe_pb2.SolverState(iter=3, learned_net="net?.caffemodel", history=[blob_from_array(np.ones(2))])
    path.write_bytes(state.SerializeToString().replace(b"?.", b"\xff."))
    with pytest.raises(ProtoError) as error:
        read_training_state(path)
    assert str(error.value) == (
        f"{path}: learned_net of SolverState is no text in UTF-8 (damaged?), expected a binary solver state"
    )
    path.write_bytes(net_of(length_field(7, blob_from_array(np.ones(2)).SerializeToString())).replace(b"bn", b"b\xfe"))
    with pytest.raises(ProtoError, match="name of LayerParameter is no text in UTF-8"):
        read_weights(path)
