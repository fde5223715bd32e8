"""Random messages of every class: to text and to binary and back, with protobuf's own reader and writer beside ours."""

import numpy as np
import pytest
from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor as F
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from minicaffe.errors import ProtoError
from minicaffe.proto import array_from_blob, blob_from_array, caffe_pb2, format_text, net_file, parse_text
from minicaffe.proto.binary import stranger
from minicaffe.proto.schema import DESCRIPTOR, is_repeated
from minicaffe.proto.text import net_of
from minicaffe.proto.upgrade import v0

QUIET = settings(
    derandomize=True, deadline=None, max_examples=12, database=None, suppress_health_check=list(HealthCheck)
)
DEPTH = 4  # a net, its layer, the layer's options, their filler

SCALARS = {
    F.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    F.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    F.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    F.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    F.CPPTYPE_FLOAT: st.floats(width=32, allow_nan=False),
    F.CPPTYPE_DOUBLE: st.floats(allow_nan=False),
    F.CPPTYPE_BOOL: st.booleans(),
}
TEXTS = st.text(max_size=6) | st.text("\"'\\\n\t\0?é7", max_size=6)


def values(field):
    if field.cpp_type == F.CPPTYPE_ENUM:
        return st.sampled_from([value.number for value in field.enum_type.values])
    if field.cpp_type == F.CPPTYPE_STRING:
        return st.binary(max_size=6) if field.type == F.TYPE_BYTES else TEXTS
    return SCALARS[field.cpp_type]


def fill(draw, message, depth=DEPTH, without=()):
    """Give some fields of ``message`` random values; all that are required."""
    fields = [field for field in message.DESCRIPTOR.fields if field.name not in without]
    chosen = draw(st.lists(st.sampled_from(fields), max_size=5, unique_by=lambda field: field.number))
    for field in chosen:
        repeats = draw(st.integers(0, 3)) if is_repeated(field) else 1
        if field.cpp_type == F.CPPTYPE_MESSAGE:
            for _ in range(repeats if depth > 1 else 0):
                part = getattr(message, field.name)
                part = part.add() if is_repeated(field) else part
                part.SetInParent()
                fill(draw, part, depth - 1)
        elif is_repeated(field):
            getattr(message, field.name).extend([draw(values(field)) for _ in range(repeats)])
        else:
            setattr(message, field.name, draw(values(field)))
    for error in message.FindInitializationErrors():
        if "." not in error:  # those further down are theirs
            setattr(message, error, draw(values(message.DESCRIPTOR.fields_by_name[error])))
    return message


@pytest.mark.parametrize("name", sorted(DESCRIPTOR.message_types_by_name))
def test_every_message(name):
    cls = getattr(caffe_pb2, name)

    @QUIET
    @given(st.data())
    def check(data):
        message = fill(data.draw, cls())
        binary = message.SerializeToString()
        assert cls.FromString(binary) == message
        assert stranger(binary, cls.DESCRIPTOR) == ""
        ours, theirs = format_text(message), text_format.MessageToString(message)
        if message.ListFields():
            assert parse_text(ours, cls) == message
            assert parse_text(theirs, cls) == message
            assert parse_text(text_format.MessageToString(message, as_one_line=True), cls) == message
        assert text_format.Parse(ours, cls()) == message
        assert format_text(cls.FromString(binary)) == ours

    check()


