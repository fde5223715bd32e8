"""OpenCV's other interpolations, beside figures recorded from OpenCV 5.0 (``cv2.resize``, ``cv2.warpAffine``)."""

import numpy as np
import pytest

from minicaffe.data.warping import RESIZE, turn

PATTERN = np.array([[(37 * i + 91 * j * j) % 256 for j in range(7)] for i in range(5)], np.uint8)
RESIZED = [
    ("AREA", [[84, 133, 152], [158, 134, 80]]),
    ("AREA", [[33, 108, 84, 183, 203], [78, 153, 129, 140, 116], [122, 197, 151, 97, 51], [167, 124, 152, 82, 95]]),
    (
        "AREA",
        [
            [0, 65, 98, 100, 51, 158, 205, 220, 204],
            [22, 87, 120, 122, 73, 180, 140, 133, 226],
            [44, 109, 142, 144, 95, 202, 103, 67, 197],
            [74, 139, 172, 174, 125, 232, 133, 38, 22],
            [104, 169, 202, 203, 155, 86, 75, 68, 51],
            [126, 191, 180, 138, 177, 64, 75, 90, 74],
            [148, 213, 137, 28, 199, 87, 97, 112, 96],
        ],
    ),
    ("NEAREST", [[0, 108, 176], [74, 182, 250]]),
    ("NEAREST", [[0, 91, 108, 176, 227], [37, 128, 145, 213, 8], [74, 165, 182, 250, 45], [111, 202, 219, 31, 82]]),
    (
        "NEAREST",
        [
            [0, 0, 91, 108, 51, 51, 176, 227, 204],
            [0, 0, 91, 108, 51, 51, 176, 227, 204],
            [37, 37, 128, 145, 88, 88, 213, 8, 241],
            [74, 74, 165, 182, 125, 125, 250, 45, 22],
            [74, 74, 165, 182, 125, 125, 250, 45, 22],
            [111, 111, 202, 219, 162, 162, 31, 82, 59],
            [148, 148, 239, 0, 199, 199, 68, 119, 96],
        ],
    ),
    ("CUBIC", [[85, 76, 101], [190, 174, 96]]),
    ("CUBIC", [[19, 118, 54, 202, 210], [68, 166, 103, 151, 128], [111, 230, 147, 91, 33], [166, 94, 196, 70, 98]]),
    (
        "CUBIC",
        [
            [0, 58, 110, 92, 48, 139, 228, 239, 198],
            [12, 78, 130, 112, 69, 177, 133, 133, 255],
            [43, 110, 162, 144, 100, 232, 90, 26, 198],
            [68, 134, 186, 169, 125, 244, 147, 15, 20],
            [93, 156, 226, 224, 150, 98, 75, 57, 33],
            [124, 203, 187, 136, 181, 48, 57, 103, 77],
            [145, 242, 120, 4, 202, 98, 91, 120, 97],
        ],
    ),
    ("LANCZOS4", [[81, 77, 92], [192, 173, 103]]),
    (
        "LANCZOS4",
        [[16, 126, 54, 204, 212], [66, 174, 104, 156, 120], [106, 236, 146, 101, 28], [175, 84, 196, 52, 106]],
    ),
    (
        "LANCZOS4",
        [
            [0, 54, 119, 88, 49, 140, 238, 231, 191],
            [13, 74, 142, 108, 69, 172, 129, 128, 255],
            [44, 107, 170, 123, 100, 248, 94, 12, 207],
            [69, 130, 198, 158, 125, 244, 154, 6, 26],
            [95, 153, 228, 226, 150, 90, 84, 63, 24],
            [121, 209, 180, 139, 181, 45, 42, 113, 86],
            [137, 255, 110, 2, 201, 114, 79, 128, 92],
        ],
    ),
]
TURNED = [  # by 17.3 degrees; the constant is 104
    (
        "LINEAR",
        "CONSTANT",
        [
            [97, 103, 78, 129, 164, 154, 178],
            [45, 114, 116, 127, 174, 46, 47],
            [53, 145, 168, 125, 183, 72, 58],
            [81, 159, 202, 177, 85, 83, 100],
            [108, 168, 162, 91, 142, 94, 106],
        ],
    ),
    (
        "NEAREST",
        "REPEAT_NEAREST",
        [
            [91, 108, 51, 176, 227, 241, 241],
            [0, 91, 145, 88, 213, 45, 22],
            [37, 128, 182, 125, 250, 82, 59],
            [74, 165, 219, 162, 31, 119, 96],
            [111, 111, 239, 0, 199, 68, 119],
        ],
    ),
    (
        "CUBIC",
        "MIRRORED",
        [
            [89, 126, 60, 118, 178, 172, 144],
            [29, 121, 107, 129, 193, 7, 28],
            [46, 151, 168, 125, 194, 72, 53],
            [82, 157, 235, 192, 61, 74, 107],
            [143, 171, 154, 65, 166, 38, 94],
        ],
    ),
]


@pytest.mark.parametrize("mode, expected", RESIZED)
def test_resized_as_by_opencv(mode, expected):
    found = RESIZE[mode](PATTERN[None], len(expected), len(expected[0]))[0]
    assert found.dtype == np.uint8
    within = mode == "CUBIC"  # OpenCV's vectors do not round as its plain loop does
    assert abs(found.astype(int) - expected).max() <= within


@pytest.mark.parametrize("mode, border, expected", TURNED)
def test_turned_as_by_opencv(mode, border, expected):
    assert turn(PATTERN[None], 17.3, mode, border, np.array([104]))[0].tolist() == expected


@pytest.mark.parametrize("mode", ["LINEAR", "AREA", "CUBIC", "LANCZOS4", "NEAREST"])
@pytest.mark.parametrize("border", ["CONSTANT", "MIRRORED", "REPEAT_NEAREST"])
def test_a_quarter_turn_moves_pixels(mode, border):
    image = np.stack([PATTERN[:, :5], PATTERN[:, 2:]])
    fill = np.array([7, 8], np.uint8)
    assert (turn(image, 90, mode, border, fill) == np.rot90(image, axes=(1, 2))).all()
    assert (turn(image, 0, mode, border, fill) == image).all()


@pytest.mark.parametrize("mode", RESIZE)
def test_its_own_size_is_kept_and_channels_do_not_mix(mode):
    image = np.stack([PATTERN, 255 - PATTERN, PATTERN[::-1]])
    assert (RESIZE[mode](image, 5, 7) == image).all()
    together = RESIZE[mode](image, 4, 9)
    assert all((RESIZE[mode](image[c : c + 1], 4, 9)[0] == together[c]).all() for c in range(3))
    assert (RESIZE[mode](np.full((1, 1, 1), 9, np.uint8), 3, 2) == 9).all()


def test_an_area_is_a_mean():
    blocks = PATTERN[:4, :6].astype(int)
    assert (RESIZE["AREA"](PATTERN[None, :4, :6], 2, 1)[0] == np.rint(blocks.reshape(2, 2, 1, 6).mean((1, 3)))).all()
