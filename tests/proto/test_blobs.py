"""Arrays in and out of BlobProto."""

import numpy as np
import pytest

from minicaffe.errors import ProtoError
from minicaffe.proto import array_from_blob, blob_from_array, caffe_pb2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3, 4), (2, 0, 4), (300, 7)])
def test_round_trip(dtype, shape):
    array = np.random.default_rng(0).normal(size=shape).astype(dtype)
    blob = caffe_pb2.BlobProto.FromString(blob_from_array(array).SerializeToString())
    assert tuple(blob.shape.dim) == shape and blob.HasField("shape")
    assert list(blob.double_data if dtype == np.float64 else blob.data) == array.ravel().tolist()
    back = array_from_blob(blob)
    assert back.shape == shape and back.flags.writeable
    assert back.dtype == (dtype if array.size else np.float32)
    assert np.array_equal(back, array)


def test_diffs_and_other_layouts():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    blob = blob_from_array(array.T, diff=-array.T)
    assert list(blob.data) == [0, 3, 1, 4, 2, 5]
    assert list(blob.diff) == [0, -3, -1, -4, -2, -5]
    double = blob_from_array(array.astype(np.float64), diff=array)
    assert list(double.double_diff) == [0, 1, 2, 3, 4, 5] and not double.diff
    assert list(blob_from_array(np.arange(3)).data) == [0, 1, 2]


def test_older_shape():
    blob = caffe_pb2.BlobProto(num=1, channels=2, height=1, width=3, data=range(6))
    assert np.array_equal(array_from_blob(blob), np.arange(6).reshape(1, 2, 1, 3))


def test_unpacked_data():
    packed = caffe_pb2.BlobProto(data=[1.5, -2]).SerializeToString()
    unpacked = b"".join(b"\x2d" + packed[i : i + 4] for i in (2, 6))  # field 5, 32 bits each
    blob = caffe_pb2.BlobProto.FromString(b"\x3a\x03\x0a\x01\x02" + unpacked)
    assert array_from_blob(blob).tolist() == [1.5, -2]


@pytest.mark.parametrize(
    "blob, sentence",
    [
        (caffe_pb2.BlobProto(data=[1, 2]), "a blob has no shape"),
        (
            caffe_pb2.BlobProto(num=1, channels=1, height=2, width=2, data=[1]),
            "1 x 1 x 2 x 2 holds 1 value, expected 4",
        ),
        (caffe_pb2.BlobProto(shape=caffe_pb2.BlobShape(dim=[3])), "a blob of 3 holds 0 values, expected 3"),
        (caffe_pb2.BlobProto(shape=caffe_pb2.BlobShape(dim=[2, -1])), "the impossible shape 2 x -1"),
        (caffe_pb2.BlobProto(shape=caffe_pb2.BlobShape(dim=[2**62, 0, 2**40])), "the impossible shape"),
        (caffe_pb2.BlobProto(shape=caffe_pb2.BlobShape(dim=[1] * 33), data=[1]), "the impossible shape"),
        (
            caffe_pb2.BlobProto(shape=caffe_pb2.BlobShape(dim=[2**62, 4])),
            "the impossible shape 4611686018427387904 x 4",
        ),
    ],
)
def test_shapes_that_do_not_fit(blob, sentence):
    with pytest.raises(ProtoError) as error:
        array_from_blob(blob)
    assert sentence in str(error.value)