@settings(QUIET, max_examples=150)
@given(st.data())
def test_damaged_nets_are_refused_in_words(data):
    """A binary net with bytes changed, added or left out is a net still, or a ProtoError; never anything else."""
    net = fill(data.draw, caffe_pb2.NetParameter())
    fill(data.draw, net.layer.add())
    fill(data.draw, net.layers.add(type=4), without=("layer", "type"))
    raw = bytearray(net.SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    try:
        format_text(net_of(bytes(raw), "n").param)
    except ProtoError as error:
        assert str(error).startswith("n:") and "\n" not in str(error)


@settings(QUIET, max_examples=150)
@given(st.data())
def test_random_v0_nets(data):
    """A random V0 net is upgraded or refused; what is upgraded has all its blobs and multipliers."""
    net = caffe_pb2.NetParameter()
    for _ in range(data.draw(st.integers(1, 3))):
        outer = net.layers.add(bottom=["x"], top=["x"])
        kind = data.draw(st.sampled_from([*v0.TYPES, "padding"]))
        foreign = {name for name, (_, kinds) in v0._FIELDS.items() if kind not in kinds}
        if kind not in v0._IMAGES:
            foreign |= set(v0._TRANSFORMS)
        foreign |= {"new_num", "new_channels", "hdf5_output_param"}
        strict = data.draw(st.integers(0, 3)) > 0
        fill(data.draw, outer.layer, without=("type", *(foreign if strict else ())))
        outer.layer.type = kind
    try:
        file = net_file(net)
    except ProtoError as error:
        assert str(error).startswith("<net>: ")
        return
    old = [outer.layer for outer in net.layers if outer.layer.type != "padding"]
    assert [layer.name for layer in file.param.layer] == [layer.name for layer in old]
    for was, layer in zip(old, file.param.layer):
        assert list(layer.blobs) == list(was.blobs)
        assert [spec.lr_mult for spec in layer.param][: len(was.blobs_lr)] == list(was.blobs_lr)
        assert [spec.decay_mult for spec in layer.param][: len(was.weight_decay)] == list(was.weight_decay)
    assert net_file(file.param).notes == ()


@settings(QUIET, max_examples=60)
@given(
    st.lists(st.integers(0, 4), max_size=5).flatmap(
        lambda shape: st.tuples(
            st.just(tuple(shape)), st.sampled_from([np.float32, np.float64]), st.booleans(), st.integers(0, 2**32 - 1)
        )
    )
)
def test_arrays(drawn):
    shape, dtype, with_diff, seed = drawn
    random = np.random.default_rng(seed)
    array, diff = (random.normal(size=shape).astype(dtype) for _ in range(2))
    blob = blob_from_array(array, diff if with_diff else None)
    for same in (
        caffe_pb2.BlobProto.FromString(blob.SerializeToString()),
        parse_text(format_text(blob), caffe_pb2.BlobProto),
    ):
        assert same == blob
        back = array_from_blob(same)
        assert back.shape == shape and np.array_equal(back, array)
        kept = same.double_diff if dtype == np.float64 else same.diff
        assert list(kept) == (diff.ravel().tolist() if with_diff else [])


@settings(QUIET, max_examples=40)
@given(st.tuples(*[st.integers(0, 4)] * 4), st.booleans(), st.sampled_from(["num", "channels", "height", "width"]))
def test_arrays_of_old_shapes(shape, double, absent):
    """The old four extents; one that is not written is 0, as in Caffe."""
    names = ("num", "channels", "height", "width")
    values = list(range(int(np.prod(shape))))
    field = "double_data" if double else "data"
    blob = caffe_pb2.BlobProto(**dict(zip(names, shape)), **{field: values})
    found = array_from_blob(caffe_pb2.BlobProto.FromString(blob.SerializeToString()))
    assert (found.shape, found.ravel().tolist()) == (shape, values)
    blob.ClearField(absent)
    if values:
        with pytest.raises(ProtoError, match="expected 0"):
            array_from_blob(blob)
    else:
        assert array_from_blob(blob).size == 0


@settings(QUIET, max_examples=80)
@given(st.data())
def test_upgrades_are_done_once(data):
    """A random V1 net, upgraded, is in the present form; what is refused is refused in words."""
    net = caffe_pb2.NetParameter()
    kinds = [value.number for value in caffe_pb2.V1LayerParameter.DESCRIPTOR.enum_types_by_name["LayerType"].values]
    for _ in range(data.draw(st.integers(1, 3))):
        layer = fill(data.draw, net.layers.add(), without=("layer",))
        layer.type = data.draw(st.sampled_from([kind for kind in kinds if kind]))
    before = [blob for layer in net.layers for blob in layer.blobs]
    try:
        file = net_file(net)
    except ProtoError as error:
        assert "expected it in transform_param only" in str(error)
        assume(False)
    again = net_file(file.param)
    assert (again.param, again.notes) == (file.param, ())
    assert not file.param.layers
    assert [layer.name for layer in file.param.layer] == [layer.name for layer in net.layers]
    assert [blob for layer in file.param.layer for blob in layer.blobs] == before
    text = parse_text(format_text(net), caffe_pb2.NetParameter)
    assert net_file(text).param == file.param
