"""Noise beside figures recorded from OpenCV 5.0, of its function for each step and with the forks' arguments."""

import io

import numpy as np
import pytest
from PIL import Image

from minicaffe.data.noise import apply_noise, check_noise
from minicaffe.errors import DataError, LayerError
from minicaffe.proto import caffe_pb2
from minicaffe.proto.text import parse_text

IMAGE = np.array(
    [
        [[0, 91, 108, 51], [37, 128, 145, 88], [74, 165, 182, 125]],
        [[148, 239, 0, 199], [111, 202, 219, 162], [74, 165, 182, 125]],
        [[0, 72, 96, 71], [79, 151, 175, 94], [48, 127, 149, 123]],
    ],
    np.uint8,
)
BY_OPENCV = {
    "decolorize": [
        [[87, 172, 41, 144], [93, 178, 197, 133], [66, 154, 172, 124]],
        [[87, 172, 41, 144], [93, 178, 197, 133], [66, 154, 172, 124]],
        [[87, 172, 41, 144], [93, 178, 197, 133], [66, 154, 172, 124]],
    ],
    "gauss_blur": [
        [[102, 107, 114, 116], [104, 109, 116, 118], [106, 111, 117, 120]],
        [[164, 165, 164, 164], [164, 165, 165, 164], [163, 164, 166, 165]],
        [[107, 112, 118, 121], [108, 113, 120, 122], [110, 114, 121, 123]],
    ],
    "hist_eq": [
        [[0, 127, 67, 47], [13, 182, 204, 72], [32, 173, 220, 95]],
        [[107, 255, 0, 194], [88, 255, 255, 145], [31, 174, 218, 93]],
        [[0, 109, 55, 66], [56, 205, 233, 77], [5, 135, 187, 92]],
    ],
    "clahe": [
        [[168, 173, 195, 163], [198, 205, 204, 84], [137, 202, 139, 66]],
        [[255, 255, 87, 255], [255, 255, 255, 157], [136, 203, 137, 64]],
        [[168, 155, 183, 182], [241, 228, 233, 89], [110, 164, 106, 63]],
    ],
    "erode": [
        [[0, 0, 51, 51], [0, 37, 88, 51], [37, 74, 125, 88]],
        [[111, 0, 0, 0], [74, 111, 0, 125], [74, 74, 125, 125]],
        [[0, 0, 71, 71], [0, 72, 94, 71], [48, 48, 123, 94]],
    ],
    "convert_to_hsv": [
        [[60, 63, 147, 56], [43, 51, 48, 58], [90, 90, 90, 90]],
        [[255, 178, 255, 190], [170, 93, 86, 116], [90, 59, 46, 4]],
        [[148, 239, 108, 199], [111, 202, 219, 162], [74, 165, 182, 125]],
    ],
    "convert_to_ycrcb": [
        [[87, 172, 41, 144], [93, 178, 197, 133], [66, 154, 172, 124]],
        [[66, 57, 167, 76], [118, 109, 112, 100], [115, 109, 112, 127]],
        [[79, 82, 166, 76], [96, 100, 99, 103], [133, 134, 134, 129]],
    ],
    "convert_to_lab": [
        [
            [53.11000061035156, 83.75, 22.09000015258789, 71.05999755859375],
            [42.849998474121094, 76.20999908447266, 82.70999908447266, 60.650001525878906],
            [29.350000381469727, 65.02999877929688, 71.63999938964844, 52.060001373291016],
        ],
        [
            [-57.41999816894531, -70.69000244140625, 49.97999954223633, -61.29999923706055],
            [-24.309999465942383, -30.110000610351562, -27.329999923706055, -36.880001068115234],
            [-9.75, -12.779999732971191, -11.050000190734863, -0.7200000286102295],
        ],
        [
            [55.41999816894531, 57.84000015258789, -36.11000061035156, 59.75],
            [36.20000076293945, 31.610000610351562, 31.729999542236328, 31.90999984741211],
            [-3.140000104904175, -4.21999979019165, -3.690000057220459, -0.25],
        ],
    ],
}


def make(text):
    param = parse_text(text, caffe_pb2.NoiseParameter, "test")
    check_noise(param)
    return param


def noisy(text, image=IMAGE, seed=0):
    return apply_noise(image, make(text), seed)


@pytest.mark.parametrize("step", BY_OPENCV)
def test_as_by_opencv(step):
    before, found = IMAGE.copy(), noisy(f"{step}: true")
    assert (before == IMAGE).all()
    within = 0.4 if step == "convert_to_lab" else 0  # OpenCV interpolates a table there
    assert found.dtype == (np.float32 if within else np.uint8)
    assert abs(found.astype(float) - BY_OPENCV[step]).max() <= within


