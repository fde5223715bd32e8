import io
import sys

import numpy as np
import pytest
from PIL import Image

from minicaffe.data.datum import read_datum
from minicaffe.errors import DataError
from minicaffe.proto import caffe_pb2

RGB = np.array([[[10, 20, 30], [200, 100, 50]]], np.uint8)  # one row of two pixels


def encoded(pixels, mode=None, file_format="PNG"):
    file = io.BytesIO()
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(file, file_format)
    return caffe_pb2.Datum(encoded=True, data=file.getvalue(), label=5).SerializeToString()


def test_raw_bytes():
    record = caffe_pb2.Datum(channels=2, height=1, width=3, data=bytes([0, 1, 2, 253, 254, 255]), label=9)
    image, label = read_datum(record.SerializeToString())
    assert image.dtype == np.uint8
    assert image.tolist() == [[[0, 1, 2]], [[253, 254, 255]]]
    assert label == 9


def test_a_colour_image_has_blue_first():
    image, label = read_datum(encoded(RGB))
    assert image.tolist() == [[[30, 50]], [[20, 100]], [[10, 200]]]
    assert label == 5


def test_an_image_with_transparency_has_four_channels():
    rgba = np.concatenate([RGB, np.array([[[7], [8]]], np.uint8)], axis=2)
    assert read_datum(encoded(rgba))[0].tolist() == [[[30, 50]], [[20, 100]], [[10, 200]], [[7, 8]]]


def test_a_grey_image_has_one_channel_unless_colour_is_wanted():
    grey = RGB[:, :, 0]
    assert read_datum(encoded(grey))[0].tolist() == [[[10, 200]]]
    assert read_datum(encoded(grey), color=True)[0].tolist() == [[[10, 200]]] * 3


def test_a_colour_image_made_grey():
    image, _ = read_datum(encoded(RGB), color=False)
    expected = 0.299 * RGB[..., 0] + 0.587 * RGB[..., 1] + 0.114 * RGB[..., 2]
    assert image.shape == (1, 1, 2)
    assert abs(image[0] - expected).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("mode, channels", [("P", 3), ("1", 1), ("LA", 4)])
def test_rarer_modes(mode, channels):
    black_and_white = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    image, _ = read_datum(encoded(black_and_white, mode))
    assert image.shape == (channels, 1, 2)
    assert image[0].tolist() == [[0, 255]]


@pytest.mark.parametrize("color", [None, True])
def test_sixteen_bits_are_refused(color):
    deep = np.array([[300, 70]], np.uint16)
    with pytest.raises(DataError, match=r"cannot be decoded .*expected 8 bits a channel"):
        read_datum(encoded(deep), color)


def test_an_image_that_cannot_be_decoded():
    record = caffe_pb2.Datum(encoded=True, data=b"nothing like an image").SerializeToString()
    with pytest.raises(DataError, match=r"^21 bytes of an encoded image that cannot be decoded"):
        read_datum(record)


def test_a_cut_off_image():
    record = caffe_pb2.Datum.FromString(encoded(np.zeros((64, 64, 3), np.uint8), file_format="JPEG"))
    record.data = record.data[:-200]
    with pytest.raises(DataError, match="cannot be decoded"):
        read_datum(record.SerializeToString())


def test_pillow_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(DataError, match=r"needs pillow, .* pip install minicaffe\[images\]$"):
        read_datum(encoded_before)


encoded_before = encoded(RGB)
