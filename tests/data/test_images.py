"""Image files and their resizing, beside figures recorded from OpenCV 5.0 (``cv2.resize``, INTER_LINEAR)."""

import sys

import numpy as np
import pytest
from PIL import Image

from minicaffe.data.images import read_image, resize
from minicaffe.data.lists import read_lines
from minicaffe.errors import DataError

PATTERN = np.array([[(37 * i + 91 * j * j) % 256 for j in range(7)] for i in range(5)], np.uint8)
BY_OPENCV = {
    (1, 1): [[125]],
    (2, 3): [[88, 79, 119], [181, 171, 83]],
    (3, 4): [[46, 113, 173, 193], [108, 175, 234, 31], [170, 87, 72, 92]],
    (8, 9): [
        [0, 61, 98, 95, 51, 148, 204, 219, 204],
        [16, 77, 115, 111, 67, 164, 158, 161, 220],
        [39, 100, 138, 135, 90, 187, 101, 83, 227],
        [62, 123, 161, 158, 113, 211, 124, 52, 90],
        [85, 146, 184, 181, 136, 172, 112, 49, 33],
        [109, 169, 207, 204, 160, 70, 64, 72, 57],
        [132, 192, 166, 115, 183, 81, 80, 95, 80],
        [148, 209, 133, 44, 199, 97, 96, 111, 96],
    ],
}


@pytest.fixture
def picture(tmp_path):
    """A colour PNG of 2 x 3 pixels, and its content with blue first."""
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3) * 13
    path = tmp_path / "a picture.png"
    Image.fromarray(pixels).save(path)
    return path, pixels[:, :, ::-1].transpose(2, 0, 1)


@pytest.mark.parametrize("size", BY_OPENCV)
def test_resized_as_by_opencv(size):
    assert resize(PATTERN[None], *size)[0].tolist() == BY_OPENCV[size]


@pytest.mark.parametrize("factor", [2, 3])
def test_one_value_stays_one_value(factor):
    for value in (0, 1, 127, 255):
        image = np.full((2, 6, 12), value, np.uint8)
        assert (resize(image, 6 * factor - 1, 12 // factor) == value).all()


def test_half_the_size_is_the_mean_of_four():
    blocks = PATTERN[:4, :6].reshape(2, 2, 3, 2).astype(int).sum(axis=(1, 3))
    assert resize(PATTERN[None, :4, :6], 2, 3)[0].tolist() == ((blocks + 2) // 4).tolist()


def test_channels_do_not_mix():
    image = np.stack([PATTERN, PATTERN[::-1], 255 - PATTERN])
    together = resize(image, 9, 4)
    assert all((resize(image[c : c + 1], 9, 4)[0] == together[c]).all() for c in range(3))


def test_a_file_has_blue_first(picture):
    path, expected = picture
    image = read_image(path, True)
    assert image.dtype == np.uint8 and image.flags.c_contiguous
    assert (image == expected).all()


def test_a_file_is_resized_where_both_sides_are_given(picture):
    path, expected = picture
    assert (read_image(path, True, 4, 5) == resize(expected, 4, 5)).all()
    assert read_image(path, True, 4).shape == (3, 2, 3)


def test_a_grey_file(picture):
    path, expected = picture
    blue, green, red = expected.astype(float)
    assert np.abs(read_image(path, False)[0] - (0.299 * red + 0.587 * green + 0.114 * blue)).max() < 0.51


def test_the_grey_of_a_jpeg_is_its_own(tmp_path):
    path = tmp_path / "x.jpg"
    Image.fromarray(np.full((8, 8, 3), (200, 30, 90), np.uint8)).save(path, quality=100)
    with Image.open(path) as picture:
        picture.draft("L", picture.size)
        assert (read_image(path, False)[0] == np.asarray(picture)).all()


def test_no_file(picture, tmp_path):
    with pytest.raises(DataError, match=r'a pictur\.png: no such file; did you mean "a picture\.png"\?$'):
        read_image(tmp_path / "a pictur.png", True)


def test_a_folder(tmp_path):
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory\)$"):
        read_image(tmp_path, True)


def test_no_image(tmp_path):
    path = tmp_path / "x.jpg"
    path.write_bytes(b"hello")
    with pytest.raises(DataError, match=r"x\.jpg: 5 bytes of an encoded image that cannot be decoded"):
        read_image(path, True)


def test_without_pillow(picture, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(DataError, match=r"a picture\.png: an encoded image needs pillow.*minicaffe\[images\]$"):
        read_image(picture[0], True)


def test_a_zero_byte_in_a_name():
    for read in (lambda path: read_image(path, True), lambda path: read_lines(path, "a list")):
        with pytest.raises(DataError, match=r"cannot be read \(embedded null byte\)$"):
            read("a\0b")