def test_pixel_by_pixel():
    assert (noisy("inverse: true") == 255 - IMAGE).all()
    assert (noisy("posterize: true") == IMAGE // 64 * 64 + 32).all()
    assert set(noisy("posterize: true", np.arange(256, dtype=np.uint8).reshape(1, 16, 16)).ravel()) == {
        32,
        96,
        160,
        224,
    }


def test_lab_of_known_colours():
    white, red = np.full((3, 1, 1), 255, np.uint8), np.array([0, 0, 255], np.uint8).reshape(3, 1, 1)
    assert noisy("convert_to_lab: true", white).ravel() == pytest.approx([100, 0, 0], abs=0.02)
    assert noisy("convert_to_lab: true", red).ravel() == pytest.approx([53.24, 80.09, 67.20], abs=0.05)


def test_jpeg_is_that_of_the_files():
    image = np.random.default_rng(0).integers(0, 256, (3, 16, 24)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(image[::-1].transpose(1, 2, 0)).save(file, "JPEG", quality=40)
    expected = np.asarray(Image.open(file))[:, :, ::-1].transpose(2, 0, 1)
    assert (noisy("jpeg: 40.9", image) == expected).all()
    assert noisy("jpeg: 40", image[:1]).shape == (1, 16, 24)


def test_salt_and_pepper_follow_the_seed():
    image = np.full((3, 40, 50), 100, np.uint8)
    text = "saltpepper: true saltpepper_param { fraction: 0.1 value: 0.9 value: 255 value: 7 }"
    first, again, other = (noisy(text, image, seed) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()
    struck = (first != image).any(axis=0)
    assert 150 < struck.sum() <= 200
    assert (first[:, struck] == [[0], [255], [7]]).all()
    one = noisy("saltpepper: true saltpepper_param { fraction: 1 value: 9 }", image)
    assert (one != image).any() and set(one.ravel()) == {9, 100}


def test_steps_have_an_order():
    both = noisy("inverse: true posterize: true decolorize: true")
    assert (both == 255 - (noisy("decolorize: true") // 64 * 64 + 32)).all()


@pytest.mark.parametrize("step", ["decolorize", "gauss_blur", "hist_eq", "clahe", "erode", "posterize", "inverse"])
def test_grey_images(step):
    grey = np.repeat(IMAGE[:1], 3, axis=0)
    found = noisy(f"{step}: true", IMAGE[:1])
    assert found.shape == (1, 3, 4)
    assert (noisy(f"{step}: true", grey) == found).all()


@pytest.mark.parametrize("step", ["hist_eq", "clahe", "gauss_blur", "erode"])
def test_an_image_of_one_value_and_tiny_ones(step):
    for shape in ((3, 1, 1), (1, 2, 9), (3, 17, 8)):
        found = noisy(f"{step}: true", np.full(shape, 77, np.uint8))
        assert found.shape == shape and len(np.unique(found)) == 1


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "convert_to_hsv: true convert_to_lab: true",
            "both convert_to_hsv and convert_to_lab are set; expected at most one of them",
        ),
        ("jpeg: 101", "jpeg is 101; expected a quality of 1 to 100, or -1 for none"),
        ("saltpepper: true", "saltpepper_param has no value; expected one, or one per channel"),
        (
            "saltpepper: true saltpepper_param { value: 1 fraction: 2 }",
            "fraction of saltpepper_param is 2; expected 0 to 1",
        ),
        (
            "saltpepper: true saltpepper_param { value: 256 }",
            "value of saltpepper_param is 256; expected 0 to 255",
        ),
    ],
)
def test_options_that_make_no_sense(text, message):
    with pytest.raises(LayerError) as caught:
        make(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "text, channels, message",
    [
        ("inverse: true", 2, "an image of 2 x 3 x 4; expected 1 or 3 channels for noise_param"),
        ("convert_to_hsv: true", 1, "an image of 1 x 3 x 4; expected 3 channels for another colour space"),
        (
            "saltpepper: true saltpepper_param { value: 1 value: 2 }",
            3,
            "an image of 3 x 3 x 4, but saltpepper_param has 2 values; expected 1 or 3",
        ),
    ],
)
def test_images_that_do_not_suit(text, channels, message):
    with pytest.raises(DataError) as caught:
        noisy(text, IMAGE[:channels])
    assert str(caught.value) == message
